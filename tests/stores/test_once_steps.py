"""Steps marked ``once`` of unknown outcome: listed, and settled by people."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from pydantic import JsonValue

from perdure.agents.steps.journal import StepOutcome
from perdure.agents.steps.keys import StepKey
from perdure.models import GoalStatus
from perdure.stores import Stores, UnknownGoal
from perdure.stores.database.errors import InputRefused, StepNotSettled, UnknownStep
from perdure.stores.database.fencing import Claim

StartExecution = Callable[..., Awaitable[Claim]]
FIRST = StepKey("send", "a" * 64, 0, 1)
SECOND = StepKey("send", "b" * 64, 0, 2)
KNOWN = StepKey("look", "c" * 64, 0, 1)


async def begin(stores: Stores, claim: Claim, *keys: StepKey) -> None:
    for key in keys:
        await stores.context.journal(claim).begin(key, once=True)


async def fail(stores: Stores, run: str) -> None:
    await stores.results.store(run, GoalStatus.FAILED, None, 1.0)


async def settle(
    stores: Stores, run: str, step: str = "send", done: bool = True, value: JsonValue = None
) -> None:
    await stores.once_steps.settle(run, step, by="ann", done=done, value=value)


async def test_what_was_done_is_in_the_journal_as_if_it_had_returned(
    stores: Stores, run: str, claim: Claim, start_execution: StartExecution
) -> None:
    await begin(stores, claim, FIRST)
    await fail(stores, run)
    (unknown,) = await stores.once_steps.unknown(run)
    assert (unknown.step, unknown.number) == ("send", 1)

    await settle(stores, run, value={"id": "ü", "amounts": [1, 2.5, None]})

    assert await stores.once_steps.unknown(run) == []
    last = (await stores.events.after(run, 0))[-1]
    assert (last.type, last.data) == (
        "step.settled",
        {"step": "send", "number": 1, "done": True, "by": "ann"},
    )
    await stores.control.reopen(run)
    journal = stores.context.journal(await start_execution(run, 2))
    outcome = (await journal.load())[FIRST]
    assert outcome == StepOutcome(outcome.value)
    assert StepOutcome('{"id": "\\u00fc", "amounts": [1, 2.5, null]}') == outcome


async def test_what_was_not_done_begins_anew(
    stores: Stores, run: str, claim: Claim, start_execution: StartExecution
) -> None:
    await begin(stores, claim, FIRST)
    await fail(stores, run)

    await settle(stores, run, done=False)

    await stores.control.reopen(run)
    journal = stores.context.journal(await start_execution(run, 2))
    assert await journal.load() == {}
    assert await journal.begin(FIRST, once=True) is False
    assert await journal.begin(FIRST, once=True) is True


async def test_of_several_steps_of_one_name_one_is_named(
    stores: Stores, run: str, claim: Claim
) -> None:
    await begin(stores, claim, FIRST, SECOND)
    await fail(stores, run)

    with pytest.raises(StepNotSettled, match=r"2 steps 'send' .*: name .* 'send#1' or 'send#2'$"):
        await settle(stores, run)
    await settle(stores, run, "send#2")
    (left,) = await stores.once_steps.unknown(run)
    assert left.number == 1
    await settle(stores, run, left.key)
    assert await stores.once_steps.unknown(run) == []


async def test_steps_that_share_name_and_number_are_named_by_their_keys(
    stores: Stores, run: str, claim: Claim
) -> None:
    """Parallel branches that began in another order after the first worker was lost."""
    await begin(stores, claim, FIRST, StepKey("send", "b" * 64, 0, 1))
    await fail(stores, run)
    keys = [step.key for step in await stores.once_steps.unknown(run)]

    with pytest.raises(StepNotSettled, match=f"'{keys[0]}' or '{keys[1]}'"):
        await settle(stores, run, "send#1")
    await settle(stores, run, keys[1])
    assert [step.key for step in await stores.once_steps.unknown(run)] == keys[:1]


async def test_only_a_step_of_unknown_outcome_is_settled(
    stores: Stores, run: str, claim: Claim
) -> None:
    await begin(stores, claim, FIRST, KNOWN)
    await stores.context.journal(claim).record(KNOWN, StepOutcome("1"))
    await fail(stores, run)

    with pytest.raises(
        StepNotSettled, match=r"'look' .* is known, .* of unknown outcome is 'send'"
    ):
        await settle(stores, run, "look")
    with pytest.raises(UnknownStep, match=r"no step 'pay' of unknown outcome: .* is 'send'"):
        await settle(stores, run, "pay")
    await settle(stores, run)
    with pytest.raises(StepNotSettled, match=r"'send' .* is known, .*: none of its steps is"):
        await settle(stores, run)
    with pytest.raises(UnknownGoal):
        await settle(stores, "nowhere")
    with pytest.raises(UnknownGoal):
        await stores.once_steps.unknown("nowhere")


async def test_a_run_that_a_worker_executes_is_left_alone(
    stores: Stores, run: str, claim: Claim
) -> None:
    await begin(stores, claim, FIRST)

    assert await stores.once_steps.unknown(run) == []
    with pytest.raises(StepNotSettled, match="is running, and may be at this step"):
        await settle(stores, run)
    await stores.executions.suspend(claim, GoalStatus.PAUSED, "run.paused", {})
    assert len(await stores.once_steps.unknown(run)) == 1
    await settle(stores, run, value=1)
    await stores.results.store(run, GoalStatus.COMPLETED, None, 1.0)
    with pytest.raises(StepNotSettled, match="has completed"):
        await settle(stores, run)


async def test_of_two_people_one_settles(stores: Stores, run: str, claim: Claim) -> None:
    await begin(stores, claim, FIRST)
    await fail(stores, run)

    outcomes = await asyncio.gather(
        *(settle(stores, run, value=number) for number in range(8)), return_exceptions=True
    )

    assert outcomes.count(None) == 1
    assert sum(isinstance(outcome, StepNotSettled) for outcome in outcomes) == 7
    types = [event.type for event in await stores.events.after(run, 0)]
    assert types.count("step.settled") == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {"a": ["\udfff"]}])
async def test_a_value_that_is_not_json_is_refused(
    stores: Stores, run: str, claim: Claim, value: JsonValue
) -> None:
    await begin(stores, claim, FIRST)
    await fail(stores, run)

    with pytest.raises(InputRefused, match="the value of step 'send' is not JSON"):
        await settle(stores, run, value=value)
    assert len(await stores.once_steps.unknown(run)) == 1


@pytest.mark.parametrize("by", ["", " ", "a\nb", "\x1b[31m", "x" * 201])
async def test_who_settles_has_a_name(stores: Stores, run: str, claim: Claim, by: str) -> None:
    await begin(stores, claim, FIRST)
    await fail(stores, run)

    with pytest.raises(InputRefused, match="'by' is no name"):
        await stores.once_steps.settle(run, "send", by=by, done=True)


async def test_only_what_a_person_settled_becomes_unknown_again(
    stores: Stores, run: str, claim: Claim, start_execution: StartExecution
) -> None:
    await begin(stores, claim, FIRST, KNOWN)
    await stores.context.journal(claim).record(KNOWN, StepOutcome("1"))
    await fail(stores, run)
    await settle(stores, run, value="wrong")
    await stores.control.reopen(run)
    journal = stores.context.journal(await start_execution(run, 2))

    assert await journal.unsettle(KNOWN) is False
    assert await journal.unsettle(FIRST) is True
    assert await journal.unsettle(FIRST) is False
    assert set(await journal.load()) == {KNOWN}
    await fail(stores, run)
    await settle(stores, run, value="right")
    assert await stores.once_steps.unknown(run) == []
