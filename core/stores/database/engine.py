"""The database under the stores: tiny transactions, events announced after commit."""

import asyncio
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, TypeVar

from sqlalchemy import URL, Connection, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from perdure.models import Event
from perdure.stores.database.errors import StoreUnavailable, explained

T = TypeVar("T")

# Where a database stood when it was asked: the connection that asked, and what that one was told.
Mark = tuple[int, int]

BUSY_SECONDS: Final = 30
CONNECT_SECONDS: Final = 10
CONNECTIONS: Final = 15
READERS: Final = 4
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}",
    "PRAGMA journal_mode=WAL",
    # The journal must survive a power cut: a step lost is a step paid for twice.
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
)


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

    The stores make each statement once and execute it with values: to make one takes SQLAlchemy
    longer than it takes SQLite to answer.

    Attributes:
        url: Its address without the password, for messages.
        is_sqlite: Whether it is SQLite.
    """

    def __init__(self, url: URL) -> None:
        self.url = url.render_as_string(hide_password=True)
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._followers: list[Callable[[Event], None]] = []
        self._closers: list[Callable[[], Awaitable[None]]] = []

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query and return what it returns.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        with explained(self.url):
            return await self._read(query)

    async def read_changes(
        self, query: Callable[[Connection], T], mark: Mark | None
    ) -> tuple[Mark, T] | None:
        """Run a query, unless it is certain that nothing was committed since the last time.

        Made to be asked many times a second, by one caller alone: on SQLite an answer that nothing
        changed takes microseconds, and holds up no other read. PostgreSQL cannot tell and always
        runs the query.

        Args:
            query: What to run.
            mark: What was returned the last time that the query ran; ``None`` runs it anyway.

        Returns:
            A mark for the next time, and what the query returned; ``None`` when nothing changed.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        with explained(self.url):
            return await self._read_changes(query, mark)

    async def write(self, change: Callable[[Transaction], T]) -> T:
        """Run a change as one transaction: all of it is committed, or none when it raises.

        Raises:
            StoreUnavailable: The database does not answer or is full; nothing was written.
        """
        with explained(self.url):
            return await self._write(change)

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """Return an insert that may say what happens on a conflict."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    async def is_up(self) -> bool:
        """Return whether the database answers."""
        try:
            await self.read(lambda connection: connection.execute(text("SELECT 1")))
        except StoreUnavailable:
            return False
        return True

    def follow(self, follower: Callable[[Event], None]) -> None:
        """Call ``follower`` with every event this process stores, after it is committed.

        It is called in the event loop and must return at once.
        """
        self._followers.append(follower)

    def on_close(self, closer: Callable[[], Awaitable[None]]) -> None:
        """Await ``closer`` when the database is closed, while it can still be read."""
        self._closers.append(closer)

    async def close(self) -> None:
        """Let what is under way finish, then close every connection."""
        try:
            for closer in self._closers:
                await closer()
        finally:
            await self._close()

    @abstractmethod
    async def _close(self) -> None: ...

    @abstractmethod
    async def _read(self, query: Callable[[Connection], T]) -> T: ...

    @abstractmethod
    async def _read_changes(
        self, query: Callable[[Connection], T], mark: Mark | None
    ) -> tuple[Mark, T] | None: ...

    @abstractmethod
    async def _write(self, change: Callable[[Transaction], T]) -> T: ...

    def _tell(self, events: Sequence[Event]) -> None:
        for told in events:
            for follower in self._followers:
                follower(told)


def open_database(url: str) -> Database:
    """Return the database at a SQLAlchemy address: ``sqlite:///…`` or ``postgresql+asyncpg://…``.

    Raises:
        StoreUnavailable: The address is none, or of another kind.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:  # the address itself may hold a password
        raise StoreUnavailable(
            "PERDURE_DATABASE_URL is not an address: write sqlite:///path/of/a/file or"
            " postgresql+asyncpg://user:password@host/database"
        ) from error
    if parsed.get_backend_name() == "sqlite":
        if parsed.database in {None, "", ":memory:"} or "mode" in parsed.query:
            raise StoreUnavailable(
                "PERDURE_DATABASE_URL names a database in memory, where nothing lasts: write"
                " sqlite:///path/of/a/file"
            )
        return _Sqlite(parsed)
    if parsed.drivername == "postgresql+asyncpg":
        return _PostgreSQL(parsed)
    raise StoreUnavailable(
        f"PERDURE_DATABASE_URL names {parsed.drivername}: use sqlite:/// or postgresql+asyncpg://"
    )


