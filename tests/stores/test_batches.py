"""Batches in the stores: what is handed in, what is claimed, what ends, what all may spend."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from perdure.agents.steps.errors import BudgetExceeded
from perdure.agents.steps.keys import StepKey
from perdure.models import Failure, FailureKind, Goal, GoalStatus, Result, Usage
from perdure.models.batches import (
    AddedItems,
    BatchSettings,
    BatchStatus,
    ItemContent,
    ItemCounts,
    ItemStatus,
    NewItem,
)
from perdure.stores import Stores
from perdure.stores.batches import rows
from perdure.stores.batches.advance import ClaimedItem, Fed
from perdure.stores.database.errors import AmbiguousName, StateConflict, UnknownBatch
from perdure.stores.database.fencing import Claim

SETTINGS = BatchSettings(agent_type="look", description="Look", max_parallel=3)
StartExecution = Callable[..., Awaitable[Claim]]


def items(*keys: str, **parameters: str) -> list[NewItem]:
    content = ItemContent(parameters={**parameters})
    return [NewItem(key=key, content=content) for key in keys]


class Batch:
    """A batch, and the runs of its items as workers would make them."""

    def __init__(self, stores: Stores, batch_id: str, settings: BatchSettings) -> None:
        self.stores = stores
        self.batch_id = batch_id
        self.settings = settings

    async def advance(self, most: int = 100) -> Fed:
        return await self.stores.batch_feed.advance(self.batch_id, self.settings, most)

    async def begin(self, item: ClaimedItem) -> None:
        """Open the record of an item's run, as its first activity does."""
        goal = Goal(goal_id=f"b-{item.number}", description="Look", agent_type="look")
        await self.stores.goals.create(goal, item.workflow_id, datetime.now(UTC))

    async def end(
        self, item: ClaimedItem, status: GoalStatus = GoalStatus.COMPLETED, kind: str = "transient"
    ) -> None:
        failed = status is GoalStatus.FAILED
        error = Failure(type="Bad", message="no", kind=FailureKind(kind)) if failed else None
        await self.stores.results.store(item.workflow_id, status, error, 1.0)

    async def counts(self) -> ItemCounts:
        return (await self.stores.batches.get(self.batch_id)).counts


@pytest.fixture
def create(stores: Stores) -> Callable[..., Awaitable[Batch]]:
    async def create(
        new: Sequence[NewItem], settings: BatchSettings = SETTINGS, name: str = "b"
    ) -> Batch:
        record = await stores.batches.create(name, settings)
        await stores.batches.add(record.batch_id, new)
        return Batch(stores, record.batch_id, settings)

    return create


Create = Callable[..., Awaitable[Batch]]


async def test_an_item_is_there_once_however_often_it_is_handed_in(stores: Stores) -> None:
    batch = await stores.batches.create("b", SETTINGS)
    added = await stores.batches.add(batch.batch_id, items("a", "b", "a"))
    assert added == AddedItems(added=2, duplicates=1)
    again = await stores.batches.create("b", SETTINGS)
    assert again.batch_id == batch.batch_id
    added = await stores.batches.add(again.batch_id, items("a", "c"))
    assert added == AddedItems(added=1, duplicates=1)
    other = await stores.batches.add(again.batch_id, items("b", path="elsewhere"))
    assert other == AddedItems(conflicts=("b",), conflicting=1)
    shown = await stores.batches.items(batch.batch_id)
    assert [(item.number, item.key, item.parameters) for item in shown] == [
        (1, "a", {}),
        (2, "b", {}),
        (3, "c", {}),
    ]
    with pytest.raises(StateConflict, match="with other settings"):
        await stores.batches.create("b", SETTINGS.model_copy(update={"ordered": True}))


async def test_an_invalid_item_keeps_its_place_until_it_is_corrected(stores: Stores) -> None:
    batch = await stores.batches.create("b", SETTINGS)
    broken = NewItem(key="a", problem="row 1 is not JSON")
    added = await stores.batches.add(batch.batch_id, [broken, *items("b")])
    assert (added.added, added.invalid) == (2, 1)
    (first, _) = await stores.batches.items(batch.batch_id)
    assert first.status is ItemStatus.INVALID
    assert first.error is not None
    assert first.error.message == "row 1 is not JSON"
    assert (await stores.batches.get("b")).counts == ItemCounts(waiting=1, invalid=1)

    assert (await stores.batches.add(batch.batch_id, items("a"))).added == 1
    assert (await stores.batches.get("b")).counts == ItemCounts(waiting=2)
    (first, _) = await stores.batches.items(batch.batch_id)
    assert (first.number, first.status, first.error) == (1, ItemStatus.WAITING, None)
    # In one hand-in, too.
    both = [NewItem(key="c", problem="wrong"), *items("c")]
    assert (await stores.batches.add(batch.batch_id, both)).added == 1
    assert (await stores.batches.get("b")).counts == ItemCounts(waiting=3)


