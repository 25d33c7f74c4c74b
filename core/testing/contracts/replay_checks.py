"""Checks of how an agent goes on from its journal: complete, of another process, after kills."""

from typing import Final

from perdure.agents.steps.errors import OutcomeUnknown
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.memory import MemoryJournal
from perdure.testing.contracts.differences import first_difference
from perdure.testing.contracts.errors import BrokenContract, describe_error
from perdure.testing.contracts.runner import AgentRunner
from perdure.testing.in_memory.execution import ExecutionRecord, Faults
from perdure.testing.in_memory.recorders import KillMoment

_MOMENTS: Final[dict[KillMoment, str]] = {
    "after_record": "right after step {name!r} was recorded",
    "before_record": "after step {name!r} had done its work and before that was recorded",
}


async def check_replay(runner: AgentRunner, first: ExecutionRecord) -> None:
    """Check that with a complete journal an agent does nothing anew, and ends the same."""
    requests = runner.model_requests
    replay = await runner.execute(copy_journal(first.journal.wrapped))
    if replay.journal.begun:
        raise BrokenContract(_step_not_found(first, replay))
    if replay.status != "completed":
        raise BrokenContract(
            "with every step answered from the journal the agent ended with"
            f" {describe_error(replay.error)}: let nothing that comes later depend on what happens"
            " inside a step but by the value that the step returns"
        ) from replay.error
    _check_no_orphans(first.journal.wrapped, replay)
    if replay.result_data() != first.result_data():
        difference = first_difference(first.result_data(), replay.result_data())
        raise BrokenContract(
            f"with every step answered from the journal the result differs at {difference}: build"
            " it from what the steps return, and take time, chance and names from run.now,"
            " run.random and run.uuid"
        )
    if runner.model_requests > requests:
        raise BrokenContract(
            "the agent asks its model again although every step is in the journal: ask it through"
            " run.model, or inside a step"
        )


async def check_replay_elsewhere(runner: AgentRunner, journal: MemoryJournal) -> None:
    """Check that with the journal of another process an agent does nothing anew."""
    replay = await runner.execute(copy_journal(journal))
    if replay.journal.begun:
        key = replay.journal.begun[0]
        raise BrokenContract(
            f"step {key.name!r} is not found again in another process, where it is asked for with"
            f" {replay.steps.inputs.get(key, 'another input')}: sort what has no order, and let no"
            " hash(), id() or memory address come into a step's input"
        )


async def check_kills(runner: AgentRunner, first: ExecutionRecord, moment: KillMoment) -> None:
    """Check that an agent killed at each step goes on, and repeats only what was in doubt."""
    journal, killed = MemoryJournal(), set[StepKey]()
    unrecorded_once = set[StepKey]()
    killed_where = ""

    def kills_at(key: StepKey, at: KillMoment) -> bool:
        if at != moment or key in killed:
            return False
        killed.add(key)
        return True

    # What an adapter keeps beside the steps that the agent asks for is in the journal alone.
    steps = max(len(first.steps.requested), len(first.journal.wrapped.steps))
    for _ in range(3 * (steps + 2)):
        record = await runner.execute(journal, Faults(kills_at=kills_at, parks=True))
        if record.status in {"completed", "failed"}:
            break
        if record.journal.killed_in is not None:
            killed_where = _MOMENTS[moment].format(name=record.journal.killed_in.name)
        unrecorded_once |= record.journal.once - set(record.journal.recorded)
    else:
        raise BrokenContract(
            f"killed {killed_where}, the agent never gets to its end: with each new execution it"
            " asks for steps under other names or inputs, so take time, chance and names from"
            " run.now, run.random and run.uuid"
        )
    if record.status == "failed":
        if isinstance(record.error, OutcomeUnknown) and unrecorded_once:
            return  # a step marked once says so rather than be done twice
        raise BrokenContract(
            f"killed {killed_where or 'once'}, the agent ended with {describe_error(record.error)}"
            " when it went on: the body of a step may be done a second time, and nothing outside"
            " the steps may be needed later (give outside effects the step's idempotency_key, or"
            " mark it once=True)"
        ) from record.error
    _check_no_orphans(journal, record)
    await _check_same_result(runner, first, record)


def copy_journal(journal: MemoryJournal, without: set[StepKey] | None = None) -> MemoryJournal:
    """Return a copy of a journal, less some of its steps."""
    left_out = without or set()
    copy = MemoryJournal()
    copy.steps = {key: outcome for key, outcome in journal.steps.items() if key not in left_out}
    return copy


async def _check_same_result(
    runner: AgentRunner, first: ExecutionRecord, record: ExecutionRecord
) -> None:
    if record.result_data() == first.result_data():
        return
    # What an agent draws or reads may differ from run to run; then its own journal has to do.
    if first.repeat is None:
        first.repeat = await runner.execute()
    expected = first
    if first.repeat.result_data() != first.result_data():
        expected = await runner.execute(copy_journal(record.journal.wrapped))
    if expected.result_data() != record.result_data():
        difference = first_difference(expected.result_data(), record.result_data())
        raise BrokenContract(
            f"after kills the result differs from that of an unbroken run at {difference}: keep"
            " nothing in the agent that only a step's body sets, and build the result from what the"
            " steps return"
        )


def _check_no_orphans(journal: MemoryJournal, record: ExecutionRecord) -> None:
    requested = set(record.steps.requested)
    orphans = [key for key in journal.steps if key not in requested]
    if orphans:
        raise BrokenContract(
            f"step {orphans[0].name!r} was done and is not asked for again when the agent goes on,"
            " so that it was done for nothing: give it the same name and input on every execution"
            " (take time, chance and names from run.now, run.random and run.uuid)"
        )


def _step_not_found(first: ExecutionRecord, replay: ExecutionRecord) -> str:
    key = replay.journal.begun[0]
    requested = set(replay.steps.requested)
    before = next(
        (one for one in first.journal.recorded if one.name == key.name and one not in requested),
        None,
    )
    inputs = replay.steps.inputs.get(key, "")
    compared = f" with {inputs}"
    if before is not None:
        compared = f" with {first.steps.inputs.get(before, '')} at first and with {inputs} then"
    return (
        f"step {key.name!r} is not found again when the agent goes on, because it is asked for"
        f"{compared}: give it the same input on every execution (take time, chance and names from"
        " run.now, run.random and run.uuid, and sort what has no order)"
    )
