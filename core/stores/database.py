"""The database under the stores: one engine, tiny transactions, events announced after commit."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from holdfast.models import Event
from sqlalchemy import Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_SECONDS: Final = 30
_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    # The journal must survive a power cut: a step lost is a step paid for twice.
    "PRAGMA synchronous=FULL",
    f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}",
    "PRAGMA foreign_keys=ON",
)


class StoreUnavailable(Exception):
    """The stores cannot be read or written; the message says why and what to do."""


@dataclass(slots=True)
class Transaction:
    """A write under way.

    Attributes:
        connection: Where to execute.
        events: Told to those who follow once the transaction is committed.
    """

    connection: AsyncConnection
    events: list[Event] = field(default_factory=list)


class Database:
    """One database, SQLite or PostgreSQL.

    Attributes:
        url: Its address without the password, for messages.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.url = parsed.render_as_string(hide_password=True)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self._engine = create_async_engine(url, pool_pre_ping=not self.is_sqlite)
        # SQLite has one writer at a time: queueing here is fair and wakes at once, where its own
        # busy handler polls.
        self._writer = asyncio.Lock()
        self._followers: list[Callable[[Event], None]] = []
        if self.is_sqlite:
            event.listen(self._engine.sync_engine, "connect", _configure_sqlite)
            event.listen(self._engine.sync_engine, "begin", _begin_sqlite)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection for reading.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        with self._explained():
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """Give a transaction, committed when the block ends and rolled back when it raises.

        Raises:
            StoreUnavailable: The database does not answer or is full; nothing was written.
        """
        if self.is_sqlite:
            async with self._writer, self._transaction() as transaction:
                yield transaction
        else:
            async with self._transaction() as transaction:
                yield transaction
        for told in transaction.events:
            for follower in self._followers:
                follower(told)

    def follow(self, follower: Callable[[Event], None]) -> None:
        """Call ``follower`` with every event this process stores, after it is committed."""
        self._followers.append(follower)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Transaction]:
        with self._explained():
            async with self._engine.connect() as connection:
                await connection.execution_options(holdfast_writes=True)
                async with connection.begin():
                    transaction = Transaction(connection)
                    yield transaction

    def _explained(self) -> "_Explained":
        return _Explained(self.url)


class _Explained:
    """Turns a driver's errors into one sentence."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, OperationalError | InterfaceError):
            reason = str(error.orig)
        elif isinstance(error, ConnectionError):
            reason = str(error)
        else:
            return
        advice = "see that it is up and reachable"
        if "full" in reason or "I/O error" in reason:
            advice = "free some space on its disk"
        elif "readonly" in reason or "unable to open" in reason:
            advice = "make it writable, or set HOLDFAST_HOME to another folder"
        raise StoreUnavailable(
            f"the database {self._url} does not take this ({reason}): {advice}"
        ) from error


def _configure_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # BEGIN is ours, see _begin_sqlite
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that turns to writing fails at once when another process wrote
    # meanwhile; an immediate one waits its turn.
    writes = connection.get_execution_options().get("holdfast_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