async def test_items_are_claimed_in_order_and_so_many_at_once(create: Create) -> None:
    batch = await create(items(*"abcde"))
    fed = await batch.advance(most=2)
    assert [item.number for item in fed.claimed] == [1, 2]
    fed = await batch.advance()
    assert [item.number for item in fed.claimed] == [3]
    assert (await batch.advance()).claimed == ()
    assert await batch.counts() == ItemCounts(waiting=2, running=3)


async def test_two_feeders_at_once_claim_different_items(create: Create) -> None:
    settings = SETTINGS.model_copy(update={"max_parallel": 1_000})
    batch = await create(items(*map(str, range(200))), settings)
    steps = await asyncio.gather(*(batch.advance(most=7) for _ in range(40)))
    claimed = [item.number for fed in steps for item in fed.claimed]
    assert sorted(claimed) == list(range(1, 201))


async def test_what_has_ended_is_taken_in_once_with_what_it_cost(
    create: Create, stores: Stores, start_execution: StartExecution
) -> None:
    batch = await create(items(*"ab"))
    first, second = (await batch.advance()).claimed
    await batch.begin(first)
    await batch.begin(second)
    assert not (await stores.batch_feed.look(batch.batch_id)).has_ended
    await _spend(stores, await start_execution(first.workflow_id), 0.25)
    await batch.end(first)
    await batch.end(second, GoalStatus.FAILED)
    assert (await stores.batch_feed.look(batch.batch_id)).has_ended
    fed = await batch.advance()
    assert (fed.ended, fed.status, fed.is_over) == (2, BatchStatus.COMPLETED, True)
    assert (await batch.advance()).ended == 0
    record = await stores.batches.get("b")
    assert record.counts == ItemCounts(completed=1, failed=1)
    assert record.cost == 0.25
    assert record.ended_at is not None
    shown = await stores.batches.items(batch.batch_id)
    assert [(item.status, item.cost) for item in shown] == [("completed", 0.25), ("failed", 0.0)]
    assert shown[1].error is not None


async def test_what_was_claimed_and_never_begun_is_found_again(
    create: Create, stores: Stores
) -> None:
    batch = await create(items(*"ab"))
    first, second = (await batch.advance()).claimed
    await batch.begin(first)
    assert await stores.batch_feed.unstarted(batch.batch_id) == [second]
    runs = await stores.batch_feed.open_runs(batch.batch_id)
    assert runs == [(item.number, item.workflow_id) for item in (first, second)]


async def test_only_the_failed_ones_are_retried_in_their_runs(
    create: Create, stores: Stores
) -> None:
    batch = await create(items(*"ab"))
    for item in (await batch.advance()).claimed:
        await batch.begin(item)
        await batch.end(item, GoalStatus.FAILED if item.number == 1 else GoalStatus.COMPLETED)
    await batch.advance()
    assert await stores.batches.retry_failed(batch.batch_id) == 1
    (again,) = (await batch.advance()).claimed
    assert (again.number, again.is_retry) == (1, True)
    # Until the run has begun again its end is the old one, which counts no more.
    assert (await batch.advance()).ended == 0
    assert await stores.batch_feed.unstarted(batch.batch_id) == [again]
    await stores.control.reopen(again.workflow_id)
    assert await stores.batch_feed.unstarted(batch.batch_id) == []
    await batch.end(again)
    assert (await batch.advance()).status is BatchStatus.COMPLETED
    assert await batch.counts() == ItemCounts(completed=2)
    assert await stores.batches.retry_failed(batch.batch_id) == 0


async def test_a_run_that_somebody_retried_is_not_begun_a_second_time(
    create: Create, stores: Stores
) -> None:
    batch = await create(items("a"))
    (item,) = (await batch.advance()).claimed
    await batch.begin(item)
    await batch.end(item, GoalStatus.FAILED)
    await batch.advance()
    await stores.control.reopen(item.workflow_id)
    await batch.end(item)
    await stores.batches.retry_failed(batch.batch_id)
    (again,) = (await batch.advance()).claimed
    assert again.workflow_id == item.workflow_id
    assert (await batch.advance()).status is BatchStatus.COMPLETED
    assert await batch.counts() == ItemCounts(completed=1)


async def test_it_stops_after_so_many_failures_and_is_resumed(
    create: Create, stores: Stores
) -> None:
    settings = SETTINGS.model_copy(update={"stop_after_failures": 2, "max_parallel": 1})
    batch = await create(items(*"abcd"), settings)
    for _ in range(2):
        (item,) = (await batch.advance()).claimed
        await batch.begin(item)
        await batch.end(item, GoalStatus.FAILED)
    fed = await batch.advance()
    assert (fed.status, fed.is_over, fed.claimed) == (BatchStatus.STOPPED, True, ())
    assert "2 of its items failed" in (await stores.batches.get("b")).reason
    resumed = await stores.batches.resume(batch.batch_id)
    assert (resumed.status, resumed.reason) == (BatchStatus.RUNNING, "")
    assert len((await batch.advance()).claimed) == 1


