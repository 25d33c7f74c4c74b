"""Deleting runs: what they used, and how good they were, stays in the sums of their days."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, Delete, String, Table, bindparam, delete, select, tuple_

from perdure.schemas.access import AuditEntry
from perdure.stores.access.audit import PendingEntry
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import StateConflict, UnknownGoal
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.notebook.tables import notebook_entries
from perdure.stores.retention import tables
from perdure.stores.retention.holds import hold_of, lock_holds
from perdure.stores.spending.usage_sums import UsageSums

_GOALS: Final = schema.goals.c
# In one order, so that two that delete do not wait for each other.
_LOCK: Final = (
    select(_GOALS.workflow_id, _GOALS.parent, _GOALS.status, _GOALS.ended_at)
    .where((_GOALS.workflow_id == bindparam("run")) | (_GOALS.root == bindparam("run")))
    .order_by(_GOALS.workflow_id)
    .with_for_update()
)
_RUNS: Final = bindparam("runs", type_=String, expanding=True)
# The rest goes with the record. An idempotency key is free again, and no callback is due.
_DELETIONS: Final = (
    delete(schema.idempotency_keys).where(schema.idempotency_keys.c.workflow_id.in_(_RUNS)),
    delete(schema.callbacks).where(schema.callbacks.c.workflow_id.in_(_RUNS)),
    delete(schema.goals).where(_GOALS.workflow_id.in_(_RUNS)),
)

# The long ones, in the order in which they go: each has rows without number.
_JOURNAL: Final = (
    schema.steps,
    schema.intents,
    schema.waits,
    schema.approvals,
    schema.signals,
    schema.streams,
    notebook_entries,
    schema.events,
)


def _some_of(table: Table) -> Delete:
    """Return the statement that deletes so many rows of a run at most."""
    keys = tuple_(*table.primary_key.columns)
    rows = (
        select(*table.primary_key.columns)
        .where(table.c.workflow_id == bindparam("run"))
        .order_by(*table.primary_key.columns)
        .limit(bindparam("rows"))
    )
    return delete(table).where(keys.in_(rows))


_DELETE_SOME: Final = tuple(_some_of(table) for table in _JOURNAL)


class DeletionStore(TenantStore):
    """Deletes runs that have ended: at once, or the rows of their journal and events first.

    A run whose deletion has begun is not retried any more, nor is another made from its journal.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._sums = UsageSums(database)
        self._begin = database.insert(tables.deletions).on_conflict_do_nothing()

    async def delete(self, workflow_id: str, entry: AuditEntry | None = None) -> list[str]:
        """Delete a run with its delegates and all that is on record of them, but for two things.

        What they used, and their scores, become part of the sums of their days, in the same
        transaction. The contents of their files are deleted later, unless something else refers to
        them; see :mod:`perdure.stores.objects.cleaning`.

        Args:
            workflow_id: The run.
            entry: What is put into the audit table in the same transaction.

        Returns:
            The runs that were deleted.

        Raises:
            UnknownGoal: There is no such run.
            StateConflict: It, or a delegate, has not ended, it is a delegate itself, or it is held.
        """

        def delete_runs(transaction: Transaction) -> list[str]:
            execute = transaction.connection.execute
            self._tenancy.check_run(transaction.connection, workflow_id)
            runs = self._lock(transaction.connection, workflow_id)
            self._sums.fold(transaction, runs)
            for deletion in _DELETIONS:
                execute(deletion, {"runs": runs})
            if entry is not None:
                PendingEntry(entry).add(transaction, workflow_id)
            return runs

        return await self._database.write(delete_runs)

    async def begin(self, workflow_id: str) -> list[str]:
        """Begin to delete a run with its delegates: :meth:`delete_rows`, then :meth:`delete`.

        Returns:
            Those runs.

        Raises:
            UnknownGoal: There is no such run.
            StateConflict: It, or a delegate, has not ended, it is a delegate itself, or it is held.
        """
        now = datetime.now(UTC)

        def begin(transaction: Transaction) -> list[str]:
            self._tenancy.check_run(transaction.connection, workflow_id)
            runs = self._lock(transaction.connection, workflow_id)
            rows = [{"workflow_id": run, "begun_at": now} for run in runs]
            transaction.connection.execute(self._begin, rows)
            return runs

        return await self._database.write(begin)

    async def delete_rows(self, runs: Sequence[str], rows: int) -> bool:
        """Delete some rows of the journal and the events of runs whose deletion has begun.

        Args:
            runs: What :meth:`begin` returned.
            rows: How many rows at most.

        Returns:
            Whether there may be more.
        """

        def delete_some(transaction: Transaction) -> bool:
            left = rows
            for run in runs:
                for some in _DELETE_SOME:
                    parameters = {"run": run, "rows": left}
                    left -= transaction.connection.execute(some, parameters).rowcount
                    if left <= 0:
                        return True
            return False

        return await self._database.write(delete_some)

    def _lock(self, connection: Connection, workflow_id: str) -> list[str]:
        lock_holds(connection)
        runs = connection.execute(_LOCK, {"run": workflow_id}).all()
        for run in runs:
            if run.workflow_id == workflow_id and run.parent is not None:
                raise StateConflict(
                    f"goal {workflow_id} is part of {run.parent}, and is deleted with it"
                )
            if run.ended_at is None:
                raise StateConflict(
                    f"goal {run.workflow_id} is {run.status} and cannot be deleted: cancel it first"
                )
        if all(run.workflow_id != workflow_id for run in runs):
            raise UnknownGoal(workflow_id)
        if hold := hold_of(connection, workflow_id):
            of = "all of its tenant is" if hold.whole_tenant else "it is"
            raise StateConflict(
                f"goal {workflow_id} cannot be deleted: {of} held by {hold.by}; release it first"
            )
        return [run.workflow_id for run in runs]
