"""The feed: every reader of every run in a process, served by one look at the database."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import structlog

from perdure.models import Event
from perdure.stores.database.engine import Database, Mark
from perdure.stores.database.errors import StoreUnavailable
from perdure.stores.events.run_tail import READ_SECONDS, RunTail, Told, read_states

LOOK_SECONDS: Final = 0.02
SQLITE_LOOK_SECONDS: Final = 0.01
REST_SECONDS: Final = 0.1
QUIET_SECONDS: Final = 5.0
AWAY_SECONDS: Final = 0.25

log = structlog.get_logger()


class EventFeed:
    """Tells readers of events as they are stored, by this process or by any other.

    What this process stores is told at once. What others store is found by one query for all runs
    that are followed: fifty times a second, ten times after five seconds without news, and never
    while nobody follows anything. SQLite is looked at a hundred times a second, because there a
    counter tells in microseconds that nothing changed. A reader costs no query of its own, and
    Temporal nothing.

    Attributes:
        away: Whether the database did not answer when it was last looked at.
    """

    def __init__(self, database: Database) -> None:
        self.away = False
        self._database = database
        self._runs: dict[str, RunTail] = {}
        self._looking: asyncio.Task[None] | None = None
        self._stir = asyncio.Event()
        self._mark: Mark | None = None
        self._news_at = 0.0
        self._closed = False
        database.follow(self._hear)
        database.on_close(self.close)

    @contextmanager
    def watch(self, workflow_id: str, after: int = 0) -> Iterator["Reader"]:
        """Give a reader of a run's events, for as long as the block runs.

        Args:
            workflow_id: The run.
            after: The number of the last event that is known already.
        """
        run = self._runs.get(workflow_id)
        if run is None:
            run = self._runs[workflow_id] = RunTail(self._database, workflow_id)
        run.readers += 1
        self._news_at = asyncio.get_running_loop().time()
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_again_and_again())
        try:
            yield Reader(self, run, after)
        finally:
            run.readers -= 1
            if not run.readers and self._runs.get(workflow_id) is run:
                del self._runs[workflow_id]

    async def close(self) -> None:
        """End every reader, and stop looking."""
        self._closed = True
        _FEEDS.pop(self._database, None)
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        runs = list(self._runs.values())
        for run in runs:
            run.wake()
        await asyncio.gather(*(run.stop() for run in runs))

    def check_open(self) -> None:
        """See that there will be news.

        Raises:
            StoreUnavailable: The stores are closed.
        """
        if self._closed:
            raise StoreUnavailable("the stores were closed while a run was followed: open them")

    def _hear(self, event: Event) -> None:
        run = self._runs.get(event.workflow_id)
        if run is None:
            return
        run.hear(event)
        if event.type.startswith("run."):
            self._stir.set()  # whether the run has ended stands in its record alone

    async def _look_again_and_again(self) -> None:
        loop = asyncio.get_running_loop()
        while self._runs:
            self._stir.clear()
            began = loop.time()
            try:
                async with asyncio.timeout(READ_SECONDS):
                    moved = await self._look()
            except Exception as error:  # noqa: BLE001 -- readers outlive whatever the database does
                self._lose(error)
                await asyncio.sleep(AWAY_SECONDS)
                continue
            if self.away:
                self.away = False
                log.info("events are followed again", database=self._database.url)
            now = loop.time()
            if moved:
                self._news_at = now
            # Readers may cost the database a fifth of its time, never all of it.
            pause = max(self._pace(now), 4 * (now - began))
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stir.wait()

    def _pace(self, now: float) -> float:
        if now - self._news_at > QUIET_SECONDS:
            return REST_SECONDS
        return SQLITE_LOOK_SECONDS if self._database.is_sqlite else LOOK_SECONDS

    async def _look(self) -> bool:
        runs = list(self._runs.values())
        names = [run.workflow_id for run in runs]
        # A run that joined since the last query was not in it: what it tells must be asked for
        # though the database has not changed.
        asked = self._mark if all(run.looked_at for run in runs) else None
        found = await self._database.read_changes(lambda seen: read_states(seen, names), asked)
        if found is None:
            return False
        self._mark, states = found
        moved = False
        for run in runs:
            run.looked_at = True
            moved |= run.see(states.get(run.workflow_id))
        return moved

    def _lose(self, error: Exception) -> None:
        if not self.away:
            self.away = True
            reason = str(error) or f"no answer within {READ_SECONDS:.0f} s"
            log.warning("events cannot be followed; going on when the stores are back: " + reason)


class Reader:
    """One who follows a run.

    Attributes:
        number: The number of the last event it was given.
    """

    def __init__(self, feed: EventFeed, run: RunTail, after: int) -> None:
        self.number = after
        self._feed = feed
        self._run = run
        self._first: Sequence[Told] | None = None
        self._begun = False
        self._stopped = False

    @property
    def workflow_id(self) -> str:
        """The run that is followed."""
        return self._run.workflow_id

    @property
    def status(self) -> str | None:
        """The run's status as it was last seen; ``None`` while the stores are away."""
        return None if self._feed.away else self._run.status or None

    async def begin(self) -> None:
        """Read the first events; done by the first :meth:`next` when it was not done before.

        Raises:
            UnknownGoal: There is no such run.
            StoreUnavailable: The store does not answer.
        """
        self._first = await self._run.after(self.number)
        self._begun = True

    def stop(self) -> None:
        """Let :meth:`next` return none from now on, also where it waits."""
        self._stopped = True
        self._run.wake()

    async def next(self) -> Sequence[Told]:
        """Return the next events, as soon as there are any; none when the run has ended.

        It may be cancelled: no event is lost by that. Once it has begun it waits for a store that
        is away.

        Raises:
            UnknownGoal: There is no such run, or its record is gone.
            StoreUnavailable: The store does not answer at the start, or was closed.
        """
        if not self._begun:
            await self.begin()
        told, self._first = self._first, None
        while not told:
            self._feed.check_open()
            if self._stopped:
                return ()
            if self._run.last_event > self.number:
                told = await self._read()
            elif self._run.has_ended(self.number):
                return ()
            else:
                await self._run.moved()
        self.number = told[-1].event.number
        return told

    async def _read(self) -> Sequence[Told]:
        try:
            return await self._run.after(self.number)
        except StoreUnavailable:
            await asyncio.sleep(AWAY_SECONDS)
            return ()


# Until each is closed with its database.
_FEEDS: Final[dict[Database, EventFeed]] = {}


def feed_of(database: Database) -> EventFeed:
    """Return the feed of a database: the same one for everybody in this process."""
    feed = _FEEDS.get(database)
    if feed is None:
        feed = _FEEDS[database] = EventFeed(database)
    return feed
