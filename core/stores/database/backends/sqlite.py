"""SQLite, each transaction in one call to a thread."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from perdure.encryption.cipher import Cipher
from perdure.stores.database.backends.group_commit import WRITES, GroupCommit
from perdure.stores.database.engine import Database, DataVersion, Transaction
from perdure.stores.sealing.columns import use_cipher

T = TypeVar("T")

BUSY_SECONDS: Final = 30
READER_THREADS: Final = 4
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}",
    "PRAGMA journal_mode=WAL",
    # The journal must survive a power cut: a step lost is a step paid for twice.
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
)


class Sqlite(Database):
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
        self._writer = GroupCommit(self._engine, self._transaction, self._publish)
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
        return await self._writer.write(change)

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
        await asyncio.to_thread(self._writer.close)
        for threads in (self._readers, self._poller):
            await asyncio.to_thread(threads.shutdown)
        if self._poll_connection is not None:
            self._poll_connection.close()
        self._engine.dispose()


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
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
