"""``feed_batch``: start a batch's items, a few at a time, and take in how they ended.

How items ended is read from the stores: nothing waits on Temporal for one of them, and what is held
in memory are the items that are being started.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

import structlog
from temporalio import activity

from perdure.activities.batches.changed_files import changed_file
from perdure.activities.batches.pace import Pace
from perdure.activities.heartbeats import heartbeating
from perdure.messages import FEED_ACTIVITY, BatchInput, FeedOutput
from perdure.models import Failure, FailureKind, Goal
from perdure.models.batches import BatchStatus, ItemStatus
from perdure.stores import Stores, UnknownGoal
from perdure.stores.batches.advance import ClaimedItem, Fed
from perdure.stores.batches.feed_store import FedBatch
from perdure.stores.database.errors import UnknownBatch
from perdure.telemetry.traces.entrances import new_goal

# After so long the activity ends and is scheduled anew, within its 20 minutes.
FEED_SECONDS: Final = 600.0
SHORTEST_PAUSE: Final = 0.02
LONGEST_PAUSE: Final = 0.5
_TOUCH_SECONDS: Final = 15.0
# What could not be started is tried again, and what was cancelled looked for.
_AGAIN_SECONDS: Final = 2.0
_SIDE_BY_SIDE: Final = 50

log = structlog.get_logger()


class ItemRunner(Protocol):
    """Starts, retries and cancels the runs that do items."""

    async def start(self, goal: Goal, workflow_id: str) -> None:
        """Start a run, unless there is one of that id."""

    async def retry(self, workflow_id: str) -> None:
        """Have a run that has ended go on from its journal; nothing if it goes on already."""

    async def cancel(self, workflow_id: str) -> bool:
        """Ask a run to end, and return whether there is one that has not ended."""


class BatchFeeder:
    """The activity that feeds batches.

    Args:
        stores: Where batches are.
        runner: Starts their items.
        feed_seconds: After how long the activity ends, to be scheduled anew.
    """

    def __init__(
        self, stores: Stores, runner: ItemRunner, *, feed_seconds: float = FEED_SECONDS
    ) -> None:
        self._stores = stores
        self._runner = runner
        self._feed_seconds = feed_seconds

    @activity.defn(name=FEED_ACTIVITY)
    async def feed_batch(self, batch: BatchInput) -> FeedOutput:
        """Feed a batch until nothing is to be done, or the time is up, or the worker stops.

        Raises:
            StoreUnavailable: The stores do not answer; Temporal tries again.
        """
        async with heartbeating():
            try:
                fed_batch = await self._stores.batch_feed.batch(batch.batch_id)
            except UnknownBatch:  # it was deleted
                return FeedOutput(over=True, status=BatchStatus.CANCELLED.value)
            feeding = _Feeding(self._stores, self._runner, batch.batch_id, fed_batch)
            return await feeding.run(self._feed_seconds)


class _Feeding:
    """One time that a batch is fed."""

    def __init__(self, stores: Stores, runner: ItemRunner, batch_id: str, batch: FedBatch) -> None:
        self._stores = stores
        self._feed = stores.batch_feed
        self._runner = runner
        self._batch_id = batch_id
        self._batch = batch
        self._pace = Pace(batch.settings.per_second, batch.settings.at_once)
        self._clock = asyncio.get_running_loop().time
        self._again_at: float | None = self._clock()  # the feeder before may have died
        self._touch_at = self._clock() + _TOUCH_SECONDS
        self._ended = 0

    async def run(self, seconds: float) -> FeedOutput:
        deadline = self._clock() + seconds
        pause = SHORTEST_PAUSE
        while True:
            activity.heartbeat()  # beside the others, which come the less often the more there are
            fed = await self._feed.look(self._batch_id)
            if self._is_due(fed):
                fed = await self._advance()
            if fed.is_over:
                return FeedOutput(over=True, status=fed.status.value, ended=self._ended)
            if self._clock() > deadline or activity.is_worker_shutdown():
                return FeedOutput(over=False, status=fed.status.value, ended=self._ended)
            await self._see_to_others(fed)
            progress = bool(fed.ended or fed.claimed)
            pause = SHORTEST_PAUSE if progress else min(pause * 1.5, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    def _is_due(self, fed: Fed) -> bool:
        """Return whether there is something to change: most looks find nothing."""
        if fed.has_ended:
            return True
        if fed.status is BatchStatus.RUNNING and fed.waiting:
            return fed.running < self._batch.settings.at_once and self._pace.allowed() > 0
        return not fed.running

    async def _advance(self) -> Fed:
        fed = await self._feed.advance(self._batch_id, self._batch.settings, self._pace.allowed())
        self._pace.take(len(fed.claimed))
        self._ended += fed.ended
        await self._start_all(fed.claimed)
        return fed

    async def _see_to_others(self, fed: Fed) -> None:
        now = self._clock()
        if fed.status is BatchStatus.CANCELLING and self._again_at is None:
            self._again_at = now
        if now >= self._touch_at:
            self._touch_at = now + _TOUCH_SECONDS
            await self._feed.touch(self._batch_id)
        if self._again_at is None or now < self._again_at:
            return
        self._again_at = None
        if fed.status is BatchStatus.CANCELLING:
            self._again_at = now + _AGAIN_SECONDS
            await self._cancel_all()
        else:
            await self._start_all(await self._feed.unstarted(self._batch_id))

    async def _start_all(self, items: Sequence[ClaimedItem]) -> None:
        limit = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def start(item: ClaimedItem) -> None:
            async with limit:
                try:
                    await self._start(item)
                except Exception as error:  # noqa: BLE001 -- whatever it is, it is tried again
                    log.info("not started yet", workflow_id=item.workflow_id, reason=repr(error))
                    self._again_at = self._clock() + _AGAIN_SECONDS

        await asyncio.gather(*map(start, items))

    async def _start(self, item: ClaimedItem) -> None:
        if problem := await changed_file(item.content.files):
            failure = Failure(
                type="FileChanged", message=problem, permanent=True, kind=FailureKind.PERMANENT
            )
            await self._feed.end(self._batch_id, item.number, ItemStatus.FAILED, failure)
        elif item.is_retry:
            await self._retry(item)
        else:
            await self._runner.start(self._goal(item), item.workflow_id)

    async def _retry(self, item: ClaimedItem) -> None:
        try:
            await self._runner.retry(item.workflow_id)
        except UnknownGoal:
            failure = Failure(
                type="RunDeleted",
                message=f"the goal {item.workflow_id} was deleted: retry the batch once more, and"
                " another one does the item",
            )
            await self._feed.end(self._batch_id, item.number, ItemStatus.FAILED, failure)

    def _goal(self, item: ClaimedItem) -> Goal:
        settings = self._batch.settings
        return Goal(
            goal_id=f"{self._batch.name}-{item.number}",
            description=item.content.description or settings.description,
            agent_type=settings.agent_type,
            parameters={**settings.parameters, **item.content.parameters},
            budget=settings.budget,
            pool=settings.pool,
            priority=settings.priority,
            tenant=self._batch.tenant,
            trace=new_goal(settings.agent_type),
        )

    async def _cancel_all(self) -> None:
        limit = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def cancel(number: int, workflow_id: str) -> None:
            async with limit:
                try:
                    is_running = await self._runner.cancel(workflow_id)
                except Exception as error:  # noqa: BLE001 -- whatever it is, it is tried again
                    log.info("not cancelled yet", workflow_id=workflow_id, reason=repr(error))
                    return
            if not is_running and not await self._stores.goals.by_tenant([workflow_id]):
                await self._feed.end(self._batch_id, number, ItemStatus.CANCELLED, None)

        runs = await self._feed.open_runs(self._batch_id)
        await asyncio.gather(*(cancel(number, run) for number, run in runs))
