"""The ledger: what runs cost, what of it was lost or saved, and what their budgets allow."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from perdure.agents.steps.errors import BudgetExceeded
from perdure.agents.steps.journal import StepOutcome
from perdure.agents.steps.keys import StepKey
from perdure.models import Budget, Failure, Goal, Spending, Usage
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.database.fencing import Claim
from perdure.stores.spending.ledger import StoredLedger

KEY = StepKey("ask", "d" * 64, 0)
ASKED = Usage(input_tokens=60, output_tokens=40, cost=0.25)

CreateRun = Callable[..., Awaitable[None]]
StartExecution = Callable[..., Awaitable[Claim]]


@pytest.fixture
def ledger(stores: Stores, claim: Claim) -> StoredLedger:
    """Return the ledger of an execution that holds the run."""
    return stores.ledger.for_execution(claim)


@pytest.fixture
def delegate(
    stores: Stores, start_execution: StartExecution
) -> Callable[[str, str], Awaitable[Claim]]:
    """Return what opens a run below another one and takes it over."""

    async def delegate(run: str, root: str) -> Claim:
        goal = Goal(goal_id="part", description="d", agent_type="a")
        await stores.goals.create(goal, run, datetime.now(UTC))
        adopt = text("UPDATE goals SET root = :root, parent = :root WHERE workflow_id = :run")
        values = {"root": root, "run": run}
        await stores.database.write(lambda writing: writing.connection.execute(adopt, values))
        return await start_execution(run)

    return delegate


async def test_usage_is_summed_up(
    stores: Stores, run: str, claim: Claim, ledger: StoredLedger
) -> None:
    kept = Usage(input_tokens=10, output_tokens=5, cost=0.5)
    lost = Usage(input_tokens=3, output_tokens=1, cost=0.25)
    saved = Usage(input_tokens=100, output_tokens=50, cost=2.0)
    assert not ledger.has_entries
    first, second = await ledger.reserve(KEY, "model", ASKED), await ledger.reserve(KEY, "m", ASKED)
    assert (first, second) == (1, 2)
    await ledger.settle(first, kept, kept=True)
    await ledger.settle(second, lost, kept=False)
    await stores.context.journal(claim).record(KEY, StepOutcome("1"))
    for _ in range(2):
        await ledger.save(saved)
    assert (await stores.ledger.of(run)).saved == Usage()  # with the end of the execution
    await ledger.close(2.5)
    await ledger.close(1.5)

    spending = await stores.ledger.of(run)

    assert ledger.has_entries
    assert spending.seconds == pytest.approx(4.0, abs=1.0)
    assert spending.model_copy(update={"seconds": 0.0}) == Spending(
        spent=kept + lost, thrown_away=lost, saved=saved + saved, requests=2, steps=1
    )


async def test_a_run_without_requests_has_cost_nothing(stores: Stores, run: str) -> None:
    assert await stores.ledger.of(run) == Spending()
    assert await stores.ledger.of("nowhere") == Spending()


async def test_a_run_without_a_budget_is_not_limited(
    stores: Stores, claim: Claim, ledger: StoredLedger
) -> None:
    await ledger.reserve(KEY, "m" * 1_000, Usage(input_tokens=10**12, cost=1e6))

    assert await ledger.left() is None
    assert await ledger.left_cost() is None
    assert await stores.ledger.seconds_left(claim) is None


async def test_what_a_request_may_use_is_reserved_until_it_is_settled(
    stores: Stores, create_run: CreateRun, start_execution: StartExecution
) -> None:
    await create_run("thrifty", Budget(tokens=150, cost=1.0))
    ledger = stores.ledger.for_execution(await start_execution("thrifty"))
    entry = await ledger.reserve(KEY, "model", ASKED)
    assert await ledger.left() == 50
    assert await ledger.left_cost() == 0.75

    with pytest.raises(BudgetExceeded, match=r"100 of the 150 tokens .* may use 100: .* larger"):
        await ledger.reserve(KEY, "model", ASKED)
    await ledger.settle(entry, Usage(input_tokens=20, output_tokens=5, cost=0.125), kept=True)
    assert await ledger.left() == 125
    assert await ledger.left_cost() == 0.875
    await ledger.reserve(KEY, "model", ASKED)

    # A refusal costs nothing.
    assert (await stores.ledger.of("thrifty")).requests == 2


async def test_a_budget_in_dollars(
    stores: Stores, create_run: CreateRun, start_execution: StartExecution
) -> None:
    await create_run("thrifty", Budget(cost=0.3))
    ledger = stores.ledger.for_execution(await start_execution("thrifty"))
    await ledger.reserve(KEY, "model", ASKED)

    with pytest.raises(BudgetExceeded, match=r"0\.2500 of the 0\.3000 dollars"):
        await ledger.reserve(KEY, "model", ASKED)
    assert await ledger.left() is None


async def test_thrown_away_work_counts_too(
    stores: Stores, create_run: CreateRun, start_execution: StartExecution
) -> None:
    await create_run("thrifty", Budget(tokens=100))
    ledger = stores.ledger.for_execution(await start_execution("thrifty"))
    await ledger.settle(await ledger.reserve(KEY, "m", ASKED), ASKED, kept=False)

    later = stores.ledger.for_execution(await start_execution("thrifty", 2))

    assert await later.left() == 0
    with pytest.raises(BudgetExceeded):
        await later.reserve(KEY, "m", Usage(input_tokens=1))


async def test_usage_beyond_the_budget_leaves_nothing(
    stores: Stores, create_run: CreateRun, start_execution: StartExecution
) -> None:
    await create_run("thrifty", Budget(tokens=100, cost=0.25))
    ledger = stores.ledger.for_execution(await start_execution("thrifty"))
    used = Usage(input_tokens=500, output_tokens=1, cost=3.0)
    await ledger.settle(await ledger.reserve(KEY, "m", ASKED), used, kept=True)

    assert await ledger.left() == 0
    assert await ledger.left_cost() == 0
    assert (await stores.ledger.of("thrifty")).spent == used


async def test_twenty_at_once_never_use_more_than_the_budget_allows(
    stores: Stores, create_run: CreateRun, start_execution: StartExecution
) -> None:
    await create_run("thrifty", Budget(tokens=700))
    ledger = stores.ledger.for_execution(await start_execution("thrifty"))

    outcomes = await asyncio.gather(
        *(ledger.reserve(KEY, "model", ASKED) for _ in range(20)), return_exceptions=True
    )

    entries = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert sorted(entries) == list(range(1, 8))
    assert sum(isinstance(outcome, BudgetExceeded) for outcome in outcomes) == 13
    assert (await stores.ledger.of("thrifty")).spent.tokens_used == 700


async def test_delegates_of_one_goal_share_its_budget_whoever_runs_them(
    settings: Settings,
    stores: Stores,
    create_run: CreateRun,
    start_execution: StartExecution,
    delegate: Callable[[str, str], Awaitable[Claim]],
) -> None:
    await create_run("top", Budget(cost=1.0))
    claims = [await start_execution("top")]
    claims += [await delegate(f"part{number}", "top") for number in range(19)]
    async with open_stores(settings) as elsewhere:  # another worker
        ledgers = [
            (elsewhere if number % 2 else stores).ledger.for_execution(claim)
            for number, claim in enumerate(claims)
        ]
        outcomes = await asyncio.gather(
            *(ledger.reserve(KEY, "model", ASKED) for ledger in ledgers), return_exceptions=True
        )

        assert outcomes.count(1) == 4
        assert sum(isinstance(outcome, BudgetExceeded) for outcome in outcomes) == 16
        assert await ledgers[0].left_cost() == 0
    spent = [(await stores.ledger.of(claim.workflow_id)).spent.cost for claim in claims]
    assert sum(spent) == 1.0


async def test_what_other_runs_of_the_goal_hold_back_is_seen(
    stores: Stores,
    create_run: CreateRun,
    start_execution: StartExecution,
    delegate: Callable[[str, str], Awaitable[Claim]],
) -> None:
    await create_run("top", Budget(tokens=100))
    await create_run("other")
    top = stores.ledger.for_execution(await start_execution("top"))
    part = stores.ledger.for_execution(await delegate("part", "top"))
    other = stores.ledger.for_execution(await start_execution("other"))

    entry = await part.reserve(KEY, "model", ASKED)
    held = [await one.is_held_elsewhere() for one in (top, part, other)]
    assert held == [True, False, False]

    await part.settle(entry, Usage(input_tokens=1), kept=True)
    assert not await top.is_held_elsewhere()


async def test_requests_of_one_run_at_once_get_numbers_of_their_own(
    settings: Settings, stores: Stores, claim: Claim
) -> None:
    async with open_stores(settings) as elsewhere:
        both = [where.ledger.for_execution(claim) for where in (stores, elsewhere)]
        entries = await asyncio.gather(
            *(both[number % 2].reserve(KEY, "model", ASKED) for number in range(20))
        )

    assert sorted(entries) == list(range(1, 21))


async def test_abandoned_requests_count_their_input(
    stores: Stores, run: str, ledger: StoredLedger, start_execution: StartExecution
) -> None:
    await ledger.reserve(KEY, "model", ASKED)
    await ledger.reserve(KEY, "model", Usage())  # nothing was known of it

    later = stores.ledger.for_execution(await start_execution(run, 2))

    sent = Usage(input_tokens=60, cost=0.25 * 0.6)
    spending = await stores.ledger.of(run)
    assert spending.spent.input_tokens == spending.thrown_away.input_tokens == 60
    assert spending.spent.output_tokens == 0
    assert spending.spent.cost == pytest.approx(sent.cost)
    # A third execution counts nothing a second time, and numbers go on.
    await start_execution(run, 3)
    assert await stores.ledger.of(run) == spending
    assert later.has_entries is False


async def test_a_request_whose_step_failed_is_abandoned_too(
    stores: Stores, run: str, claim: Claim, ledger: StoredLedger, start_execution: StartExecution
) -> None:
    await ledger.reserve(KEY, "model", ASKED)
    failure = Failure(type="E", message="m")
    await stores.context.journal(claim).record(KEY, StepOutcome("", failure))

    await start_execution(run, 2)

    assert (await stores.ledger.of(run)).thrown_away.input_tokens == 60


async def test_a_response_after_a_take_over_is_counted_as_thrown_away(
    stores: Stores, run: str, claim: Claim, ledger: StoredLedger
) -> None:
    entry = await ledger.reserve(KEY, "model", ASKED)
    await stores.executions.start(replace(claim, sequence=2), None, {})

    used = Usage(input_tokens=61, output_tokens=7, cost=0.2)
    await ledger.settle(entry, used, kept=True)

    spending = await stores.ledger.of(run)
    assert spending.spent == spending.thrown_away == used


async def test_totals_of_a_tree_count_against_one_budget(
    stores: Stores,
    create_run: CreateRun,
    start_execution: StartExecution,
    delegate: Callable[[str, str], Awaitable[Claim]],
) -> None:
    await create_run("top", Budget(steps=3, seconds=100))
    top, part = await start_execution("top"), await delegate("part", "top")
    for claim, steps in ((top, 2), (part, 1)):
        journal = stores.context.journal(claim)
        for number in range(steps):
            await journal.record(StepKey("s", "d" * 64, number), StepOutcome("1"))
    await stores.ledger.for_execution(part).close(90.0)

    with pytest.raises(BudgetExceeded, match="has done 3 steps"):
        await stores.context.journal(part).begin(KEY, once=False)
    left = await stores.ledger.seconds_left(top)
    assert left is not None
    assert 9 < left <= 10
    assert (await stores.ledger.of("top")).steps == 2
