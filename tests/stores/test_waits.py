"""The wait store: approvals, delegates, signals and sleeps, and how their outcomes are stored."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from perdure.agents.steps.errors import InputError, PermanentError
from perdure.agents.steps.journal import (
    ApprovalRequest,
    DelegateRequest,
    SignalRequest,
    SleepRequest,
    StepOutcome,
    Waits,
)
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.run_closed import Fenced
from perdure.messages import Wait, WaitKind
from perdure.models import Decision, Failure, Goal, GoalStatus, Result, Vote
from perdure.stores import Stores
from perdure.stores.database.fencing import Claim

KEY = StepKey("ask", "0" * 64, 0)
QUESTION = ApprovalRequest("Publish?", {"pages": 3}, None, (), 1)
PART = DelegateRequest("analysis", "Chart the counts", {"path": "x.csv"})

StartExecution = Callable[..., Awaitable[Claim]]


@pytest.fixture
def start_execution(stores: Stores) -> StartExecution:
    """Return a function that starts an execution of a run."""

    async def start_execution(run: str, sequence: int = 1, run_id: str = "first") -> Claim:
        claim = Claim(run, run_id, sequence, datetime.now(UTC))
        claim, _ = await stores.executions.start(claim, None, {})
        return claim

    return start_execution


@pytest.fixture
async def waits(stores: Stores, run: str, start_execution: StartExecution) -> Waits:
    """Return the waits of an execution that has the run's claim."""
    return stores.waits.for_execution(await start_execution(run))


async def event_types(stores: Stores, run: str) -> list[str]:
    return [event.type for event in await stores.events.after(run, 0)]


async def open_wait(waits: Waits, key: StepKey, wait_request: object) -> Wait:
    wait = await waits.open(key, wait_request)  # type: ignore[arg-type]
    assert isinstance(wait, Wait)
    return wait


async def finished(waits: Waits, key: StepKey, wait_request: object) -> StepOutcome:
    outcome = await waits.open(key, wait_request)  # type: ignore[arg-type]
    assert isinstance(outcome, StepOutcome)
    return outcome


async def test_an_approval_is_requested_once_and_its_decision_is_recorded_once(
    stores: Stores, run: str, waits: Waits
) -> None:
    wait = await open_wait(waits, KEY, QUESTION)
    assert await waits.open(KEY, QUESTION) == wait
    assert wait.kind is WaitKind.APPROVAL
    approval = await stores.approvals.get(wait.id)
    assert (approval.question, approval.data) == ("Publish?", {"pages": 3})
    [pending] = await stores.waits.pending(run)
    assert (pending.about, pending.is_over) == ("Publish?", False)

    vote = Vote(by="ann", approved=True, reason="fine", at=datetime.now(UTC))
    await stores.approvals.vote(wait.id, vote)
    first = await finished(waits, KEY, QUESTION)

    decision = Decision.model_validate_json(first.value or "")
    assert decision.approved
    assert [vote.by for vote in decision.votes] == ["ann"]
    assert await waits.open(KEY, QUESTION) == first
    assert await stores.waits.pending(run) == []
    assert await event_types(stores, run) == [
        "run.started",
        "approval.requested",
        "approval.decided",
        "step.completed",
    ]


async def test_an_approval_that_expires_counts_as_no(
    stores: Stores, run: str, waits: Waits
) -> None:
    soon = timedelta(seconds=0.05)

    # It ends so soon that the execution awaits it.
    outcome = await finished(waits, KEY, ApprovalRequest("Publish?", None, soon, (), 1))

    decision = Decision.model_validate_json(outcome.value or "")
    assert decision.expired
    assert not decision
    events = await stores.events.after(run, 0)
    assert events[2].type == "approval.decided"
    assert events[2].data["expired"] is True


async def test_a_decision_is_in_the_journal(
    stores: Stores, run: str, waits: Waits, start_execution: StartExecution
) -> None:
    wait = await open_wait(waits, KEY, QUESTION)
    vote = Vote(by="ann", approved=False, at=datetime.now(UTC))
    await stores.approvals.vote(wait.id, vote)
    outcome = await finished(waits, KEY, QUESTION)

    journal = stores.context.journal(await start_execution(run, 2))

    assert (await journal.load())[KEY].value == outcome.value


@pytest.mark.parametrize(
    "wait_request", [QUESTION, PART, SleepRequest(60), SignalRequest("go", 1, None)]
)
async def test_an_execution_that_lost_the_run_opens_nothing(
    stores: Stores, run: str, waits: Waits, start_execution: StartExecution, wait_request: object
) -> None:
    await start_execution(run, 2)
    before = await event_types(stores, run)

    with pytest.raises(Fenced):
        await waits.open(KEY, wait_request)  # type: ignore[arg-type]

    assert await event_types(stores, run) == before
    assert await stores.waits.pending(run) == []
    assert len(await stores.goals.list()) == 1