async def test_a_paused_batch_starts_nothing_and_takes_in_what_ends(
    create: Create, stores: Stores
) -> None:
    batch = await create(items(*"abcd"))
    claimed = (await batch.advance(most=1)).claimed
    await stores.batches.pause(batch.batch_id)
    fed = await batch.advance()
    assert (fed.claimed, fed.is_over) == ((), False)
    await batch.begin(claimed[0])
    await batch.end(claimed[0])
    assert (await batch.advance()).is_over
    await stores.batches.resume(batch.batch_id)
    assert len((await batch.advance()).claimed) == 3


async def test_a_cancelled_batch_ends_with_the_items_that_ran(
    create: Create, stores: Stores
) -> None:
    batch = await create(items(*"abcd"))
    first, *others = (await batch.advance()).claimed
    await batch.begin(first)
    cancelling = await stores.batches.cancel(batch.batch_id)
    assert cancelling.status is BatchStatus.CANCELLING
    await batch.end(first, GoalStatus.CANCELLED)
    assert (await batch.advance()).status is BatchStatus.CANCELLING
    for item in others:
        await stores.batch_feed.end(batch.batch_id, item.number, ItemStatus.CANCELLED, None)
    assert (await batch.advance()).status is BatchStatus.CANCELLED
    assert await batch.counts() == ItemCounts(waiting=1, cancelled=3)
    for change in (stores.batches.pause, stores.batches.resume, stores.batches.retry_failed):
        with pytest.raises(StateConflict):
            await change(batch.batch_id)
    with pytest.raises(StateConflict):
        await stores.batches.add(batch.batch_id, items("z"))
    assert (await stores.batches.cancel(batch.batch_id)).status is BatchStatus.CANCELLED


async def test_items_that_are_added_to_a_completed_batch_are_done(
    create: Create, stores: Stores
) -> None:
    batch = await create(items("a"))
    (item,) = (await batch.advance()).claimed
    await batch.begin(item)
    await batch.end(item)
    assert (await batch.advance()).status is BatchStatus.COMPLETED
    await stores.batches.add(batch.batch_id, items("a", "b"))
    fed = await batch.advance()
    assert (fed.status, [each.number for each in fed.claimed]) == (BatchStatus.RUNNING, [2])


async def test_all_items_together_spend_no_more_than_their_budget(
    create: Create, stores: Stores, start_execution: StartExecution
) -> None:
    settings = SETTINGS.model_copy(update={"budget_cost": 1.0})
    batch = await create(items(*"abcde"), settings)
    claimed = (await batch.advance()).claimed
    claims = []
    for item in claimed:
        await batch.begin(item)
        claims.append(await start_execution(item.workflow_id))
    await _spend(stores, claims[0], 0.6)
    await batch.end(claimed[0])
    await batch.advance()  # what it cost is the batch's by now
    await _spend(stores, claims[1], 0.3)
    with pytest.raises(BudgetExceeded, match=r"'b' has used 0\.9000 of the 1\.0000 dollars"):
        await _spend(stores, claims[2], 0.2)
    await _spend(stores, claims[2], 0.1)
    for item in claimed[1:]:
        await batch.end(item)
    fed = await batch.advance()
    assert (fed.status, fed.claimed) == (BatchStatus.STOPPED, ())
    record = await stores.batches.get("b")
    assert record.cost == pytest.approx(1.0)
    assert "have used 1.0000 of the 1.0000 dollars" in record.reason
    await stores.batches.resume(batch.batch_id, budget_cost=2.0)
    assert len((await batch.advance()).claimed) == 1


async def test_what_is_entered_after_an_item_has_ended_counts_too(
    create: Create, stores: Stores, start_execution: StartExecution
) -> None:
    batch = await create(items(*"ab"))
    first, second = (await batch.advance()).claimed
    ledgers, entries = [], []
    for item in (first, second):
        await batch.begin(item)
        ledger = stores.ledger.for_execution(await start_execution(item.workflow_id))
        key = StepKey(name="model", digest="1", occurrence=1)
        entries.append(await ledger.reserve(key, "some-model", Usage(input_tokens=1, cost=0.5)))
        ledgers.append(ledger)
    # The requests are in flight, as those of a frozen worker whose goal another one has ended.
    await batch.end(first)
    assert (await batch.advance()).ended == 1
    assert (await stores.batches.get("b")).cost == 0.5
    used = Usage(input_tokens=1, cost=0.125)
    await ledgers[0].settle(entries[0], used, kept=False)
    assert (await stores.batches.get("b")).cost == 0.125
    # Before the batch knows of the end, nothing is counted twice.
    await batch.end(second)
    await ledgers[1].settle(entries[1], used, kept=False)
    assert (await batch.advance()).ended == 1
    assert (await stores.batches.get("b")).cost == 0.25
    shown = await stores.batches.items(batch.batch_id)
    assert [item.cost for item in shown] == [0.125, 0.125]


