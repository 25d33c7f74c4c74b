"""Executions: starting one by a claim, suspending it, and requests to it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import text

from perdure.agents.steps.journal import StepOutcome
from perdure.agents.steps.keys import StepKey, stream_of
from perdure.models import Budget, Goal, GoalStatus, Usage
from perdure.stores import Stores
from perdure.stores.database.fencing import Claim

KEY = StepKey("ask", "d" * 64, 0)
OTHER = StepKey("ask", "e" * 64, 0)

CreateRun = Callable[..., Awaitable[None]]
StartExecution = Callable[..., Awaitable[Claim]]


async def stored_events(stores: Stores, run: str) -> list[tuple[str, dict[str, object]]]:
    events = await stores.events.after(run, 1)
    return [(event.type, dict(event.data)) for event in events]


async def test_the_first_execution_of_a_run_is_no_resumption(stores: Stores, run: str) -> None:
    claim = Claim(run, "first", 1, datetime.now(UTC))

    claimed, is_retry = await stores.executions.start(claim, "run.resumed", {"after": None})

    assert not is_retry
    assert (claimed.root, claimed.budget) == (run, None)
    assert await stored_events(stores, run) == []


async def test_a_later_execution_adds_its_event_and_the_run_is_running_again(
    stores: Stores, run: str, claim: Claim
) -> None:
    await stores.executions.suspend(claim, GoalStatus.WAITING, "run.waiting", {"for": ["approval"]})
    assert (await stores.goals.get(run)).status is GoalStatus.WAITING

    later = replace(claim, sequence=2)
    _, is_retry = await stores.executions.start(later, "run.resumed", {"after": "wait"})

    assert is_retry
    assert (await stores.goals.get(run)).status is GoalStatus.RUNNING
    assert await stored_events(stores, run) == [
        ("run.waiting", {"for": ["approval"]}),
        ("run.resumed", {"after": "wait"}),
    ]


async def test_a_claim_knows_the_budget_at_the_top_of_its_tree(
    stores: Stores, create_run: CreateRun, start_execution: StartExecution
) -> None:
    budget = Budget(tokens=100, cost=0.5)
    await create_run("top", budget)
    goal = Goal(goal_id="part", description="d", agent_type="a")
    await stores.goals.create(goal, "part", datetime.now(UTC))
    adopt = text("UPDATE goals SET root = 'top', parent = 'top' WHERE workflow_id = 'part'")
    await stores.database.write(lambda writing: writing.connection.execute(adopt))

    for run in ("top", "part"):
        claim = await start_execution(run)
        assert (claim.root, claim.budget) == ("top", budget)


async def test_a_text_that_was_cut_off_is_withdrawn_and_one_that_is_done_stays(
    stores: Stores, run: str, claim: Claim, start_execution: StartExecution
) -> None:
    emitter = stores.emitter(claim, is_retry=False)
    journal = stores.context.journal(claim, emitter.drain)
    for stream in (stream_of(KEY), f"{stream_of(KEY)}.2", stream_of(OTHER), "chat"):
        await emitter.emit_text(stream, "Once upon")
    await journal.record(KEY, StepOutcome("1"))
    await emitter.drain()

    await start_execution(run, 2)
    await start_execution(run, 3)

    withdrawn = [
        data for type_, data in await stored_events(stores, run) if type_ == "text.withdrawn"
    ]
    assert sorted(str(data["stream"]) for data in withdrawn) == sorted([stream_of(OTHER), "chat"])


async def test_a_text_is_not_taken_for_one_whose_name_looks_alike(
    stores: Stores, run: str, claim: Claim, start_execution: StartExecution
) -> None:
    # Wildcards of LIKE in the name, and one name the beginning of the other.
    wild, tame = StepKey("a_%", "d" * 64, 1), StepKey("abc", "d" * 64, 1)
    longer = StepKey("a_%", "d" * 64, 10)
    emitter = stores.emitter(claim, is_retry=False)
    for key in (wild, tame, longer):
        await emitter.emit_text(f"{stream_of(key)}.1", "Once")
    await emitter.drain()
    await stores.context.journal(claim).record(wild, StepOutcome("1"))

    await start_execution(run, 2)

    withdrawn = [
        data for type_, data in await stored_events(stores, run) if type_ == "text.withdrawn"
    ]
    expected = [f"{stream_of(key)}.1" for key in (tame, longer)]
    assert sorted(str(data["stream"]) for data in withdrawn) == sorted(expected)


async def test_requests_that_were_cut_off_are_settled(
    stores: Stores, run: str, claim: Claim, start_execution: StartExecution
) -> None:
    ledger = stores.ledger.for_execution(claim)
    expected = Usage(input_tokens=75, output_tokens=25, cost=1.0)
    await ledger.reserve(KEY, "model", expected)
    await ledger.reserve(OTHER, "model", expected)
    # The worker died between the journal and the ledger: what was journaled is kept.
    await stores.context.journal(claim).record(KEY, StepOutcome("1"))

    await start_execution(run, 2)

    spending = await stores.ledger.of(run)
    # Of a request that was cut off only what was sent is known to be paid.
    lost = Usage(input_tokens=75, cost=0.75)
    assert spending.thrown_away == lost
    assert spending.spent == expected + lost
    assert spending.requests == 2


async def test_the_requests_to_several_runs_are_read_at_once(
    stores: Stores, create_run: CreateRun, start_execution: StartExecution
) -> None:
    for run in ("one", "two"):
        await create_run(run)
    await start_execution("one", 3)
    ask = text("UPDATE goals SET request = 'pause' WHERE workflow_id = 'one'")
    await stores.database.write(lambda writing: writing.connection.execute(ask))

    requests = await stores.executions.requests(["one", "two", "nowhere"])

    assert requests == {"one": ("pause", "first:3"), "two": (None, None)}
    assert await stores.executions.requests([]) == {}


async def test_what_is_requested_of_runs_under_way_is_read_without_the_others(
    stores: Stores, create_run: CreateRun, start_execution: StartExecution
) -> None:
    for run in ("paused", "cancelled", "nothing", "over"):
        await create_run(run)
    await start_execution("cancelled", 2)
    await stores.control.request(["paused"], "pause")
    await stores.control.request(["cancelled", "over"], "cancel")
    await stores.results.store("over", GoalStatus.CANCELLED, None, 1.0)

    assert await stores.executions.requested() == {
        "paused": ("pause", None),
        "cancelled": ("cancel", "first:2"),
    }
