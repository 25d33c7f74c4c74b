"""Holds: a goal, or all of a tenant's, that is not deleted whatever its age."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, select, text

from perdure.models import Hold
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import StateConflict, UnknownGoal
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.retention import tables
from perdure.stores.retention.tables import WHOLE_TENANT

_GOALS: Final = schema.goals.c
_HOLDS: Final = tables.holds.c
_DELETIONS: Final = tables.deletions.c
_RUN: Final = (
    select(_GOALS.tenant, _GOALS.parent, _DELETIONS.begun_at)
    .outerjoin_from(schema.goals, tables.deletions, _DELETIONS.workflow_id == _GOALS.workflow_id)
    .where(_GOALS.workflow_id == bindparam("run"))
)
_OF_RUN: Final = (
    select(tables.holds)
    .join_from(schema.goals, tables.holds, _HOLDS.tenant == _GOALS.tenant)
    .where(
        _GOALS.workflow_id == bindparam("run"),
        (_HOLDS.workflow_id == WHOLE_TENANT)
        | (_HOLDS.workflow_id == _GOALS.workflow_id)
        | (_HOLDS.workflow_id == _GOALS.root),
    )
    # The one of its own first.
    .order_by(_HOLDS.workflow_id.desc())
    .limit(1)
)
_RELEASE: Final = delete(tables.holds).where(
    _HOLDS.tenant == bindparam("owner"), _HOLDS.workflow_id == bindparam("run")
)
_BEGUN: Final = select(_DELETIONS.workflow_id).where(_DELETIONS.workflow_id == bindparam("run"))
# A hold that is being stored waits for the deletions under way, and they for it.
_LOCK: Final = text("LOCK TABLE holds IN SHARE MODE")


MAX_LISTED: Final = 1_000


class HoldStore(TenantStore):
    """Puts holds on goals and tenants, and takes them away."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        insert = database.insert(tables.holds)
        self._put = insert.on_conflict_do_update(
            index_elements=[_HOLDS.tenant, _HOLDS.workflow_id],
            set_={name: insert.excluded[name] for name in ("by", "reason", "at")},
        )

    async def hold(self, workflow_id: str, by: str, reason: str) -> Hold:
        """Keep a run, with its delegates, until it is released; another hold of it is replaced.

        Raises:
            UnknownGoal: There is no such run.
            StateConflict: It is a delegate, or is being deleted.
        """
        at = datetime.now(UTC)

        def put(transaction: Transaction) -> Hold:
            execute = transaction.connection.execute
            tenant = self._owner(transaction.connection, workflow_id)
            hold = Hold(by=by, reason=reason, at=at, workflow_id=workflow_id, tenant=tenant)
            execute(self._put, _row(hold))
            # After the hold is there: on PostgreSQL it has waited for deletions by now.
            run = execute(_RUN, {"run": workflow_id}).first()
            if run is None:
                raise UnknownGoal(workflow_id)
            if run.parent is not None:
                raise StateConflict(
                    f"goal {workflow_id} is part of {run.parent}, and is kept with it: hold the"
                    " goal at the top"
                )
            check_not_being_deleted(transaction.connection, workflow_id)
            return hold

        return await self._database.write(put)

    async def release(self, workflow_id: str) -> None:
        """Take the hold away that a run has itself; it is nothing new for one that has none.

        Raises:
            UnknownGoal: There is no such run.
        """

        def release(transaction: Transaction) -> None:
            owner = self._owner(transaction.connection, workflow_id)
            transaction.connection.execute(_RELEASE, {"owner": owner, "run": workflow_id})

        await self._database.write(release)

    async def hold_tenant(self, by: str, reason: str) -> Hold:
        """Keep all that is the tenant's, what is yet to come too, until it is released."""
        tenant, at = self._tenancy.name, datetime.now(UTC)
        hold = Hold(by=by, reason=reason, at=at, whole_tenant=True, tenant=tenant)
        row = _row(hold)
        await self._database.write(
            lambda transaction: transaction.connection.execute(self._put, row)
        )
        return hold

    async def release_tenant(self) -> None:
        """Take the hold of the tenant away; those of its goals stay."""
        owner = {"owner": self._tenancy.name, "run": WHOLE_TENANT}
        await self._database.write(
            lambda transaction: transaction.connection.execute(_RELEASE, owner)
        )

    async def list(self, limit: int = MAX_LISTED) -> Sequence[Hold]:
        """Return what is held, the newest first: the tenant's, or everybody's.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        query = select(tables.holds).order_by(_HOLDS.at.desc()).limit(limit)
        limited = self._tenancy.limited(query, _HOLDS.tenant)
        return await self._database.read(
            lambda connection: [_hold(row) for row in connection.execute(limited)]
        )

    def _owner(self, connection: Connection, workflow_id: str) -> str:
        self._tenancy.check_run(connection, workflow_id)
        run = connection.execute(_RUN, {"run": workflow_id}).first()
        if run is None:
            raise UnknownGoal(workflow_id)
        return str(run.tenant)


def lock_holds(connection: Connection) -> None:
    """Let no hold be put, until the transaction ends, that it does not see."""
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)  # SQLite has one writer at a time


def hold_of(connection: Connection, workflow_id: str) -> Hold | None:
    """Return what keeps a run: its own hold, that of the run at the top, or its tenant's."""
    row = connection.execute(_OF_RUN, {"run": workflow_id}).first()
    return None if row is None else _hold(row)


def check_not_being_deleted(connection: Connection, workflow_id: str) -> None:
    """Check that the deletion of a run has not begun; its record must be locked.

    Raises:
        StateConflict: It has, and part of its journal may be gone.
    """
    if connection.execute(_BEGUN, {"run": workflow_id}).first() is not None:
        raise StateConflict(f"goal {workflow_id} is being deleted: start it anew")


def _hold(row: Row[Any]) -> Hold:
    return Hold(
        by=row.by,
        reason=row.reason,
        at=row.at,
        whole_tenant=row.workflow_id == WHOLE_TENANT,
        workflow_id=row.workflow_id,
        tenant=row.tenant,
    )


def _row(hold: Hold) -> dict[str, object]:
    return {
        "tenant": hold.tenant, "workflow_id": hold.workflow_id,
        "by": hold.by, "reason": hold.reason, "at": hold.at,
    }  # fmt: skip
