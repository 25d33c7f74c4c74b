"""Who is signed in to the pages: sessions, kept by the digest of their cookie."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, delete, insert, select

from perdure.models.base import Model
from perdure.stores.access.secrets import digest_of, new_secret
from perdure.stores.database import access_schema
from perdure.stores.database.engine import Database, Transaction

SESSION_LIFETIME: Final = timedelta(hours=12)

_SESSIONS: Final = access_schema.sessions.c
_VALID: Final = select(access_schema.sessions).where(
    _SESSIONS.digest == bindparam("digest"), _SESSIONS.expires_at > bindparam("now")
)
_INSERT: Final = insert(access_schema.sessions)
_END: Final = delete(access_schema.sessions).where(_SESSIONS.digest == bindparam("digest"))
_SWEEP: Final = delete(access_schema.sessions).where(_SESSIONS.expires_at <= bindparam("now"))


class SessionRecord(Model):
    """A session that has not expired.

    Attributes:
        name: Who is signed in.
        tenant: Whose goals they see.
        scopes: What they may do.
        key_id: The key that they signed in with; ``None`` for another way.
        expires_at: When they have to sign in again.
    """

    name: str
    tenant: str
    scopes: tuple[str, ...]
    key_id: str | None
    expires_at: datetime


class SessionStore:
    """The sessions of all tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start(
        self,
        name: str,
        scopes: Collection[str],
        *,
        tenant: str,
        key_id: str | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[str, SessionRecord]:
        """Start a session and return the value of its cookie, this once, with its record.

        Args:
            name: Who signs in.
            scopes: What they may do.
            tenant: Whose goals they see.
            key_id: The key that they signed in with.
            expires_at: When what they signed in with ends; the session lasts twelve hours at most.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        now, cookie = datetime.now(UTC), new_secret()
        end = now + SESSION_LIFETIME
        record = SessionRecord(
            name=name,
            tenant=tenant,
            scopes=tuple(scopes),
            key_id=key_id,
            expires_at=end if expires_at is None else min(end, expires_at),
        )
        row = record.model_dump() | {
            "digest": digest_of(cookie),
            "scopes": " ".join(scopes),
            "started_at": now,
        }

        def start(transaction: Transaction) -> None:
            transaction.connection.execute(_SWEEP, {"now": now})
            transaction.connection.execute(_INSERT, row)

        await self._database.write(start)
        return cookie, record

    async def get(self, cookie: str) -> SessionRecord | None:
        """Return the session of a cookie's value; ``None`` when there is none, or it has expired.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        values = {"digest": digest_of(cookie), "now": datetime.now(UTC)}
        row = await self._database.read(
            lambda connection: connection.execute(_VALID, values).mappings().first()
        )
        if row is None:
            return None
        fields = {name: row[name] for name in SessionRecord.model_fields if name != "scopes"}
        return SessionRecord(scopes=tuple(row["scopes"].split()), **fields)

    async def end(self, cookie: str) -> None:
        """End the session of a cookie's value, if there is one.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        values = {"digest": digest_of(cookie)}
        await self._database.write(lambda transaction: transaction.connection.execute(_END, values))
