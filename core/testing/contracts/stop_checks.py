"""Checks of how an agent stops: cancelled, at the end of its budget, cleaned up."""

from perdure.agents import execution
from perdure.agents.execution import clean_up
from perdure.agents.steps.errors import failure_from
from perdure.agents.steps.memory import MemoryJournal
from perdure.models import FailureKind
from perdure.testing.contracts.errors import BrokenContract, describe_error
from perdure.testing.contracts.replay_checks import copy_journal
from perdure.testing.contracts.result_checks import check_result_is_json
from perdure.testing.contracts.runner import AgentRunner
from perdure.testing.in_memory.execution import ExecutionRecord, Faults


async def check_cancellation(runner: AgentRunner, first: ExecutionRecord) -> None:
    """Check that an agent cancelled in any step stops in time, and keeps what it made."""
    await _cancel_in_step(runner, MemoryJournal(), 0, "at its beginning")
    for index, key in enumerate(first.journal.begun):
        done = set(first.journal.recorded[: first.journal.recorded_at_begin[index]])
        # What an adapter records beside the steps is begun by nobody, and belongs to a moment too.
        touched = {*first.journal.begun, *first.journal.recorded}
        journal = copy_journal(first.journal.wrapped, without=touched - done)
        step = sum(begun not in done for begun in first.journal.begun[: index + 1])
        await _cancel_in_step(runner, journal, step, f"in step {key.name!r}")


async def check_cleanup(runner: AgentRunner) -> None:
    """Check that the clean-up works on an agent that did nothing, and works twice."""
    for which in ("of an agent that did nothing", "when it came a second time"):
        agent = runner.prepare().agent
        try:
            await clean_up(agent)
            if which.startswith("when"):
                await clean_up(agent)
        except Exception as error:
            raise BrokenContract(
                f"cleanup raised {describe_error(error)} {which}: release only what is there, and"
                " forget it once it is released"
            ) from error


async def check_step_budget(runner: AgentRunner, first: ExecutionRecord) -> None:
    """Check that a budget of too few steps ends an agent."""
    steps = len(first.journal.begun)
    for allowed in sorted({min(1, steps - 1), steps - 1} if steps else ()):
        record = await runner.execute(faults=Faults(max_steps=allowed))
        _check_ended_by_budget(record, f"{allowed} steps", first)


async def check_token_budget(runner: AgentRunner, first: ExecutionRecord) -> None:
    """Check that a budget of too few tokens ends an agent, or its requests, if it asks models."""
    if first.tokens_used:
        record = await runner.execute(faults=Faults(max_tokens=1))
        if not _went_on_by_rules(record):
            _check_ended_by_budget(record, "1 token", first)


async def _cancel_in_step(
    runner: AgentRunner, journal: MemoryJournal, step: int, where: str
) -> None:
    record = await runner.execute(journal, Faults(cancel_in_step=step))
    if record.seconds_to_stop >= execution.CANCEL_SECONDS:
        raise BrokenContract(
            f"cancelled {where}, the agent did not stop for {record.seconds_to_stop:.1f} s: let"
            " CancelledError pass, and put blocking work into plain functions as steps, which run"
            " in threads"
        )
    if record.cleanup_calls > 1:
        raise BrokenContract(
            "the agent calls its own cleanup: leave that to the core, which calls it once when the"
            " goal has ended, and not when it only waits"
        )
    check_result_is_json(record, runner.case)
    listed = {artifact.name for artifact in record.final_result().artifacts}
    missing = set(record.files) - listed
    if missing:
        raise BrokenContract(f"cancelled {where}, the agent loses its artifact {min(missing)!r}")


def _went_on_by_rules(record: ExecutionRecord) -> bool:
    """Return whether an execution used no token and says that its result was made without."""
    if record.status != "completed" or record.result is None or record.tokens_used:
        return False
    return "way_reason" in record.result.metadata


def _check_ended_by_budget(record: ExecutionRecord, allowed: str, first: ExecutionRecord) -> None:
    if record.status == "killed":
        raise BrokenContract(
            f"with a budget of {allowed} the agent goes on asking for ever: let BudgetExceeded pass"
        )
    if (
        record.error is None
        and record.journal.refusals == 0
        and len(record.journal.begun) < len(first.journal.begun)
    ):
        return  # it ended with fewer steps this time
    if record.error is None:
        raise BrokenContract(
            f"with a budget of {allowed} the agent ends as if nothing were missing: let"
            " BudgetExceeded pass, and return from get_results what there is"
        )
    if failure_from(record.error).kind is not FailureKind.BUDGET:
        raise BrokenContract(
            f"with a budget of {allowed} the agent ends with {describe_error(record.error)}: let"
            " BudgetExceeded pass, or raise your own error from it"
        ) from record.error
