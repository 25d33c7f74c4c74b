"""The batch store: batches as their callers hand them in, see and control them."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, RowMapping, bindparam, func, null, select, update

from perdure.models.batches import (
    AddedItems,
    BatchRecord,
    BatchSettings,
    BatchStatus,
    ItemRecord,
    ItemStatus,
    NewItem,
)
from perdure.stores.batches.new_items import NewRows, valid_keys
from perdure.stores.batches.rows import batch_record, fitting, item_record, settings_digest
from perdure.stores.batches.tables import batch_items, batches
from perdure.stores.database import schema
from perdure.stores.database.columns import UtcDateTime
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import AmbiguousName, StateConflict, UnknownBatch
from perdure.stores.database.paging import PageCursor, after_cursor
from perdure.stores.database.tenancy import TenantStore

# So many items are handed in, and put back for a retry, in one transaction: others write between.
CHUNK: Final = 1_000

_BATCHES: Final = batches.c
_ITEMS: Final = batch_items.c
_BY_ID: Final = select(batches).where(_BATCHES.batch_id == bindparam("batch"))
_BY_NAME: Final = select(batches).where(_BATCHES.name == bindparam("batch"))
_LOCKED: Final = _BY_ID.with_for_update()
_ADD: Final = (
    update(batches)
    .where(_BATCHES.batch_id == bindparam("batch"))
    .values(
        waiting=_BATCHES.waiting + bindparam("more_waiting"),
        invalid=_BATCHES.invalid + bindparam("more_invalid"),
    )
)
_GO_ON: Final = (
    update(batches)
    .where(_BATCHES.batch_id == bindparam("batch"))
    .values(
        status=BatchStatus.RUNNING.value,
        reason="",
        ended_at=null(),
        started_at=bindparam("now", type_=UtcDateTime()),
        fed_at=bindparam("now", type_=UtcDateTime()),
        ended_before=_BATCHES.completed + _BATCHES.failed + _BATCHES.cancelled + _BATCHES.invalid,
        failed_before=_BATCHES.failed,
    )
)
_SET_STATUS: Final = (
    update(batches)
    .where(_BATCHES.batch_id == bindparam("batch"))
    .values(status=bindparam("new_status"))
)
_SET_BUDGET: Final = (
    update(batches)
    .where(_BATCHES.batch_id == bindparam("batch"))
    .values(settings=bindparam("new_settings"), budget_cost=bindparam("new_budget"))
)
_FAILED: Final = (
    select(_ITEMS.number)
    .where(_ITEMS.batch_id == bindparam("batch"), _ITEMS.status == ItemStatus.FAILED.value)
    .order_by(_ITEMS.number)
    .limit(CHUNK)
)
_PUT_BACK: Final = (
    update(batch_items)
    .where(
        _ITEMS.batch_id == bindparam("batch"),
        _ITEMS.number.in_(bindparam("numbers", expanding=True)),
    )
    .values(status=ItemStatus.WAITING.value, ended_at=null())
)
_COUNT_PUT_BACK: Final = (
    update(batches)
    .where(_BATCHES.batch_id == bindparam("batch"))
    .values(
        waiting=_BATCHES.waiting + bindparam("number"),
        failed=_BATCHES.failed - bindparam("number"),
    )
)
_WITH_SUMMARY: Final = select(
    batch_items, schema.results.c.summary, null().label("result")
).select_from(
    batch_items.outerjoin(schema.results, schema.results.c.workflow_id == _ITEMS.workflow_id)
)
_WITH_RESULT: Final = select(
    batch_items, schema.results.c.summary, schema.results.c.result
).select_from(
    batch_items.outerjoin(schema.results, schema.results.c.workflow_id == _ITEMS.workflow_id)
)
_SIZES: Final = select(func.coalesce(schema.results.c.size, 0)).select_from(
    batch_items.outerjoin(schema.results, schema.results.c.workflow_id == _ITEMS.workflow_id)
)
_DONE: Final = (BatchStatus.CANCELLED, BatchStatus.CANCELLING)


class BatchStore(TenantStore):
    """Batches: creates them, adds items, shows both, pauses, resumes, cancels, retries."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._insert = (
            database.insert(batches)
            .on_conflict_do_nothing(index_elements=["tenant", "name"])
            .returning(_BATCHES.batch_id)
        )

    @property
    def owner(self) -> str:
        """Whose a batch is that is created here."""
        return self._tenancy.name

    async def create(self, name: str, settings: BatchSettings) -> BatchRecord:
        """Create a batch without items, or return the one that has the name and the settings.

        Raises:
            StateConflict: The name is that of a batch with other settings.
            StoreUnavailable: The database does not answer.
        """
        now, digest = datetime.now(UTC), settings_digest(settings)
        row = {
            "batch_id": f"batch-{uuid.uuid4()}",
            "tenant": self._tenancy.name,
            "name": name,
            "settings": settings.model_dump_json(),
            "budget_cost": settings.budget_cost,
            "digest": digest,
            "status": BatchStatus.RUNNING.value,
            "created_at": now,
            "started_at": now,
            "fed_at": now,
        }
        by_name = _BY_NAME.where(_BATCHES.tenant == self._tenancy.name)

        def create(transaction: Transaction) -> RowMapping:
            transaction.connection.execute(self._insert, row)
            return transaction.connection.execute(by_name, {"batch": name}).mappings().one()

        found = await self._database.write(create)
        if found["digest"] != digest:
            raise StateConflict(
                f"the batch {name!r} was handed in with other settings: give this one another name,"
                " or hand the same settings in to add items"
            )
        return batch_record(found)

    async def add(self, batch_id: str, items: Sequence[NewItem]) -> AddedItems:
        """Add items, at most 1,000; those whose keys the batch has are left out.

        An invalid item is replaced by one of its key of which a goal can be made. A batch that has
        completed goes on.

        Raises:
            UnknownBatch: There is no such batch.
            StateConflict: It was cancelled.
            StoreUnavailable: The database does not answer; none was added.
        """
        now = datetime.now(UTC)

        def add(transaction: Transaction) -> AddedItems:
            connection = transaction.connection
            row = self._lock(connection, batch_id)
            if BatchStatus(row["status"]) in _DONE:
                raise _cancelled(row["name"])
            new = NewRows(connection, row, items, now)
            new.store(connection)
            added = new.added()
            if added.added:
                more = {
                    "batch": batch_id,
                    "more_waiting": added.added - added.invalid,
                    # What was invalid is not any more.
                    "more_invalid": added.invalid - len(new.corrected),
                }
                connection.execute(_ADD, more)
                if row["status"] == BatchStatus.COMPLETED.value:
                    connection.execute(_GO_ON, {"batch": batch_id, "now": now})
            return added

        return await self._database.write(add)

    async def known_keys(self, batch_id: str, items: Sequence[NewItem]) -> set[str]:
        """Return the keys of items that the batch has, unless no goal can be made of what it has.

        Raises:
            UnknownBatch: There is no such batch.
        """

        def fetch(connection: Connection) -> set[str]:
            self._row(connection, batch_id)
            return valid_keys(connection, batch_id, [item.key for item in items])

        return await self._database.read(fetch)

    async def get(self, name: str) -> BatchRecord:
        """Return a batch by its id or its name.

        Raises:
            UnknownBatch: There is none.
            AmbiguousName: Several tenants have one of that name.
        """

        def fetch(connection: Connection) -> Sequence[RowMapping]:
            for query in (_BY_ID, _BY_NAME):
                owned = self._tenancy.limited(query, _BATCHES.tenant)
                if found := connection.execute(owned, {"batch": name}).mappings().all():
                    return found
            return ()

        rows = await self._database.read(fetch)
        if len(rows) > 1:
            raise AmbiguousName(name, [row["batch_id"] for row in rows])
        return batch_record(_found(rows[0] if rows else None, name))

    async def list(self, *, limit: int = 50, before: PageCursor | None = None) -> list[BatchRecord]:
        """Return batches, newest first.

        Args:
            limit: How many at most.
            before: Only those that come after this place in the list: :func:`cursor_of`.
        """
        query = self._tenancy.limited(
            select(batches)
            .order_by(_BATCHES.created_at.desc(), _BATCHES.batch_id.desc())
            .limit(limit),
            _BATCHES.tenant,
        )
        if before is not None:
            query = query.where(after_cursor(before, _BATCHES.created_at, _BATCHES.batch_id))
        rows = await self._database.read(
            lambda connection: connection.execute(query).mappings().all()
        )
        return [batch_record(row) for row in rows]

    async def items(
        self,
        batch_id: str,
        *,
        after: int = 0,
        limit: int = 100,
        status: ItemStatus | None = None,
        with_results: bool = False,
    ) -> Sequence[ItemRecord]:
        """Return items in the order in which they were handed in.

        Args:
            batch_id: The batch.
            after: Only those with larger numbers.
            limit: How many at most.
            status: Only those of this status.
            with_results: With the structured results of those that have ended; of large ones there
                are fewer, one at least.

        Raises:
            UnknownBatch: There is no such batch.
        """
        chosen = (_ITEMS.batch_id == batch_id) & (_ITEMS.number > after)
        if status is not None:
            chosen &= _ITEMS.status == status.value
        query = (_WITH_RESULT if with_results else _WITH_SUMMARY).where(chosen)
        sizes = _SIZES.where(chosen).order_by(_ITEMS.number).limit(limit)

        def fetch(connection: Connection) -> Sequence[RowMapping]:
            self._row(connection, batch_id)
            most = fitting(connection.execute(sizes).scalars()) if with_results else limit
            page = query.order_by(_ITEMS.number).limit(most)
            return connection.execute(page).mappings().all()

        rows = await self._database.read(fetch)
        return [item_record(row, with_result=with_results) for row in rows]

    async def pause(self, batch_id: str) -> BatchRecord:
        """Start no further item until it is resumed; those that run go on to their end.

        Raises:
            UnknownBatch: There is no such batch.
            StateConflict: It has ended.
        """

        def pause(transaction: Transaction) -> None:
            row = self._lock(transaction.connection, batch_id)
            status = BatchStatus(row["status"])
            if status.final or status is BatchStatus.CANCELLING:
                raise _ended(row)
            if status is BatchStatus.RUNNING:
                paused = {"batch": batch_id, "new_status": BatchStatus.PAUSED.value}
                transaction.connection.execute(_SET_STATUS, paused)

        await self._database.write(pause)
        return await self.get(batch_id)

    async def resume(self, batch_id: str, *, budget_cost: float | None = None) -> BatchRecord:
        """Go on with a batch that was paused, or has stopped by itself.

        Args:
            batch_id: The batch.
            budget_cost: US dollars that its items may use from now on, with what they have used.

        Raises:
            UnknownBatch: There is no such batch.
            StateConflict: It has ended.
        """
        now = datetime.now(UTC)

        def resume(transaction: Transaction) -> None:
            connection = transaction.connection
            row = self._lock(connection, batch_id)
            status = BatchStatus(row["status"])
            if status.final or status is BatchStatus.CANCELLING:
                raise _ended(row)
            if budget_cost is not None:
                settings = BatchSettings.model_validate_json(row["settings"])
                changed = settings.model_copy(update={"budget_cost": budget_cost})
                new = {"new_settings": changed.model_dump_json(), "new_budget": budget_cost}
                connection.execute(_SET_BUDGET, {"batch": batch_id, **new})
            if status is not BatchStatus.RUNNING:
                connection.execute(_GO_ON, {"batch": batch_id, "now": now})

        await self._database.write(resume)
        return await self.get(batch_id)

    async def cancel(self, batch_id: str) -> BatchRecord:
        """Start no further item, and have those that run cancelled; nothing if it has ended.

        Raises:
            UnknownBatch: There is no such batch.
        """

        def cancel(transaction: Transaction) -> None:
            row = self._lock(transaction.connection, batch_id)
            if not BatchStatus(row["status"]).final:
                cancelling = {"batch": batch_id, "new_status": BatchStatus.CANCELLING.value}
                transaction.connection.execute(_SET_STATUS, cancelling)

        await self._database.write(cancel)
        return await self.get(batch_id)

    async def retry_failed(self, batch_id: str) -> int:
        """Have the failed items done again, from their journals; return how many there are.

        A batch that has completed or stopped goes on; one that is paused stays so.

        Raises:
            UnknownBatch: There is no such batch.
            StateConflict: It was cancelled.
        """
        now = datetime.now(UTC)

        def put_back(transaction: Transaction) -> int:
            connection = transaction.connection
            row = self._lock(connection, batch_id)
            status = BatchStatus(row["status"])
            if status in _DONE:
                raise _cancelled(row["name"])
            numbers = connection.execute(_FAILED, {"batch": batch_id}).scalars().all()
            if numbers:
                connection.execute(_PUT_BACK, {"batch": batch_id, "numbers": numbers})
                connection.execute(_COUNT_PUT_BACK, {"batch": batch_id, "number": len(numbers)})
                if status in {BatchStatus.COMPLETED, BatchStatus.STOPPED}:
                    connection.execute(_GO_ON, {"batch": batch_id, "now": now})
            return len(numbers)

        # Those that fail again meanwhile would be put back for ever.
        record, retried = await self.get(batch_id), 0
        if record.status in _DONE:
            raise _cancelled(record.name)
        failed = record.counts.failed
        while retried < failed and (count := await self._database.write(put_back)):
            retried += count
        return retried

    def _row(self, connection: Connection, batch_id: str) -> RowMapping:
        query = self._tenancy.limited(_BY_ID, _BATCHES.tenant)
        return _found(connection.execute(query, {"batch": batch_id}).mappings().first(), batch_id)

    def _lock(self, connection: Connection, batch_id: str) -> RowMapping:
        query = self._tenancy.limited(_LOCKED, _BATCHES.tenant)
        return _found(connection.execute(query, {"batch": batch_id}).mappings().first(), batch_id)


def cursor_of(record: BatchRecord) -> PageCursor:
    """Return the cursor of a batch in :meth:`BatchStore.list`."""
    return PageCursor(record.created_at, record.batch_id)


def _found(row: RowMapping | None, batch_id: str) -> RowMapping:
    if row is None:
        raise UnknownBatch(batch_id)
    return row


def _cancelled(name: str) -> StateConflict:
    return StateConflict(
        f"the batch {name!r} was cancelled: hand in another one, with a name of its own"
    )


def _ended(row: RowMapping) -> StateConflict:
    return StateConflict(
        f"the batch {row['name']!r} is {row['status']}: perdure batch retry has its failed items"
        " done again, and perdure batch add gives it new ones"
    )
