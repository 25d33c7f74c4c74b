"""The database of the stores: short transactions, and events published after commit."""

import asyncio
import secrets
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import URL, Connection, Table, create_engine, event, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from perdure.encryption.cipher import Cipher
from perdure.models import Event
from perdure.stores.database.address import SQLITE, prepares_statements, split_options
from perdure.stores.database.driver_errors import translate_driver_errors
from perdure.stores.database.errors import StoreUnavailable
from perdure.stores.sealing.columns import use_cipher
from perdure.telemetry.metrics import recording

# What PostgreSQL alone needs would be a fifth of what a short command on SQLite imports.
if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

T = TypeVar("T")

# Changes with every commit: the number of the connection that read it, and SQLite's data_version.
DataVersion = tuple[int, int]

BUSY_SECONDS: Final = 30
CONNECT_SECONDS: Final = 10
POOL_SIZE: Final = 15
# A queue is no outage: a thousand goals at once on a busy machine wait longer than half a minute.
POOL_WAIT_SECONDS: Final = 120
READER_THREADS: Final = 4
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}",
    "PRAGMA journal_mode=WAL",
    # The journal must survive a power cut: a step lost is a step paid for twice.
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
)


@dataclass(slots=True)
class Transaction:
    """A write transaction in progress.

    Attributes:
        connection: Executes its statements.
        events: Published to the subscribers once the transaction is committed.
    """

    connection: Connection
    events: list[Event] = field(default_factory=list)


class Database(ABC):
    """One database, SQLite or PostgreSQL; statements are written once, for both.

    The stores build each statement once and execute it with parameters: to build one takes
    SQLAlchemy longer than it takes SQLite to execute it.

    Attributes:
        url: Its address without the password, for messages.
        is_sqlite: Whether it is SQLite.
        sender: What the notifications of these connections are told from others' by.
        listen_address: Where PostgreSQL can be listened to, in libpq's form and with the password.
        listen_url: The same without, for messages.
    """

    def __init__(self, url: URL, listen_url: URL | None = None) -> None:
        self.url = url.render_as_string(hide_password=True)
        self.sender = secrets.token_hex(4)
        listened = listen_url or url
        self.listen_address = split_options(listened)[1]
        self.listen_url = listened.render_as_string(hide_password=True)
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._subscribers: list[Callable[[Event], None]] = []
        self._close_callbacks: list[Callable[[], Awaitable[None]]] = []

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query and return what it returns.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        with translate_driver_errors(self.url), recording.store_operation("read"):
            return await self._read(query)

    async def read_if_changed(
        self, query: Callable[[Connection], T], since: DataVersion | None
    ) -> tuple[DataVersion, T] | None:
        """Run a query, unless it is certain that nothing was committed since the last time.

        For polling many times a second, by one caller alone: on SQLite it takes microseconds when
        nothing has changed, and delays no other read. PostgreSQL has no such version and always
        runs the query.

        Args:
            query: What to run.
            since: The version that the last call returned; ``None`` runs the query anyway.

        Returns:
            The version for the next call, and what the query returned; ``None`` when nothing has
            changed.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        with translate_driver_errors(self.url):
            return await self._read_if_changed(query, since)

    async def write(self, change: Callable[[Transaction], T]) -> T:
        """Run a change as one transaction: it is committed as a whole, or rolled back if it raises.

        Raises:
            StoreUnavailable: The database does not answer or is full; nothing was written.
        """
        with translate_driver_errors(self.url), recording.store_operation("write"):
            return await self._write(change)

    def insert(self, table: Table) -> "sqlite.Insert | postgresql.Insert":
        """Return an insert statement that can have an ``ON CONFLICT`` clause."""
        if self.is_sqlite:
            return sqlite.insert(table)
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)

    async def is_up(self) -> bool:
        """Return whether the database answers."""
        try:
            await self.read(lambda connection: connection.execute(text("SELECT 1")))
        except StoreUnavailable:
            return False
        return True

    def subscribe(self, subscriber: Callable[[Event], None]) -> None:
        """Call ``subscriber`` with every event this process stores, after it is committed.

        It is called in the event loop and must return at once.
        """
        self._subscribers.append(subscriber)

    def on_close(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Await ``callback`` when the database is closed, while it can still be read."""
        self._close_callbacks.append(callback)

    async def close(self) -> None:
        """Wait until every transaction has ended, then close the connections."""
        try:
            for callback in self._close_callbacks:
                await callback()
        finally:
            await self._close()

    @abstractmethod
    async def _close(self) -> None: ...

    @abstractmethod
    async def _read(self, query: Callable[[Connection], T]) -> T: ...

    @abstractmethod
    async def _read_if_changed(
        self, query: Callable[[Connection], T], since: DataVersion | None
    ) -> tuple[DataVersion, T] | None: ...

    @abstractmethod
    async def _write(self, change: Callable[[Transaction], T]) -> T: ...

    def _publish(self, events: Sequence[Event]) -> None:
        for event_ in events:
            for subscriber in self._subscribers:
                subscriber(event_)


def open_database(
    address: URL, listen_url: URL | None = None, cipher: Cipher | None = None
) -> Database:
    """Return the database at an address that :func:`.database_address` gave.

    Args:
        address: The address.
        listen_url: What :func:`.listen_address` gave; another one than the address when a pooler
            stands between, which may keep no prepared statements.
        cipher: What seals people's words; ``None`` stores them as they are.

    Raises:
        StoreUnavailable: Its driver is not installed.
    """
    if address.get_backend_name() == SQLITE:
        return _Sqlite(address, cipher)
    return _PostgreSQL(address, listen_url or address, cipher)


