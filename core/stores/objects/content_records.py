"""The records of contents: which are stored, and when each was last known to be in use.

A content may be deleted once nothing refers to it, and not just before somebody refers to it. So
whoever stores one says first, here, that it is in use; what was in use within the grace period is
left alone; and what is being deleted is stored only once it is gone.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    String,
    Table,
    bindparam,
    case,
    delete,
    exists,
    func,
    null,
    or_,
    select,
    update,
)

from perdure.stores.database import schema
from perdure.stores.database.columns import UtcDateTime
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import StoreUnavailable

contents = Table(
    "contents",
    schema.metadata,
    Column("digest", String(71), primary_key=True),
    Column("size", BigInteger, nullable=False),
    # When it was stored, or found to be referred to, the last time.
    Column("used_at", UtcDateTime, nullable=False),
    # Since when a worker is deleting it.
    Column("deleting_at", UtcDateTime),
    Index(None, "used_at"),
)

_HAS_CONTENT: Final = schema.steps.c.content.is_not(None)
Index(None, schema.uploads.c.digest)
# Few steps have one.
Index(None, schema.steps.c.content, sqlite_where=_HAS_CONTENT, postgresql_where=_HAS_CONTENT)

# A deletion takes no longer: a worker that has not ended it by then was killed.
DELETION_SECONDS: Final = 45

_CONTENTS: Final = contents.c
_IS_REFERRED_TO: Final = or_(
    *(
        exists().where(column == _CONTENTS.digest)
        for column in (schema.artifacts.c.digest, schema.uploads.c.digest, schema.steps.c.content)
    )
)
_IS_OLD: Final = _CONTENTS.used_at < bindparam("before")
_DIGESTS: Final = bindparam("digests", type_=String, expanding=True)
# Locked, since whoever stores one writes its row first: either that is seen here, or this there.
_OLDEST: Final = (
    select(_CONTENTS.digest)
    .where(
        _IS_OLD, or_(_CONTENTS.deleting_at.is_(None), _CONTENTS.deleting_at < bindparam("stale"))
    )
    .order_by(_CONTENTS.used_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_MARK: Final = (
    update(contents)
    .where(_CONTENTS.digest.in_(_DIGESTS), ~_IS_REFERRED_TO)
    .values(deleting_at=bindparam("now"))
    .returning(_CONTENTS.digest)
)
_IN_USE: Final = (
    update(contents)
    .where(_CONTENTS.digest.in_(_DIGESTS), _IS_REFERRED_TO)
    .values(used_at=bindparam("now"))
)
_DELETE: Final = delete(contents).where(
    _CONTENTS.digest.in_(_DIGESTS), _CONTENTS.deleting_at == bindparam("since")
)
_COUNT: Final = select(func.count()).select_from(contents)
_AFTER: Final = (
    select(_CONTENTS.digest, _CONTENTS.size)
    .where(_CONTENTS.digest > bindparam("last"))
    .order_by(_CONTENTS.digest)
    .limit(bindparam("limit"))
)
_OF_RUN: Final = (
    update(contents)
    .where(
        _CONTENTS.digest.in_(
            select(schema.artifacts.c.digest)
            .where(schema.artifacts.c.workflow_id == bindparam("run"))
            .union_all(
                select(schema.steps.c.content).where(
                    schema.steps.c.workflow_id == bindparam("run"), _HAS_CONTENT
                )
            )
        )
    )
    .values(used_at=bindparam("now"))
)


class ContentBeingDeleted(StoreUnavailable):
    """A content is being deleted by a worker at this moment; a moment later it can be stored."""

    def __init__(self, digest: str) -> None:
        super().__init__(f"{digest} is being deleted, as nothing referred to it: store it again")


class ContentRecords:
    """Which contents are stored."""

    def __init__(self, database: Database) -> None:
        self._database = database
        upsert = database.insert(contents)
        stale = _CONTENTS.deleting_at < bindparam("stale")
        self._upsert = upsert.on_conflict_do_update(
            index_elements=[_CONTENTS.digest],
            set_={
                "used_at": upsert.excluded.used_at,
                "deleting_at": case((stale, null()), else_=_CONTENTS.deleting_at),
            },
        ).returning(_CONTENTS.deleting_at)

    async def use(self, digest: str, size: int) -> None:
        """Record that a content is about to be stored and referred to.

        Raises:
            ContentBeingDeleted: It is being deleted just now.
            StoreUnavailable: The database does not answer.
        """
        now = datetime.now(UTC)
        row = {"digest": digest, "size": size, "used_at": now, "stale": _stale(now)}

        def write(transaction: Transaction) -> None:
            deleting_at = transaction.connection.execute(self._upsert, row).scalar_one()
            if deleting_at is not None:
                raise ContentBeingDeleted(digest)

        await self._database.write(write)

    async def take_unused(self, grace: timedelta, limit: int) -> tuple[datetime, list[str], bool]:
        """Take contents to delete: nobody refers to them, and nobody has stored them of late.

        Args:
            grace: How long ago they were in use at least.
            limit: How many are looked at.

        Returns:
            The time that :meth:`forget` takes, the digests, and whether there may be more.
        """
        now = datetime.now(UTC)
        wanted = {"before": now - grace, "stale": _stale(now), "limit": limit}

        def take(transaction: Transaction) -> tuple[datetime, list[str], bool]:
            execute = transaction.connection.execute
            oldest = execute(_OLDEST, wanted).scalars().all()
            if not oldest:
                return now, [], False
            taken = execute(_MARK, {"digests": oldest, "now": now}).scalars().all()
            execute(_IN_USE, {"digests": oldest, "now": now})
            return now, list(taken), len(oldest) == limit

        return await self._database.write(take)

    async def count(self) -> int:
        """Return how many contents there are."""
        return await self._database.read(lambda connection: connection.execute(_COUNT).scalar_one())

    async def after(self, digest: str, limit: int) -> list[tuple[str, int]]:
        """Return the contents whose digests follow one, each with its size in bytes.

        Args:
            digest: Which one; the first ones follow the empty text.
            limit: How many at most.
        """
        wanted = {"last": digest, "limit": limit}
        rows = await self._database.read(
            lambda connection: connection.execute(_AFTER, wanted).all()
        )
        return [(row.digest, row.size) for row in rows]

    async def forget(self, digests: list[str], since: datetime) -> None:
        """Delete the records of contents that were deleted.

        Args:
            digests: The contents.
            since: When they were taken.
        """
        row = {"digests": digests, "since": since}
        await self._database.write(lambda transaction: transaction.connection.execute(_DELETE, row))


def use_contents_of(connection: Connection, workflow_id: str) -> None:
    """Record, in the transaction that gave a run what another had stored, that it is in use."""
    connection.execute(_OF_RUN, {"run": workflow_id, "now": datetime.now(UTC)})


def _stale(now: datetime) -> datetime:
    return now - timedelta(seconds=DELETION_SECONDS)
