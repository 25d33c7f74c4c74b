"""The feed of events: one query of the database serves every reader in a process."""

import asyncio
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Final

import structlog
from sqlalchemy import Connection

from perdure.models import Event
from perdure.redis.connection import RedisConnection
from perdure.stores.database.engine import Database, DataVersion
from perdure.stores.database.errors import StoreUnavailable
from perdure.stores.database.tenancy import Tenancy
from perdure.stores.events.change_listener import ChangeListener
from perdure.stores.events.database_listener import DatabaseListener
from perdure.stores.events.notifications import run_digest
from perdure.stores.events.redis_listener import RedisListener
from perdure.stores.events.run_tail import (
    READ_SECONDS,
    RunState,
    RunTail,
    StoredEvent,
    read_states,
)
from perdure.telemetry.metrics import recording

POLL_SECONDS: Final = 0.02
SQLITE_POLL_SECONDS: Final = 0.01
IDLE_POLL_SECONDS: Final = 0.1
# While changes are notified; what is then found is what could not be.
LISTENING_POLL_SECONDS: Final = 1.0
IDLE_AFTER_SECONDS: Final = 5.0
RECONNECT_SECONDS: Final = 0.25
_ALL_TENANTS: Final = Tenancy()

log = structlog.get_logger()


class EventFeed:
    """Passes events to readers as they are stored, by this process or by any other.

    What this process stores is passed on at once. What others store is found by one query for all
    runs that are followed, and PostgreSQL notifies of the runs that have changed, or Redis, where
    there is one and it answers. While neither can, they are polled: fifty times a second, ten times
    after five seconds without a change, and never while no run is followed. SQLite is polled a
    hundred times a second, because there a counter says in microseconds that nothing has changed. A
    reader costs no query of its own, and Temporal nothing.

    Attributes:
        is_unavailable: Whether the database did not answer the last poll.
    """

    def __init__(self, database: Database, redis: RedisConnection | None = None) -> None:
        """Begin when a run is followed.

        Args:
            database: The stores' database.
            redis: Where processes tell each other of new events, if not on PostgreSQL.
        """
        self.is_unavailable = False
        self._database = database
        self._tails: dict[str, RunTail] = {}
        self._by_digest: dict[str, RunTail] = {}
        self._polling: asyncio.Task[None] | None = None
        self._poll_now = asyncio.Event()
        self._version: DataVersion | None = None
        self._changed_at = 0.0
        self._all_polled_at = 0.0
        self._listeners: list[ChangeListener] = []
        self._redis_listener: RedisListener | None = None
        if not database.is_sqlite:
            takes = self._receive_digests, self._switch
            if redis is not None:
                self._redis_listener = RedisListener(
                    redis, database.sender, *takes, lambda: bool(self._tails)
                )
                self._listeners.append(self._redis_listener)
            self._listeners.append(DatabaseListener(database, *takes, self._needs_database))
        # What the last query took: not how long an event loop that sends to hundreds of readers
        # took to take note of it, nor how long a thread, which reads SQLite, waited to go on.
        self._query_seconds = 0.0
        self._clock = time.thread_time if database.is_sqlite else time.perf_counter
        self._is_closed = False
        database.subscribe(self._receive)
        database.on_close(self.close)

    @contextmanager
    def follow(
        self, workflow_id: str, after: int = 0, tenancy: Tenancy = _ALL_TENANTS
    ) -> Iterator["EventReader"]:
        """Return a reader of a run's events, which ends with the block.

        Args:
            workflow_id: The run.
            after: The number of the last event that the reader has already.
            tenancy: Whose runs may be read.
        """
        tail = self._tails.get(workflow_id)
        if tail is None:
            tail = self._tails[workflow_id] = RunTail(self._database, workflow_id)
            self._by_digest[run_digest(workflow_id)] = tail
            if self._is_notified:
                self._poll_now.set()
        tail.readers += 1
        self._changed_at = asyncio.get_running_loop().time()
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll_while_followed())
        for listener in self._listeners:
            listener.start()
        try:
            yield EventReader(self, tail, after, tenancy)
        finally:
            tail.readers -= 1
            if not tail.readers and self._tails.get(workflow_id) is tail:
                del self._tails[workflow_id]
                del self._by_digest[run_digest(workflow_id)]

    async def close(self) -> None:
        """End every reader, and stop polling."""
        self._is_closed = True
        for listener in self._listeners:
            await listener.close()
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)
        tails = list(self._tails.values())
        for tail in tails:
            tail.notify()
        await asyncio.gather(*(tail.drain() for tail in tails))

    async def check_run(self, tail: RunTail, tenancy: Tenancy) -> None:
        """Check whose a run is, by what its readers know of it already where that suffices.

        Raises:
            UnknownGoal: It is another tenant's.
            StoreUnavailable: The stores do not answer.
        """
        if tenancy.tenant in {None, tail.tenant}:
            return
        await self._database.read(
            lambda connection: tenancy.check_run(connection, tail.workflow_id)
        )

    def check_open(self) -> None:
        """Check that the feed still receives events.

        Raises:
            StoreUnavailable: The stores are closed.
        """
        if self._is_closed:
            raise StoreUnavailable("the stores were closed while a run was followed: open them")

    def _receive(self, event: Event) -> None:
        tail = self._tails.get(event.workflow_id)
        if tail is None:
            return
        tail.append(event)
        if event.type.startswith("run."):
            tail.is_polled = False  # only the run's record says whether it has ended
            self._poll_now.set()

    def _receive_digests(self, digests: Sequence[str]) -> None:
        for digest in digests:
            if (tail := self._by_digest.get(digest)) is not None:
                tail.is_polled = False
                self._poll_now.set()

    def _poll_all(self) -> None:
        self._all_polled_at = -math.inf
        self._poll_now.set()

    def _needs_database(self) -> bool:
        """Return whether PostgreSQL is to be listened to: not where Redis notifies."""
        return bool(self._tails) and (
            self._redis_listener is None or self._redis_listener.has_failed
        )

    def _switch(self) -> None:
        self._poll_all()
        if not self._is_closed and self._needs_database():
            for listener in self._listeners:
                listener.start()

    @property
    def _is_notified(self) -> bool:
        return any(listener.is_listening for listener in self._listeners)

    async def _poll_while_followed(self) -> None:
        loop = asyncio.get_running_loop()
        while self._tails:
            self._poll_now.clear()
            try:
                async with asyncio.timeout(READ_SECONDS):
                    changed = await self._poll(loop.time())
            except Exception as error:  # noqa: BLE001 -- readers outlive whatever the database does
                self._version = None
                self._poll_all()
                self._set_unavailable(error)
                await asyncio.sleep(RECONNECT_SECONDS)
                continue
            if self.is_unavailable:
                self.is_unavailable = False
                log.info("events are followed again", database=self._database.url)
            now = loop.time()
            if changed:
                self._changed_at = now
            # Polls may take a fifth of the database's time, never all of it.
            rest = 4 * self._query_seconds
            if self._is_notified:
                await asyncio.sleep(max(POLL_SECONDS, rest))
            with suppress(TimeoutError):
                async with asyncio.timeout(max(self._poll_interval(now), rest)):
                    await self._poll_now.wait()

    def _poll_interval(self, now: float) -> float:
        if self._is_notified:
            return LISTENING_POLL_SECONDS
        if now - self._changed_at > IDLE_AFTER_SECONDS:
            return IDLE_POLL_SECONDS
        return SQLITE_POLL_SECONDS if self._database.is_sqlite else POLL_SECONDS

    async def _poll(self, now: float) -> bool:
        tails = list(self._tails.values())
        if self._is_notified and now - self._all_polled_at < LISTENING_POLL_SECONDS:
            tails = [tail for tail in tails if not tail.is_polled]
        else:
            self._all_polled_at = now
        if not tails:
            return False
        names = [tail.workflow_id for tail in tails]
        # A run that is followed since the last query was not in it: its state must be read though
        # the database has not changed.
        since = self._version if all(tail.is_polled for tail in tails) else None
        for tail in tails:
            tail.is_polled = True  # from now on: a change that is notified meanwhile may be later
        self._query_seconds = 0.0

        def read(connection: Connection) -> Mapping[str, RunState]:
            began = self._clock()
            states = read_states(connection, names)
            self._query_seconds = self._clock() - began
            return states

        found = await self._database.read_if_changed(read, since)
        if found is None:
            return False
        self._version, states = found
        changed = False
        for tail in tails:
            changed |= tail.update(states.get(tail.workflow_id))
        return changed

    def _set_unavailable(self, error: Exception) -> None:
        if not self.is_unavailable:
            self.is_unavailable = True
            reason = str(error) or f"no answer within {READ_SECONDS:.0f} s"
            log.warning("events cannot be followed; going on when the stores are back: " + reason)