async def test_many_who_ask_at_once_do_not_overdraw_it(
    create: Create, stores: Stores, start_execution: StartExecution
) -> None:
    settings = SETTINGS.model_copy(update={"budget_cost": 1.0, "max_parallel": 10})
    batch = await create(items(*map(str, range(10))), settings)
    claims = []
    for item in (await batch.advance()).claimed:
        await batch.begin(item)
        claims.append(await start_execution(item.workflow_id))
    spent = await asyncio.gather(
        *(_spend(stores, claim, 0.25) for claim in claims), return_exceptions=True
    )
    assert sum(isinstance(each, BudgetExceeded) for each in spent) == 6


async def test_an_item_that_met_the_budget_stops_the_batch(create: Create, stores: Stores) -> None:
    batch = await create(items(*"abcde"), SETTINGS.model_copy(update={"budget_cost": 1.0}))
    for item in (await batch.advance(most=1)).claimed:
        await batch.begin(item)
        await batch.end(item, GoalStatus.FAILED, "budget")
    assert (await batch.advance()).status is BatchStatus.STOPPED


async def test_a_batch_that_nobody_feeds_is_found(create: Create, stores: Stores) -> None:
    batch = await create(items("a"))
    assert await stores.batch_feed.unfed() == []
    assert await stores.batch_feed.unfed(timedelta(0)) == [batch.batch_id]
    await stores.batch_feed.touch(batch.batch_id)
    await stores.batches.pause(batch.batch_id)
    assert await stores.batch_feed.unfed(timedelta(0)) == []


async def test_each_tenant_has_names_of_its_own(stores: Stores) -> None:
    for tenant in ("acme", "other"):
        record = await stores.of(tenant).batches.create("b", SETTINGS)
        assert record.tenant == tenant
        assert len(await stores.of(tenant).batches.list()) == 1
    with pytest.raises(AmbiguousName):
        await stores.batches.get("b")
    assert len(await stores.batches.list()) == 2


async def test_results_are_shown_where_they_are_asked_for(
    create: Create, stores: Stores, start_execution: StartExecution
) -> None:
    batch = await create(items("a"))
    (item,) = (await batch.advance()).claimed
    await batch.begin(item)
    claim = await start_execution(item.workflow_id)
    await stores.results.draft(claim, Result(summary="Two", data={"total": 2}))
    (shown,) = await stores.batches.items(batch.batch_id, with_results=True)
    assert (shown.summary, shown.result) == ("", None)  # a draft
    await batch.end(item)
    await batch.advance()
    (shown,) = await stores.batches.items(batch.batch_id, with_results=True)
    assert (shown.summary, shown.result) == ("Two", {"total": 2})
    (shown,) = await stores.batches.items(batch.batch_id, status=ItemStatus.COMPLETED)
    assert shown.result is None
    assert await stores.batches.items(batch.batch_id, status=ItemStatus.FAILED) == []


async def test_of_large_results_a_page_has_fewer(
    create: Create,
    stores: Stores,
    start_execution: StartExecution,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows, "RESULT_BYTES", 2_500)
    batch = await create(items(*"abc"))
    for item in (await batch.advance()).claimed:
        await batch.begin(item)
        claim = await start_execution(item.workflow_id)
        await stores.results.draft(claim, Result(summary="x", data={"text": "x" * 1_000}))
        await batch.end(item)
    await batch.advance()

    async def page(after: int) -> list[int]:
        found = await stores.batches.items(batch.batch_id, after=after, with_results=True)
        assert all(item.result for item in found)
        return [item.number for item in found]

    assert [await page(after) for after in (0, 2, 3)] == [[1, 2], [3], []]
    monkeypatch.setattr(rows, "RESULT_BYTES", 10)
    assert await page(0) == [1]
    assert len(await stores.batches.items(batch.batch_id)) == 3


async def test_a_batch_that_is_not_there_is_named(stores: Stores) -> None:
    for look in (stores.batches.get, stores.batches.pause, stores.batch_feed.look):
        with pytest.raises(UnknownBatch, match="no batch 'none' is on record"):
            await look("none")


async def _spend(stores: Stores, claim: Claim, cost: float) -> None:
    ledger = stores.ledger.for_execution(claim)
    usage = Usage(input_tokens=1, cost=cost)
    entry = await ledger.reserve(StepKey("ask", "0" * 64, 0), "some-model", usage)
    await ledger.settle(entry, usage, kept=True)
