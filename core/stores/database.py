"""The database under the stores: tiny transactions, events announced after commit."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, TypeVar

from holdfast.models import Event
from sqlalchemy import URL, Connection, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

T = TypeVar("T")

BUSY_SECONDS: Final = 30
READERS: Final = 4
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

    connection: Connection
    events: list[Event] = field(default_factory=list)


class Database(ABC):
    """One database, SQLite or PostgreSQL; what is asked of it is written once, for both.

    Attributes:
        url: Its address without the password, for messages.
        is_sqlite: Whether it is SQLite.
    """

    def __init__(self, url: URL) -> None:
        self.url = url.render_as_string(hide_password=True)
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._followers: list[Callable[[Event], None]] = []

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query and return what it returns.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        with _Explained(self.url):
            return await self._read(query)

    async def write(self, change: Callable[[Transaction], T]) -> T:
        """Run a change as one transaction: all of it is committed, or none when it raises.

        Raises:
            StoreUnavailable: The database does not answer or is full; nothing was written.
        """
        with _Explained(self.url):
            value, events = await self._write(change)
        for told in events:
            for follower in self._followers:
                follower(told)
        return value

    async def is_up(self) -> bool:
        """Return whether the database answers."""
        try:
            await self.read(lambda connection: connection.execute(text("SELECT 1")))
        except StoreUnavailable:
            return False
        return True

    def follow(self, follower: Callable[[Event], None]) -> None:
        """Call ``follower`` with every event this process stores, after it is committed."""
        self._followers.append(follower)

    @abstractmethod
    async def close(self) -> None:
        """Close every connection."""

    @abstractmethod
    async def _read(self, query: Callable[[Connection], T]) -> T: ...

    @abstractmethod
    async def _write(self, change: Callable[[Transaction], T]) -> tuple[T, list[Event]]: ...


def open_database(url: str) -> Database:
    """Return the database at a SQLAlchemy address: ``sqlite:///…`` or ``postgresql+asyncpg://…``.

    Raises:
        StoreUnavailable: The address is of another kind.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _Sqlite(parsed)
    if parsed.drivername == "postgresql+asyncpg":
        return _PostgreSQL(parsed)
    raise StoreUnavailable(
        f"HOLDFAST_DATABASE_URL names {parsed.drivername}: use sqlite:/// or postgresql+asyncpg://"
    )


class _Sqlite(Database):
    """SQLite, each transaction in one hop to a thread.

    An asynchronous driver hops for every statement: five times the cost, measured, for a database
    that answers within microseconds.
    """

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        self._engine = create_engine(url.set(drivername="sqlite"), pool_size=READERS + 1)
        event.listen(self._engine, "connect", _configure_sqlite)
        event.listen(self._engine, "begin", _begin_sqlite)
        # SQLite has one writer at a time: queueing for one thread is fair and wakes at once, where
        # its own busy handler polls.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")

    async def _read(self, query: Callable[[Connection], T]) -> T:
        def run() -> T:
            with self._engine.connect() as connection:
                return query(connection)

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    async def _write(self, change: Callable[[Transaction], T]) -> tuple[T, list[Event]]:
        def run() -> tuple[T, list[Event]]:
            with self._engine.connect() as connection:
                connection.execution_options(holdfast_writes=True)
                with connection.begin():
                    transaction = Transaction(connection)
                    return change(transaction), transaction.events

        return await asyncio.get_running_loop().run_in_executor(self._writer, run)

    async def close(self) -> None:
        """Let what is under way finish, then close every connection."""
        await asyncio.to_thread(self._writer.shutdown)
        await asyncio.to_thread(self._readers.shutdown)
        self._engine.dispose()


class _PostgreSQL(Database):
    """PostgreSQL, over the network and therefore asynchronous."""

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        self._engine = create_async_engine(url, pool_pre_ping=True)

    async def _read(self, query: Callable[[Connection], T]) -> T:
        async with self._engine.connect() as connection:
            return await connection.run_sync(query)

    async def _write(self, change: Callable[[Transaction], T]) -> tuple[T, list[Event]]:
        def run(connection: Connection) -> tuple[T, list[Event]]:
            transaction = Transaction(connection)
            return change(transaction), transaction.events

        async with self._engine.begin() as connection:
            return await connection.run_sync(run)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


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