class _Sqlite(Database):
    """SQLite, each transaction in one call to a thread.

    An asynchronous driver calls a thread for every statement: five times the cost, measured, for a
    database that answers within microseconds.
    """

    def __init__(self, url: URL, cipher: Cipher | None) -> None:
        super().__init__(url)
        self._engine = create_engine(url, pool_size=READER_THREADS + 2)
        use_cipher(self._engine.dialect, cipher)
        event.listen(self._engine, "connect", _configure_sqlite)
        event.listen(self._engine, "begin", _begin_sqlite)
        # SQLite has one writer at a time: the queue of one thread is fair and wakes at once, where
        # its own busy handler polls.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._readers = ThreadPoolExecutor(READER_THREADS, thread_name_prefix="store-read")
        # SQLite counts for each connection the commits of others: it must always be the same one.
        self._poller = ThreadPoolExecutor(1, thread_name_prefix="store-poll")
        self._poll_connection: Connection | None = None
        self._poll_connection_number = 0

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
            # From this thread and not from the awaiting task, which may be cancelled meanwhile.
            if transaction.events and self._subscribers:
                loop.call_soon_threadsafe(self._publish, transaction.events)
            return value

        return await loop.run_in_executor(self._writer, run)

    async def _read_if_changed(
        self, query: Callable[[Connection], T], since: DataVersion | None
    ) -> tuple[DataVersion, T] | None:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._poller, self._poll, query, since)

    def _poll(
        self, query: Callable[[Connection], T], since: DataVersion | None
    ) -> tuple[DataVersion, T] | None:
        if self._poll_connection is None:
            self._poll_connection = self._engine.connect()
            self._poll_connection_number += 1
        try:
            # Before the query: what is committed meanwhile is found the next time. And not through
            # SQLAlchemy, which would take ten times as long.
            version = _data_version(self._poll_connection)
            if (self._poll_connection_number, version) == since:
                return None
            with self._poll_connection.begin():
                return (self._poll_connection_number, version or 0), query(self._poll_connection)
        except BaseException:
            # The next connection counts from its own start, so its number tells the versions apart.
            self._poll_connection.invalidate()
            self._poll_connection.close()
            self._poll_connection = None
            raise

    async def _close(self) -> None:
        for threads in (self._writer, self._readers, self._poller):
            await asyncio.to_thread(threads.shutdown)
        if self._poll_connection is not None:
            self._poll_connection.close()
        self._engine.dispose()


def _replace_nul(
    _connection: object,
    _cursor: object,
    statement: str,
    parameters: Any,
    _context: object,
    executemany: bool,
) -> tuple[str, Any]:
    """Replace NUL characters, which PostgreSQL takes in no text: an id that has one is unknown."""
    rows = parameters if executemany else [parameters]
    if any(isinstance(value, str) and "\0" in value for row in rows for value in row):
        rows = [
            tuple(
                value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in row
            )
            for row in rows
        ]
        return statement, rows if executemany else rows[0]
    return statement, parameters


class _PostgreSQL(Database):
    """PostgreSQL, over the network and therefore asynchronous."""

    def __init__(self, url: URL, listen_url: URL, cipher: Cipher | None) -> None:
        super().__init__(url, listen_url)
        from sqlalchemy.ext.asyncio import create_async_engine

        options: dict[str, Any] = {}
        cached: dict[str, Any] = {}
        if not prepares_statements(url, is_pooled=listen_url != url):
            # Without a name a statement lasts no longer than its execution.
            options = {
                "prepared_statement_cache_size": 0,
                "prepared_statement_name_func": lambda: "",
            }
            cached = {"statement_cache_size": 0}
        try:
            import asyncpg

            own, libpq = split_options(url)

            async def connect(*_: object, **__: object) -> asyncpg.Connection:
                return await asyncpg.connect(libpq, timeout=CONNECT_SECONDS, **cached)

            self._engine = create_async_engine(
                own,
                async_creator=connect,
                connect_args=options,
                pool_pre_ping=True,
                # Kept open: to open a connection takes longer than a transaction on it.
                pool_size=POOL_SIZE,
                max_overflow=0,
                pool_timeout=POOL_WAIT_SECONDS,
            )
            use_cipher(self._engine.sync_engine.dialect, cipher)
            event.listen(
                self._engine.sync_engine, "before_cursor_execute", _replace_nul, retval=True
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
        asyncio.get_running_loop().call_soon(self._publish, events)
        return value

    async def _read_if_changed(
        self, query: Callable[[Connection], T], since: DataVersion | None
    ) -> tuple[DataVersion, T] | None:
        return since or (0, 0), await self._read(query)

    async def _close(self) -> None:
        await self._engine.dispose()


def _data_version(connection: Connection) -> int | None:
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    try:
        version: int = raw.execute("PRAGMA data_version").fetchone()[0]
    except sqlite3.Error:
        return None  # the query that follows raises a better error
    return version


def _configure_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # _begin_sqlite executes BEGIN, not the driver
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction fails at its first write when another process has written meanwhile; an
    # immediate one waits for the lock.
    writes = connection.get_execution_options().get("perdure_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
