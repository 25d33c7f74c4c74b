"""The feed store: which items of a batch have ended, and which are to be started next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, RowMapping, bindparam, or_, select, update

from perdure.models import Failure
from perdure.models.batches import BatchSettings, BatchStatus, ItemContent, ItemStatus
from perdure.stores.batches.advance import (
    BATCH,
    END,
    HAS_ENDED,
    MOST,
    RUNNING,
    THIS,
    WITH_RUNS,
    Advance,
    ClaimedItem,
    Fed,
    lock_batch,
)
from perdure.stores.batches.tables import batch_items, batches
from perdure.stores.database import schema
from perdure.stores.database.columns import UtcDateTime
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import UnknownBatch

_UNFED: Final = timedelta(minutes=1)
_BATCHES: Final = batches.c
_ITEMS: Final = batch_items.c
_GOALS: Final = schema.goals.c
_ANY_ENDED: Final = select(_ITEMS.number).select_from(WITH_RUNS).where(RUNNING, HAS_ENDED).limit(1)
_UNSTARTED: Final = (
    select(_ITEMS.number, _ITEMS.workflow_id, _ITEMS.content, _ITEMS.retried_from)
    .select_from(WITH_RUNS)
    .where(RUNNING, or_(_GOALS.workflow_id.is_(None), _GOALS.ended_at == _ITEMS.retried_from))
    .order_by(_ITEMS.number)
    .limit(MOST)
)
_OPEN: Final = (
    select(_ITEMS.number, _ITEMS.workflow_id)
    .select_from(WITH_RUNS)
    .where(RUNNING, ~HAS_ENDED)
    .limit(MOST)
)
_TOUCH: Final = update(batches).where(THIS).values(fed_at=bindparam("now", type_=UtcDateTime()))
_LEFT: Final = (
    select(_BATCHES.batch_id)
    .where(
        _BATCHES.status.in_([status.value for status in BatchStatus if not status.final]),
        _BATCHES.fed_at < bindparam("before", type_=UtcDateTime()),
        or_(
            _BATCHES.status.in_([BatchStatus.RUNNING.value, BatchStatus.CANCELLING.value]),
            _BATCHES.running > 0,
        ),
    )
    .limit(100)
)


@dataclass(frozen=True, slots=True)
class FedBatch:
    """What the feeder knows of its batch.

    Attributes:
        name: Its name, with which its goals' ids begin.
        tenant: Whose it is.
        settings: What its items share.
    """

    name: str
    tenant: str
    settings: BatchSettings


class FeedStore:
    """What feeds batches; workers alone do it, for the batches of all tenants.

    Whatever changes a batch or its items locks the batch first, so that two who feed it at once, as
    when one was believed dead, take different items.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def batch(self, batch_id: str) -> FedBatch:
        """Return a batch's settings.

        Raises:
            UnknownBatch: There is none of that id.
            StoreUnavailable: The database does not answer.
        """
        row = await self._database.read(
            lambda connection: connection.execute(BATCH, {"batch": batch_id}).mappings().first()
        )
        if row is None:
            raise UnknownBatch(batch_id)
        settings = BatchSettings.model_validate_json(row["settings"])
        return FedBatch(row["name"], row["tenant"], settings)

    async def look(self, batch_id: str) -> Fed:
        """Return how a batch stands, which changes nothing.

        Raises:
            UnknownBatch: There is none of that id.
            StoreUnavailable: The database does not answer.
        """
        parameters = {"batch": batch_id}

        def fetch(connection: Connection) -> tuple[RowMapping | None, bool]:
            row = connection.execute(BATCH, parameters).mappings().first()
            return row, connection.execute(_ANY_ENDED, parameters).first() is not None

        row, has_ended = await self._database.read(fetch)
        if row is None:
            raise UnknownBatch(batch_id)
        return Fed(BatchStatus(row["status"]), row["waiting"], row["running"], has_ended)

    async def advance(self, batch_id: str, settings: BatchSettings, most: int) -> Fed:
        """Take in which items have ended, and claim the next ones, in one transaction.

        Args:
            batch_id: The batch.
            settings: Its settings.
            most: How many items may be started now.

        Raises:
            UnknownBatch: There is none of that id.
            StoreUnavailable: The database does not answer; nothing was changed.
        """
        return await self._database.write(
            lambda transaction: Advance(transaction.connection, batch_id).run(settings, most)
        )

    async def unstarted(self, batch_id: str) -> Sequence[ClaimedItem]:
        """Return the items that were claimed and perhaps never started, as when a worker died."""
        rows = await self._database.read(
            lambda connection: connection.execute(_UNSTARTED, {"batch": batch_id}).all()
        )
        return [
            ClaimedItem(
                row.number,
                row.workflow_id,
                ItemContent.model_validate_json(row.content),
                row.retried_from is not None,
            )
            for row in rows
        ]

    async def open_runs(self, batch_id: str) -> Sequence[tuple[int, str]]:
        """Return the items that run, with the runs that do them."""
        rows = await self._database.read(
            lambda connection: connection.execute(_OPEN, {"batch": batch_id}).all()
        )
        return [(row.number, row.workflow_id) for row in rows]

    async def end(
        self, batch_id: str, number: int, status: ItemStatus, error: Failure | None
    ) -> None:
        """End an item that has no run."""
        end = {
            "batch": batch_id,
            "nth": number,
            "status": status.value,
            "error": error.model_dump_json() if error else None,
            "ended_at": datetime.now(UTC),
        }

        def end_item(transaction: Transaction) -> None:
            connection = transaction.connection
            batch = lock_batch(connection, batch_id)
            query = select(_ITEMS.cost).where(RUNNING, _ITEMS.number == bindparam("nth"))
            row = connection.execute(query, {"batch": batch_id, "nth": number}).first()
            if row is None:  # another feeder was quicker
                return
            connection.execute(END, end | {"cost": row.cost})
            counts = {
                "running": batch["running"] - 1,
                status.value: batch[status.value] + 1,
            }
            connection.execute(update(batches).where(THIS).values(counts), {"batch": batch_id})

        await self._database.write(end_item)

    async def touch(self, batch_id: str) -> None:
        """Say that somebody looks after a batch."""
        values = {"batch": batch_id, "now": datetime.now(UTC)}
        await self._database.write(
            lambda transaction: transaction.connection.execute(_TOUCH, values)
        )

    async def unfed(self, silence: timedelta = _UNFED) -> Sequence[str]:
        """Return batches that should go on and that nobody has looked after for so long."""
        before = datetime.now(UTC) - silence
        return await self._database.read(
            lambda connection: connection.execute(_LEFT, {"before": before}).scalars().all()
        )
