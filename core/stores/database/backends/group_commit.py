"""SQLite's one writer: the changes that wait for it are committed together."""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, Engine

from perdure.models import Event
from perdure.stores.database.engine import Transaction

T = TypeVar("T")

# A commit waits for the disk however many changes are in it, and the first of them for the last.
MAX_CHANGES: Final = 64
WRITES: Final = "perdure_writes"

Publish = Callable[[Sequence[Event]], None]


@dataclass(slots=True, eq=False)
class _Waiting(Generic[T]):
    """A change that waits, and then what became of it."""

    change: Callable[[Transaction], T]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[T]"
    value: T | None = None
    error: BaseException | None = None
    events: Sequence[Event] = field(default=())


class GroupCommit:
    """Runs changes one after another in a thread, each whole or not at all.

    What waits while a group is committed is the next group: one transaction, in which a savepoint
    takes back the change that raises, and no other. Nobody is told of a change before it is on the
    disk. With nothing else waiting, a change is a transaction of its own.
    """

    def __init__(
        self, engine: Engine, transaction: Callable[[Connection], Transaction], publish: Publish
    ) -> None:
        """Start no thread before the first change.

        Args:
            engine: Connects to the database.
            transaction: Returns what a change is given, over a connection.
            publish: Called in the event loop with the events of each change that was committed.
        """
        self._engine = engine
        self._transaction = transaction
        self._publish = publish
        # One thread, so that its queue is fair and wakes at once, where SQLite's own busy handler
        # polls.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._waiting: deque[_Waiting[Any]] = deque()
        self._lock = threading.Lock()
        self._is_committing = False

    async def write(self, change: Callable[[Transaction], T]) -> T:
        """Run a change and return its value once it is committed.

        Cancelled before it has begun, it is left out; later it is carried out all the same.
        """
        loop = asyncio.get_running_loop()
        waiting: _Waiting[T] = _Waiting(change, loop, loop.create_future())
        with self._lock:
            self._waiting.append(waiting)
            begins = not self._is_committing
            self._is_committing = True
        if begins:
            self._thread.submit(self._commit_all)
        return await waiting.future

    def close(self) -> None:
        """Wait until what waits is committed, and end the thread."""
        self._thread.shutdown()

    def _commit_all(self) -> None:
        while group := self._next_group():
            try:
                self._commit(group)
            # Fenced too, which is no Exception: lost, all later writes would wait without end.
            except BaseException as error:  # noqa: BLE001 -- those who wait are to raise it
                for waiting in group:
                    waiting.error = waiting.error or error
            for loop, finished in groupby(group, lambda waiting: waiting.loop):
                # A loop that has ended has nobody who waits.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._finish, list(finished))

    def _next_group(self) -> list[_Waiting[Any]]:
        with self._lock:
            group: list[_Waiting[Any]] = []
            while self._waiting and len(group) < MAX_CHANGES:
                waiting = self._waiting.popleft()
                if not waiting.future.cancelled():
                    group.append(waiting)
            self._is_committing = bool(group)
            return group

    def _commit(self, group: Sequence[_Waiting[Any]]) -> None:
        with self._engine.connect() as connection:
            connection.execution_options(**{WRITES: True})
            with connection.begin():
                if len(group) == 1:
                    _run(group[0], self._transaction(connection))
                    return
                for waiting in group:
                    with _savepoint(connection, waiting):
                        _run(waiting, self._transaction(connection))

    def _finish(self, finished: Sequence[_Waiting[Any]]) -> None:
        """Publish and pass on what became of changes, in their order."""
        for waiting in finished:
            # Also of one whose task was cancelled meanwhile: it is stored.
            if waiting.error is None and waiting.events:
                self._publish(waiting.events)
            if waiting.future.done():
                continue
            if waiting.error is not None:
                waiting.future.set_exception(waiting.error)
            else:
                waiting.future.set_result(waiting.value)


def _run(waiting: _Waiting[Any], transaction: Transaction) -> None:
    waiting.value = waiting.change(transaction)
    waiting.events = transaction.events


@contextmanager
def _savepoint(connection: Connection, waiting: _Waiting[Any]) -> Iterator[None]:
    """Take back what a change has done if it raises, and keep its error for who awaits it.

    Raises:
        BaseException: The database took the whole transaction back, as on a full disk.
    """
    # Not through SQLAlchemy, which would take ten times as long.
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.execute("SAVEPOINT change")
    try:
        yield
    except BaseException as error:
        if not raw.in_transaction:
            raise
        raw.execute("ROLLBACK TO change")
        waiting.error = error
    raw.execute("RELEASE change")