async def test_a_sleep_ends_at_the_time_that_was_stored_first(
    stores: Stores, run: str, waits: Waits, start_execution: StartExecution
) -> None:
    wait = await open_wait(waits, KEY, SleepRequest(3600))
    assert wait.until is not None
    again = await open_wait(
        stores.waits.for_execution(await start_execution(run, 2)), KEY, SleepRequest(3600)
    )
    assert again == wait

    # Temporal's clock says that it is over, whatever this machine's says.
    late = Claim(run, "first", 3, wait.until)
    claim, _ = await stores.executions.start(late, None, {})
    assert (
        await finished(stores.waits.for_execution(claim), KEY, SleepRequest(3600))
    ).value == "null"


@pytest.mark.parametrize(
    "wait_request", [SleepRequest(3600), SignalRequest("go", 1, timedelta(hours=1))]
)
async def test_a_wait_ends_by_temporals_clock_whatever_the_machines_says(
    stores: Stores, run: str, wait_request: SleepRequest | SignalRequest
) -> None:
    scheduled = datetime(2031, 5, 1, 12, tzinfo=UTC)
    started = scheduled + timedelta(minutes=1)
    claim = Claim(run, "first", 3, scheduled, started_at=started)
    claim, _ = await stores.executions.start(claim, None, {})
    wait = await open_wait(stores.waits.for_execution(claim), KEY, wait_request)
    assert wait.until is not None
    assert timedelta(hours=1) <= wait.until - started < timedelta(hours=1, minutes=1)


async def test_a_short_sleep_is_awaited_within_the_execution(waits: Waits) -> None:
    assert (await finished(waits, KEY, SleepRequest(0.05))).value == "null"


async def test_signals_come_by_number_before_or_after_they_are_waited_for(
    stores: Stores, run: str, waits: Waits
) -> None:
    keys = [StepKey("go", "0" * 64, number) for number in range(2)]
    assert await stores.signals.send(run, "go", {"n": 1}) == 1
    first = await finished(waits, keys[0], SignalRequest("go", 1, None))
    assert json.loads(first.value or "") == {"n": 1}

    await open_wait(waits, keys[1], SignalRequest("go", 2, None))
    assert await stores.signals.send(run, "other", None) == 1
    assert not (await stores.waits.pending(run))[0].is_over
    assert await stores.signals.send(run, "go", [2]) == 2
    assert (await stores.waits.pending(run))[0].is_over
    second = await finished(waits, keys[1], SignalRequest("go", 2, None))
    assert json.loads(second.value or "") == [2]


async def test_a_signal_that_comes_too_late_is_for_the_next_wait(
    stores: Stores, run: str, waits: Waits
) -> None:
    keys = [StepKey("go", "0" * 64, number) for number in range(2)]
    soon = timedelta(seconds=0.02)
    late = await finished(waits, keys[0], SignalRequest("go", 1, soon))
    assert late.failure is not None
    assert late.failure.type == "SignalExpired"

    await open_wait(waits, keys[1], SignalRequest("go", 2, None))
    assert await stores.signals.send(run, "go", "here") == 2
    assert (await finished(waits, keys[1], SignalRequest("go", 2, None))).value == '"here"'
    assert (await event_types(stores, run))[-3:] == ["step.failed", "signal", "step.completed"]


async def test_what_is_no_name_is_refused(waits: Waits) -> None:
    with pytest.raises(InputError, match="no name for a signal"):
        await waits.open(KEY, SignalRequest("a b", 1, None))