class _Sqlite(Database):
    """SQLite, each transaction in one hop to a thread.

    An asynchronous driver hops for every statement: five times the cost, measured, for a database
    that answers within microseconds.
    """

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        self._engine = create_engine(url.set(drivername="sqlite"), pool_size=READERS + 2)
        event.listen(self._engine, "connect", _configure_sqlite)
        event.listen(self._engine, "begin", _begin_sqlite)
        # SQLite has one writer at a time: queueing for one thread is fair and wakes at once, where
        # its own busy handler polls.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        # SQLite tells a connection how often others have committed: it must be the same one always.
        self._watcher = ThreadPoolExecutor(1, thread_name_prefix="store-watch")
        self._watching: Connection | None = None
        self._watches = 0

    async def _read(self, query: Callable[[Connection], T]) -> T:
        def run() -> T:
            with self._engine.connect() as connection:
                return query(connection)

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    async def _write(self, change: Callable[[Transaction], T]) -> T:
        loop = asyncio.get_running_loop()

        def run() -> T:
            with self._engine.connect() as connection:
                connection.execution_options(perdure_writes=True)
                with connection.begin():
                    transaction = Transaction(connection)
                    value = change(transaction)
            # From here and not from who awaits: that one may be cancelled meanwhile.
            if transaction.events and self._followers:
                loop.call_soon_threadsafe(self._tell, transaction.events)
            return value

        return await loop.run_in_executor(self._writer, run)

    async def _read_changes(
        self, query: Callable[[Connection], T], mark: Mark | None
    ) -> tuple[Mark, T] | None:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._watcher, self._look, query, mark)

    def _look(self, query: Callable[[Connection], T], mark: Mark | None) -> tuple[Mark, T] | None:
        if self._watching is None:
            self._watching = self._engine.connect()
            self._watches += 1
        try:
            # Before the query: what is committed meanwhile is found the next time. And not through
            # SQLAlchemy, which would take ten times as long over it.
            version = _data_version(self._watching)
            if (self._watches, version) == mark:
                return None
            with self._watching.begin():
                return (self._watches, version or 0), query(self._watching)
        except BaseException:
            # Another connection counts anew, so its marks differ from this one's.
            self._watching.invalidate()
            self._watching.close()
            self._watching = None
            raise

    async def _close(self) -> None:
        for threads in (self._writer, self._readers, self._watcher):
            await asyncio.to_thread(threads.shutdown)
        if self._watching is not None:
            self._watching.close()
        self._engine.dispose()


class _PostgreSQL(Database):
    """PostgreSQL, over the network and therefore asynchronous."""

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        try:
            self._engine = create_async_engine(
                url,
                pool_pre_ping=True,
                # Kept once they are open: to open one takes longer than what it is opened for.
                pool_size=CONNECTIONS,
                max_overflow=0,
                connect_args={"timeout": CONNECT_SECONDS},
            )
        except ModuleNotFoundError as error:
            raise StoreUnavailable(
                f"the database {self.url} needs {error.name}, which is not installed: pip install"
                " 'perdure[postgresql]'"
            ) from error

    async def _read(self, query: Callable[[Connection], T]) -> T:
        async with self._engine.connect() as connection:
            return await connection.run_sync(query)

    async def _write(self, change: Callable[[Transaction], T]) -> T:
        def run(connection: Connection) -> tuple[T, list[Event]]:
            transaction = Transaction(connection)
            return change(transaction), transaction.events

        async with self._engine.begin() as connection:
            value, events = await connection.run_sync(run)
        asyncio.get_running_loop().call_soon(self._tell, events)
        return value

    async def _read_changes(
        self, query: Callable[[Connection], T], mark: Mark | None
    ) -> tuple[Mark, T] | None:
        return mark or (0, 0), await self._read(query)

    async def _close(self) -> None:
        await self._engine.dispose()


def _data_version(connection: Connection) -> int | None:
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    try:
        version: int = raw.execute("PRAGMA data_version").fetchone()[0]
    except sqlite3.Error:
        return None  # the query that follows says better what is wrong
    return version


def _configure_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # BEGIN is ours, see _begin_sqlite
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that turns to writing fails at once when another process wrote
    # meanwhile; an immediate one waits its turn.
    writes = connection.get_execution_options().get("perdure_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
