"""What is old enough to go: runs by their tenant, status and end, and idempotency keys."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, exists, func, select, tuple_

from perdure.models import GoalStatus
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.retention import tables
from perdure.stores.retention.tables import WHOLE_TENANT

_GOALS: Final = schema.goals.c
_KEYS: Final = schema.idempotency_keys.c
_HOLDS: Final = tables.holds.c
_DELETIONS: Final = tables.deletions.c
# From one tenant to the next: an index finds each at once, however many goals there are.
_NEXT_TENANT: Final = select(func.min(_GOALS.tenant)).where(_GOALS.tenant > bindparam("last"))
_IS_HELD: Final = exists().where(
    _HOLDS.tenant == _GOALS.tenant,
    _HOLDS.workflow_id.in_([WHOLE_TENANT, _GOALS.workflow_id]),
)
_ENDED: Final = (
    select(_GOALS.workflow_id)
    .where(
        _GOALS.status == bindparam("state"),
        _GOALS.tenant == bindparam("owner"),
        # It began before it ended: the index has this one.
        _GOALS.started_at <= bindparam("until"),
        _GOALS.ended_at <= bindparam("until"),
        _GOALS.parent.is_(None),
        ~_IS_HELD,
    )
    .order_by(_GOALS.started_at)
    .limit(bindparam("limit"))
)
# A retried run has delegates that go on after its parent's end, for a moment.
_CHILD: Final = schema.goals.alias("child")
_DUE: Final = _ENDED.where(
    ~exists().where(_CHILD.c.root == _GOALS.workflow_id, _CHILD.c.ended_at.is_(None))
)
_BEGUN: Final = (
    select(_GOALS.workflow_id)
    .join_from(tables.deletions, schema.goals, _GOALS.workflow_id == _DELETIONS.workflow_id)
    .where(_GOALS.parent.is_(None), ~_IS_HELD)
    .order_by(_GOALS.workflow_id)
    .limit(bindparam("limit"))
)
_OPEN: Final = exists().where(_GOALS.workflow_id == _KEYS.workflow_id, _GOALS.ended_at.is_(None))
_DELETE_KEYS: Final = delete(schema.idempotency_keys).where(
    tuple_(_KEYS.tenant, _KEYS.key).in_(
        select(_KEYS.tenant, _KEYS.key)
        .where(_KEYS.given_at <= bindparam("until"), ~_OPEN)
        .order_by(_KEYS.given_at)
        .limit(bindparam("limit"))
    )
)


class DueStore:
    """Finds what is due to be deleted, of all tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tenants(self) -> list[str]:
        """Return the tenants that have goals.

        Raises:
            StoreUnavailable: The database does not answer.
        """

        def read(connection: Connection) -> list[str]:
            found: list[str] = []
            last = ""
            while (tenant := connection.execute(_NEXT_TENANT, {"last": last}).scalar()) is not None:
                found.append(tenant)
                last = tenant
            return found

        return await self._database.read(read)

    async def runs(
        self, tenant: str, status: GoalStatus, until: datetime, *, limit: int
    ) -> list[str]:
        """Return runs that no other run delegated, the oldest first, that nothing holds.

        Args:
            tenant: Whose.
            status: The final status they have.
            until: They had ended by then, and so had all that they delegated.
            limit: How many at most.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        parameters = {"owner": tenant, "state": status.value, "until": until, "limit": limit}
        rows = await self._database.read(
            lambda connection: connection.execute(_DUE, parameters).scalars().all()
        )
        return list(rows)

    async def begun(self, *, limit: int) -> list[str]:
        """Return runs whose deletion has begun and was left off, because a process died.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        rows = await self._database.read(
            lambda connection: connection.execute(_BEGUN, {"limit": limit}).scalars().all()
        )
        return list(rows)

    async def expire_keys(self, until: datetime, *, limit: int) -> int:
        """Delete idempotency keys that were given by then, but for those of runs not ended.

        Args:
            until: The latest time they may have been given.
            limit: How many at most.

        Returns:
            How many.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        parameters = {"until": until.astimezone(UTC), "limit": limit}

        def expire(transaction: Transaction) -> int:
            return transaction.connection.execute(_DELETE_KEYS, parameters).rowcount

        return await self._database.write(expire)