class EventReader:
    """One reader of a run's events.

    Attributes:
        number: The number of the last event that it returned.
    """

    def __init__(
        self, feed: EventFeed, tail: RunTail, after: int, tenancy: Tenancy = _ALL_TENANTS
    ) -> None:
        self.number = after
        self._tenancy = tenancy
        self._feed = feed
        self._tail = tail
        self._first: Sequence[StoredEvent] | None = None
        self._is_started = False
        self._is_stopped = False
        self._followed_since = datetime.now(UTC)

    @property
    def workflow_id(self) -> str:
        """The run that is followed."""
        return self._tail.workflow_id

    @property
    def status(self) -> str | None:
        """The run's status when it was last read; ``None`` while the stores are unavailable."""
        return None if self._feed.is_unavailable else self._tail.status or None

    async def start(self) -> None:
        """Read the first events; the first :meth:`next` does it if it was not done before.

        Raises:
            UnknownGoal: There is no such run, or it is another tenant's.
            StoreUnavailable: The stores do not answer.
        """
        # Read first: one read for all who begin at once says whose the run is, too.
        first = await self._tail.read_after(self.number)
        await self._feed.check_run(self._tail, self._tenancy)
        self._first = first
        self._is_started = True

    def stop(self) -> None:
        """Make :meth:`next` return no event from now on, also one that is being awaited."""
        self._is_stopped = True
        self._tail.notify()

    async def next(self) -> Sequence[StoredEvent]:
        """Return the next events, as soon as there are any; none when the run has ended.

        It may be cancelled: no event is lost by that. Once the first events are read, it waits for
        stores that are unavailable.

        Raises:
            UnknownGoal: There is no such run, or its record was deleted.
            StoreUnavailable: The stores do not answer at the start, or were closed.
        """
        if not self._is_started:
            await self.start()
        events, self._first = self._first, None
        while not events:
            self._feed.check_open()
            if self._is_stopped:
                return ()
            if self._tail.last_event > self.number:
                events = await self._read()
            elif self._tail.has_ended(self.number):
                return ()
            else:
                await self._tail.wait_for_change()
        self.number = events[-1].event.number
        # What was there before is not late.
        if events[0].event.time >= self._followed_since:
            recording.event_followed(events[0].event.time)
        return events

    async def _read(self) -> Sequence[StoredEvent]:
        try:
            return await self._tail.read_after(self.number)
        except StoreUnavailable:
            await asyncio.sleep(RECONNECT_SECONDS)
            return ()
