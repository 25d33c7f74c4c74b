"""The retention of a worker: deletes what is older than the settings keep it, in small batches."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from perdure.models import GoalStatus
from perdure.retention import Retention
from perdure.schemas.access import AuditEntry
from perdure.stores import Stores, UnknownGoal
from perdure.stores.database.errors import StateConflict

# How long an idempotency key is remembered at least.
KEY_TIME: Final = timedelta(days=30)
LEASE: Final = "retention"
# Longer than a batch takes on a busy machine; a worker that was killed is replaced after it.
LEASE_TIME: Final = timedelta(seconds=60)
BATCH_RUNS: Final = 50
BATCH_ROWS: Final = 500
# Between two transactions, so that goals under way never wait for more than one.
_PAUSE_SECONDS: Final = 0.01
_WHO: Final = "retention"
_STATUSES: Final = tuple(status for status in GoalStatus if status.final)

log = structlog.get_logger()


class LeaseLost(Exception):
    """Another worker deletes by now."""


class RetentionPass:
    """Deletes runs and idempotency keys that are due, one worker of an installation at a time.

    What a worker that died has begun, the next one ends, whatever its settings are.

    Args:
        stores: The stores, of all tenants.
        retention: How long goals are kept.
        holder: Identifies this worker.
    """

    def __init__(self, stores: Stores, retention: Retention, holder: str) -> None:
        self._stores = stores
        self._retention = retention
        self._holder = holder

    async def run(self) -> int:
        """Delete what is due; return how many runs, 0 also while another worker does it.

        Raises:
            StoreUnavailable: The database does not answer; what is left is deleted later.
        """
        deleted = 0
        try:
            async with self._lease():
                while runs := await self._delete(await self._stores.due.begun(limit=BATCH_RUNS)):
                    deleted += runs
                deleted += await self._delete_due()
                while await self._expire_keys():
                    await self._extend()
        except LeaseLost:
            log.debug("retention is another worker's")
        if deleted:
            log.info("old goals deleted", goals=deleted)
        return deleted

    @asynccontextmanager
    async def _lease(self) -> AsyncIterator[None]:
        await self._extend()
        try:
            yield
        finally:
            await self._stores.leases.release(LEASE, self._holder)

    async def _extend(self) -> None:
        if not await self._stores.leases.take(LEASE, self._holder, LEASE_TIME):
            raise LeaseLost

    async def _delete_due(self) -> int:
        deleted = 0
        for tenant in await self._stores.due.tenants():
            for status in _STATUSES:
                time = self._retention.time(tenant, status)
                if time is None:
                    continue
                until = datetime.now(UTC) - time
                while runs := await self._stores.due.runs(tenant, status, until, limit=BATCH_RUNS):
                    count = await self._delete(runs)
                    if not count:  # what was found is refused: it is looked at again later
                        break
                    deleted += count
        return deleted

    async def _delete(self, workflow_ids: list[str]) -> int:
        deleted = 0
        for workflow_id in workflow_ids:
            await self._extend()
            try:
                await self._delete_run(workflow_id)
            except (UnknownGoal, StateConflict) as error:
                # Deleted, held or retried by somebody in this moment.
                log.info("not deleted", workflow_id=workflow_id, message=str(error))
                continue
            deleted += 1
        return deleted

    async def _delete_run(self, workflow_id: str) -> None:
        deletion = self._stores.deletion
        record = await self._stores.goals.get(workflow_id)
        runs = await deletion.begin(workflow_id)
        while await deletion.delete_rows(runs, BATCH_ROWS):
            await asyncio.sleep(_PAUSE_SECONDS)
            await self._extend()
        entry = AuditEntry(
            at=datetime.now(UTC),
            tenant=record.tenant,
            who=_WHO,
            address="",
            action="goal.delete",
            subject=workflow_id,
            status=200,
            details={"status": record.status.value, "goals": len(runs)},
        )
        await deletion.delete(workflow_id, entry)
        await asyncio.sleep(_PAUSE_SECONDS)

    async def _expire_keys(self) -> bool:
        until = datetime.now(UTC) - KEY_TIME
        count = await self._stores.due.expire_keys(until, limit=BATCH_ROWS)
        await asyncio.sleep(_PAUSE_SECONDS)
        return count == BATCH_ROWS
