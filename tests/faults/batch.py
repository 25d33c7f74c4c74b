"""The same goals as the items of one batch: each there once, the sums as in the ledger."""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Final, TypeVar

from sqlalchemy import text

from perdure.models import Parameters
from perdure.models.batches import (
    BatchRecord,
    BatchSettings,
    BatchStatus,
    ItemContent,
    ItemRecord,
    ItemStatus,
    NewItem,
)
from perdure.stores import Stores, StoreUnavailable, UnknownGoal
from perdure.temporal.batches.service import BatchService
from perdure.temporal.client.goal_service import GoalService
from tests.faults.cluster import Cluster
from tests.faults.expected_results import SIGNAL
from tests.faults.goals import AT_ONCE, LOOK_SECONDS, Goals, Judgement

NAME: Final = "faults"
_PAGE: Final = 500
# Sums of dollars are sums of binary fractions.
_ROUNDING: Final = 1e-6

T = TypeVar("T")


class Batch(Goals):
    """One batch under faults, handed in twice, and added to until each fault came about."""

    def __init__(self, cluster: Cluster, stores: Stores, service: GoalService, seed: int) -> None:
        super().__init__(cluster, stores, service, seed)
        self._batches = BatchService(service)
        self._items: list[NewItem] = []
        self._new_items = self._generated()
        self._has_begun = False
        self._has_signal: set[str] = set()

    async def hand_in(self, count: int, *, more: Callable[[], bool]) -> None:
        """Hand the batch in; return when its last items have started and no more are wanted."""
        settings = BatchSettings(agent_type="mixed", description="Add.", max_parallel=AT_ONCE)
        self._items = list(islice(self._new_items, count))
        for _ in range(2):
            await _persist(lambda: self._batches.hand_in(NAME, settings, self._items))
        self._has_begun = True
        while (await self._record()).counts.waiting or more():
            if more() and (await self._record()).counts.running < AT_ONCE:
                self._items += islice(self._new_items, 1)
                await _persist(lambda: self._batches.add(NAME, self._items[-1:]))
            await asyncio.sleep(LOOK_SECONDS)

    async def end(self, seconds: float, answering: asyncio.Task[None]) -> None:
        """Wait until the batch has ended, or so many seconds are over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (await self._record()).status is not BatchStatus.COMPLETED:
                    if answering.done():
                        answering.result()  # raises what kept questions from being answered
                    await asyncio.sleep(LOOK_SECONDS)

    async def judge(self) -> Judgement:
        """Return what has become of the goals, and of the batch and its items."""
        record = await self._record()
        items = [item async for item in self._pages(None)]
        self.started = [item.workflow_id for item in items if item.workflow_id]
        judgement = await super().judge()
        judgement.lost |= self._wrong_items(record, items)
        roots = Counter(await self._roots())
        judgement.twice |= {run: ["it does no item"] for run in roots.keys() - set(self.started)}
        judgement.wrong_sums += await self._wrong_sums(record, items)
        return judgement

    async def _look(self) -> None:
        """Send the items that wait for a signal what they wait for."""
        if not self._has_begun:
            return
        async for item in self._pages(ItemStatus.RUNNING):
            run = item.workflow_id
            if item.parameters["kind"] != "sleeper" or run is None or run in self._has_signal:
                continue
            with suppress(UnknownGoal):  # its record is opened in a moment
                value = SIGNAL + int(str(item.parameters["seed"]))
                await self._service.decisions.signal(run, "go", value)
                self._has_signal.add(run)

    def _generated(self) -> Iterator[NewItem]:
        for number, kind in enumerate(self._kinds()):
            parameters: Parameters = {"kind": kind, **self._parameters()}
            yield NewItem(key=f"item-{number}", content=ItemContent(parameters=parameters))

    def _wrong_items(self, record: BatchRecord, items: list[ItemRecord]) -> dict[str, str]:
        """Return what is wrong with the batch, and with its items by their keys."""
        wrong: dict[str, str] = {}
        if record.status is not BatchStatus.COMPLETED:
            wrong[record.name] = f"the batch is {record.status}"
        counts = Counter(item.status.value for item in items)
        if dict(counts) != {name: n for name, n in record.counts.model_dump().items() if n}:
            wrong[f"{record.name}'s counts"] = f"{record.counts} where its items are {counts}"
        given = {item.key: item for item in self._items}
        found = Counter(item.key for item in items)
        wrong |= dict.fromkeys(given.keys() - found.keys(), "it is not among the items")
        wrong |= {key: f"it is there {count} times" for key, count in found.items() if count > 1}
        runs = Counter(self.started)
        for item in items:
            kind = str(item.parameters["kind"])
            expected = ItemStatus.FAILED if kind == "poison" else ItemStatus.COMPLETED
            if item.status is not expected:
                wrong[item.key] = f"{kind}: it is {item.status} and not {expected}: {item.error}"
            elif runs[str(item.workflow_id)] != 1:
                wrong[item.key] = f"its run {item.workflow_id} does other items too"
            elif item.parameters != given[item.key].content.parameters:
                wrong[item.key] = f"{item.parameters} is not what was handed in"
        return wrong

    async def _wrong_sums(self, record: BatchRecord, items: list[ItemRecord]) -> list[str]:
        query = text("SELECT root, SUM(cost) FROM spending GROUP BY root")
        rows = await self._stores.database.read(lambda found: found.execute(query).all())
        ledger = {str(root): float(cost) for root, cost in rows}
        total = math.fsum(ledger.values())
        wrong = [
            f"{item.key} has {item.cost}, the ledger {ledger.get(str(item.workflow_id), 0.0)}"
            for item in items
            if abs(item.cost - ledger.get(str(item.workflow_id), 0.0)) > _ROUNDING
        ]
        if abs(record.cost - total) > _ROUNDING:
            wrong.append(f"the batch has {record.cost}, the ledger {total}")
        if total <= 0:
            wrong.append("the ledger has nothing at all")
        return wrong

    async def _record(self) -> BatchRecord:
        return await _persist(lambda: self._stores.batches.get(NAME))

    async def _pages(self, status: ItemStatus | None) -> AsyncIterator[ItemRecord]:
        record, after = await self._record(), 0
        while page := await self._stores.batches.items(
            record.batch_id, after=after, limit=_PAGE, status=status
        ):
            for item in page:
                yield item
            after = page[-1].number

    async def _roots(self) -> list[str]:
        query = text("SELECT workflow_id FROM goals WHERE parent IS NULL")
        rows = await self._stores.database.read(lambda found: found.execute(query).scalars().all())
        return list(rows)


async def _persist(act: Callable[[], Awaitable[T]]) -> T:
    """Return what comes of something, which is tried while the stores are away."""
    while True:
        try:
            return await act()
        except StoreUnavailable:
            await asyncio.sleep(LOOK_SECONDS)
