"""PostgreSQL, over the network and therefore asynchronous."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from perdure.encryption.cipher import Cipher
from perdure.models import Event
from perdure.stores.database.address import prepares_statements, split_options
from perdure.stores.database.engine import Database, DataVersion, Transaction
from perdure.stores.database.errors import StoreUnavailable
from perdure.stores.sealing.columns import use_cipher

T = TypeVar("T")

CONNECT_SECONDS: Final = 10
POOL_SIZE: Final = 15
# A queue is no outage: a thousand goals at once on a busy machine wait longer than half a minute.
POOL_WAIT_SECONDS: Final = 120


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


def _check_open(connection: Any, _entry: ConnectionPoolEntry, _proxy: object) -> None:
    """Have a connection that the server has closed replaced before it is used.

    The driver has been told of its end: to ask the server would be a round trip more for each
    transaction.

    Raises:
        DisconnectionError: It is closed; SQLAlchemy takes another one.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError("the server has closed it")


class PostgreSQL(Database):
    """PostgreSQL, over the network and therefore asynchronous."""

    def __init__(self, url: URL, listen_url: URL, cipher: Cipher | None) -> None:
        super().__init__(url, listen_url)
        from sqlalchemy.ext.asyncio import create_async_engine

        options: dict[str, Any] = {}
        cached: dict[str, Any] = {}
        prepares = prepares_statements(url, is_pooled=listen_url != url)
        if not prepares:
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
                # Kept open: to open a connection takes longer than a transaction on it.
                pool_size=POOL_SIZE,
                max_overflow=0,
                pool_timeout=POOL_WAIT_SECONDS,
            )
            # A query needs no transaction around it, which would be two more round trips; but for a
            # pooler that keeps no statements: it might send the two halves of one to two servers.
            self._reading = (
                self._engine.execution_options(isolation_level="AUTOCOMMIT")
                if prepares
                else self._engine
            )
            event.listen(self._engine.sync_engine, "checkout", _check_open)
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
        async with self._reading.connect() as connection:
            return await connection.run_sync(query)

    async def _write(self, change: Callable[[Transaction], T]) -> T:
        def run(connection: Connection) -> tuple[T, list[Event]]:
            transaction = self._transaction(connection)
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
