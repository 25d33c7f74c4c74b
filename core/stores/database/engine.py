"""The database of the stores: short transactions, and events published after commit."""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import URL, Connection, Table, text
from sqlalchemy.dialects import sqlite

from perdure.models import Event
from perdure.stores.database.address import split_options
from perdure.stores.database.driver_errors import translate_driver_errors
from perdure.stores.database.errors import StoreUnavailable
from perdure.telemetry.metrics import recording

# What PostgreSQL alone needs would be a fifth of what a short command on SQLite imports.
if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

T = TypeVar("T")

# Changes with every commit: the number of the connection that read it, and SQLite's data_version.
DataVersion = tuple[int, int]


@dataclass(slots=True)
class Transaction:
    """A write transaction in progress.

    Attributes:
        connection: Executes its statements.
        is_audited: Whether what it stores is a fact of the audit trail too.
        events: Published to the subscribers once the transaction is committed.
    """

    connection: Connection
    is_audited: bool = False
    events: list[Event] = field(default_factory=list)


class Database(ABC):
    """One database, SQLite or PostgreSQL; statements are written once, for both.

    The stores build each statement once and execute it with parameters: to build one takes
    SQLAlchemy longer than it takes SQLite to execute it.

    Attributes:
        url: Its address without the password, for messages.
        is_sqlite: Whether it is SQLite.
        is_audited: Whether facts of the audit trail are stored with what they are about.
        sender: What the notifications of these connections are told from others' by.
        listen_address: Where PostgreSQL can be listened to, in libpq's form and with the password.
        listen_url: The same without, for messages.
    """

    def __init__(self, url: URL, listen_url: URL | None = None) -> None:
        self.url = url.render_as_string(hide_password=True)
        self.is_audited = False
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

    def _transaction(self, connection: Connection) -> Transaction:
        return Transaction(connection, self.is_audited)

    def _publish(self, events: Sequence[Event]) -> None:
        for event_ in events:
            for subscriber in self._subscribers:
                subscriber(event_)
