"""Deleting runs: what they used, and how good they were, stays in the sums of their days."""

from typing import Final

from sqlalchemy import Connection, String, bindparam, delete, select

from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import StateConflict, UnknownGoal
from perdure.stores.database.tenancy import TenantStore
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


class DeletionStore(TenantStore):
    """Deletes runs that have ended."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._sums = UsageSums(database)

    async def delete(self, workflow_id: str) -> list[str]:
        """Delete a run with its delegates and all that is on record of them, but for two things.

        What they used, and their scores, become part of the sums of their days, in the same
        transaction. The contents of their files are deleted later, unless something else refers to
        them; see :mod:`perdure.stores.objects.cleaning`.

        Returns:
            The runs that were deleted.

        Raises:
            UnknownGoal: There is no such run.
            StateConflict: It, or a delegate, has not ended, or it is a delegate itself.
        """

        def delete_runs(transaction: Transaction) -> list[str]:
            execute = transaction.connection.execute
            self._tenancy.check_run(transaction.connection, workflow_id)
            runs = self._lock(transaction.connection, workflow_id)
            self._sums.fold(transaction, runs)
            for deletion in _DELETIONS:
                execute(deletion, {"runs": runs})
            return runs

        return await self._database.write(delete_runs)

    def _lock(self, connection: Connection, workflow_id: str) -> list[str]:
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
        return [run.workflow_id for run in runs]
