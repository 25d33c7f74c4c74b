"""The housekeeping of a worker.

It wakes runs whose signal was lost, closes records of ended runs, has batches fed that nobody looks
after, seals the audit trail, and deletes old goals and contents that nothing refers to any more.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from perdure.activities.gate import Gate
from perdure.stores import StoreUnavailable
from perdure.stores.objects.cleaning import delete_unused_contents
from perdure.temporal.client.connection import TemporalUnavailable
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.worker.retention import RetentionPass
from perdure.temporal.worker.sealing.sealing_pass import SealingPass

WAKE_SECONDS: Final = 10.0
# A slot of a worker that was killed is free again in this time.
BALANCE_SECONDS: Final = 2.0
RECONCILE_SECONDS: Final = 60.0
CLEAN_SECONDS: Final = 600.0
RETENTION_SECONDS: Final = 300.0
SEAL_SECONDS: Final = 30.0
BATCH_SECONDS: Final = 20.0
# A signal may take so long to arrive.
SIGNAL_SECONDS: Final = timedelta(seconds=5)
# At first it looks far back: no worker may have run meanwhile.
_FIRST_PERIOD: Final = timedelta(days=1)
# What Temporal shows in lists may be some seconds old.
_OVERLAP: Final = timedelta(seconds=60)
_MAX_PAUSE: Final = 3600.0

log = structlog.get_logger()


async def run_housekeeping(
    service: GoalService,
    retention: RetentionPass | None = None,
    gate: Gate | None = None,
    sealing: SealingPass | None = None,
    *,
    wake_seconds: float = WAKE_SECONDS,
    reconcile_seconds: float = RECONCILE_SECONDS,
) -> None:
    """Wake, reconcile and delete until cancelled; errors are logged, and it is tried again.

    Args:
        service: The service, with a client that need not be connected.
        retention: What deletes old goals, if anything is to.
        gate: Before the limits of goals that run at once, if this worker may have any.
        sealing: What seals the audit trail, if this worker has the key.
        wake_seconds: How often to look for runs that were not woken.
        reconcile_seconds: How often to look for records of runs that have ended.
    """
    waker = Waker(service)
    since = datetime.now(UTC) - _FIRST_PERIOD

    async def reconcile() -> None:
        nonlocal since
        now = datetime.now(UTC)
        await service.reconciliation.reconcile(since)
        since = now - _OVERLAP

    async def clean() -> None:
        await delete_unused_contents(service.stores.contents)

    async def feed_batches() -> None:
        for batch_id in await service.stores.batch_feed.unfed():
            await service.gateway.feed_batch(batch_id)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_run_every(feed_batches, BATCH_SECONDS))
        tasks.create_task(_run_every(waker.wake, wake_seconds))
        tasks.create_task(_run_every(reconcile, reconcile_seconds))
        tasks.create_task(_run_every(clean, CLEAN_SECONDS))
        if gate is not None:
            tasks.create_task(_run_every(gate.balance, BALANCE_SECONDS))
        if retention is not None:
            tasks.create_task(_run_every(retention.run, RETENTION_SECONDS))
        if sealing is not None:
            tasks.create_task(_run_every(sealing.run, SEAL_SECONDS))


class Waker:
    """Wakes runs that are still waiting although a wait of theirs is over.

    A run that goes on waiting, because every worker is busy, is woken again after pauses that
    double: Temporal takes 10,000 signals for one workflow and no more.
    """

    def __init__(self, service: GoalService) -> None:
        self._service = service
        self._due: dict[tuple[str, str], tuple[float, float]] = {}

    async def wake(self) -> int:
        """Wake the runs that are due; return how many."""
        clock = asyncio.get_running_loop().time()
        not_woken = await self._service.stores.waits.not_woken(SIGNAL_SECONDS)
        self._due = {wait: self._due[wait] for wait in not_woken if wait in self._due}
        due: defaultdict[str, list[str]] = defaultdict(list)
        for workflow_id, wait in not_woken:
            at, pause = self._due.get((workflow_id, wait), (clock, WAKE_SECONDS))
            if at <= clock:
                due[workflow_id].append(wait)
                after = min(pause * 2, _MAX_PAUSE)
                self._due[workflow_id, wait] = (clock + pause, after)
        for workflow_id, waits in due.items():
            woken = await self._service.decisions.wake(workflow_id, waits)
            log.info("woken", workflow_id=workflow_id, waits=len(waits), runs=woken)
        return len(due)


async def _run_every(task: Callable[[], Awaitable[object]], seconds: float) -> None:
    while True:
        try:
            await task()
        except (TemporalUnavailable, StoreUnavailable) as error:
            log.info("housekeeping postponed", message=str(error))
        except Exception:
            log.exception("housekeeping failed")
        await asyncio.sleep(seconds)