async def test_a_delegate_gets_a_record_of_its_own(
    stores: Stores, run: str, waits: Waits, start_execution: StartExecution
) -> None:
    wait = await open_wait(waits, KEY, PART)
    assert wait.workflow_id is not None
    assert wait.goal is not None
    assert wait.goal.goal_id == "sales.1"
    assert wait.workflow_id.startswith("goal-sales.1-")
    second = await open_wait(waits, StepKey("ask", "0" * 64, 1), PART)
    assert second.goal is not None
    assert second.goal.goal_id == "sales.2"
    assert await waits.open(KEY, PART) == wait
    assert len(await stores.goals.list()) == 3

    # The delegate's own start finds its record there.
    await stores.goals.create(wait.goal, wait.workflow_id, datetime.now(UTC), "p 1.0")
    child = await stores.goals.get(wait.workflow_id)
    assert child.parent == run
    assert child.budget is None
    assert await event_types(stores, wait.workflow_id) == ["run.started"]
    await start_execution(wait.workflow_id)

    await stores.results.store(wait.workflow_id, GoalStatus.COMPLETED, None, 1.0)
    assert (await stores.waits.pending(run))[0].is_over
    outcome = await finished(waits, KEY, PART)
    assert Result.model_validate_json(outcome.value or "") == Result()
    assert (await event_types(stores, run))[1:] == ["delegated", "delegated", "step.completed"]


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (GoalStatus.FAILED, "failed"),
        (GoalStatus.CANCELLED, "was cancelled"),
        (GoalStatus.TERMINATED, "was terminated"),
    ],
)
async def test_a_delegate_that_does_not_complete_is_a_failure_that_names_it(
    stores: Stores, waits: Waits, status: GoalStatus, word: str
) -> None:
    wait = await open_wait(waits, KEY, PART)
    assert wait.workflow_id is not None
    error = Failure(type="E", message="no file")
    await stores.results.store(wait.workflow_id, status, error, 1.0)

    outcome = await finished(waits, KEY, PART)

    assert outcome.failure is not None
    assert outcome.failure.permanent
    assert wait.workflow_id in outcome.failure.message
    assert f"{word} (no file)" in outcome.failure.message


async def test_a_delegates_result_is_returned_whole(
    stores: Stores, waits: Waits, start_execution: StartExecution
) -> None:
    wait = await open_wait(waits, KEY, PART)
    assert wait.workflow_id is not None
    result = Result(summary="s", data={"rows": ["x" * 100_000]})
    await stores.results.draft(await start_execution(wait.workflow_id), result)
    await stores.results.store(wait.workflow_id, GoalStatus.COMPLETED, None, 1.0)

    outcome = await finished(waits, KEY, PART)

    assert Result.model_validate_json(outcome.value or "") == result


async def test_delegation_goes_five_deep(
    stores: Stores, run: str, waits: Waits, start_execution: StartExecution
) -> None:
    for _ in range(5):
        wait = await open_wait(waits, KEY, PART)
        assert wait.workflow_id is not None
        waits = stores.waits.for_execution(await start_execution(wait.workflow_id))

    with pytest.raises(PermanentError, match="5 delegations deep"):
        await waits.open(KEY, PART)
    assert len(await stores.control.open_descendants(run)) == 5


async def test_goal_ids_of_delegates_stay_within_their_length(
    stores: Stores, start_execution: StartExecution
) -> None:
    goal = Goal(goal_id="g" * 100, description="d", agent_type="a")
    await stores.goals.create(goal, "long", datetime.now(UTC))
    wait = await open_wait(stores.waits.for_execution(await start_execution("long")), KEY, PART)
    assert wait.goal is not None
    assert wait.goal.goal_id == "g" * 98 + ".1"


async def test_what_is_no_goal_is_not_delegated(stores: Stores, waits: Waits) -> None:
    with pytest.raises(InputError, match="agent_type"):
        await waits.open(KEY, DelegateRequest("No Such", "d", {}))
    assert len(await stores.goals.list()) == 1


async def test_waits_that_are_over_while_the_run_waits_are_found(
    stores: Stores, run: str, waits: Waits
) -> None:
    wait = await open_wait(waits, KEY, QUESTION)
    vote = Vote(by="ann", approved=True, at=datetime.now(UTC))
    await stores.approvals.vote(wait.id, vote)
    assert await stores.waits.not_woken(timedelta(0)) == []  # it runs, and will see for itself

    await stores.goals.set_status(run, GoalStatus.WAITING)
    assert await stores.waits.not_woken(timedelta(0)) == [(run, wait.id)]
    assert await stores.waits.not_woken(timedelta(seconds=60)) == []
    await stores.goals.set_status(run, GoalStatus.RUNNING)
    await finished(waits, KEY, QUESTION)
    await stores.goals.set_status(run, GoalStatus.WAITING)
    assert await stores.waits.not_woken(timedelta(0)) == []


async def test_opened_and_answered_at_once_nothing_is_lost(
    stores: Stores, run: str, waits: Waits
) -> None:
    keys = [StepKey("go", "0" * 64, number) for number in range(10)]

    async def receive(number: int) -> StepOutcome | Wait:
        return await waits.open(keys[number], SignalRequest("go", number + 1, None))

    sent = [stores.signals.send(run, "go", number) for number in range(10)]
    await asyncio.gather(*sent, *(receive(number) for number in range(10)))

    values = [
        (await finished(waits, keys[n], SignalRequest("go", n + 1, None))).value for n in range(10)
    ]
    assert sorted(int(value or "") for value in values) == list(range(10))
