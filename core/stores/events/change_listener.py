"""Listens, on PostgreSQL, for the runs whose events other processes have stored."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from perdure.stores.database.engine import CONNECT_SECONDS, Database
from perdure.stores.database.errors import StoreUnavailable
from perdure.stores.events.change_notifier import UNFOLLOWED_PAUSE_SECONDS
from perdure.stores.events.notifications import (
    CHANNEL,
    FOLLOWED_LOCK,
    notify_self,
    parse_notification,
)

if TYPE_CHECKING:
    import asyncpg

PROBE_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 1.0
ALIVE_SECONDS: Final = 10.0
FIRST_PAUSE_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 30.0
# Until then a process that stored events while nobody followed any run has asked again.
_SETTLE_SECONDS: Final = 2 * UNFOLLOWED_PAUSE_SECONDS

log = structlog.get_logger()


class NotListening(Exception):
    """No notifications arrive; the message says why, and what to do."""


class ChangeListener:
    """Says which runs have new events, as long as the database's server can be listened to.

    It has a connection of its own, for all runs of the process, and gives it up soon after the last
    one is followed. When the connection is lost, it connects again, at first after a quarter of a
    second, then ever more slowly up to half a minute.

    Attributes:
        is_listening: Whether every change is notified; if not, changes are to be looked for.
    """

    def __init__(
        self,
        database: Database,
        receive: Callable[[Sequence[str]], None],
        switched: Callable[[], None],
        is_needed: Callable[[], bool],
    ) -> None:
        """Prepare to listen.

        Args:
            database: The stores' database.
            receive: Takes the digests of runs that have changed; see :func:`.run_digest`.
            switched: Called whenever ``is_listening`` has changed.
            is_needed: Returns whether any run is followed.
        """
        self.is_listening = False
        self._database = database
        self._receive = receive
        self._switched = switched
        self._is_needed = is_needed
        self._listening: asyncio.Task[None] | None = None
        self._is_reported = False

    def start(self) -> None:
        """Listen, unless it does already."""
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Listen no more."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while self._is_needed():
            try:
                async with _listening(self._database, self._take) as connection:
                    await connection.execute(f"SELECT pg_advisory_lock_shared({FOLLOWED_LOCK})")
                    await asyncio.sleep(_SETTLE_SECONDS)
                    self._set_listening(True)
                    pause = FIRST_PAUSE_SECONDS
                    await self._watch(connection)
            except NotListening as error:
                self._report(str(error))
            finally:
                self._set_listening(False)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _watch(self, connection: "asyncpg.Connection") -> None:
        """Return when no run has been followed for a while; raise when the connection is lost."""
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        is_needed = True
        while is_needed:
            was_needed = self._is_needed()
            try:
                async with asyncio.timeout(ALIVE_SECONDS):
                    await lost.wait()
                raise NotListening("the connection over which events are notified was closed")
            except TimeoutError:
                await connection.execute("SELECT 1", timeout=PROBE_SECONDS)
            is_needed = was_needed or self._is_needed()

    def _take(self, sender: str, runs: Sequence[str]) -> None:
        if sender != self._database.sender:
            self._receive(runs)

    def _set_listening(self, is_listening: bool) -> None:
        if is_listening != self.is_listening:
            self.is_listening = is_listening
            if is_listening:
                self._is_reported = False
                log.debug("events are notified", database=self._database.url)
            self._switched()

    def _report(self, reason: str) -> None:
        if not self._is_reported:
            self._is_reported = True
            log.warning(
                "events are looked for many times a second until they are notified: " + reason
            )


async def check_listening(database: Database) -> None:
    """Check that notifications arrive.

    Raises:
        NotListening: They do not, as behind a pooler that shares connections by transaction.
    """
    async with _listening(database, lambda _sender, _runs: None):
        pass


@asynccontextmanager
async def _listening(
    database: Database, take: Callable[[str, Sequence[str]], None]
) -> AsyncIterator["asyncpg.Connection"]:
    """Give a connection on which notifications have been seen to arrive.

    Raises:
        NotListening: The server does not answer, or none arrives, or the block lost the connection.
    """
    import asyncpg

    arrived = asyncio.Event()

    def hear(_connection: object, _pid: int, _channel: str, payload: object) -> None:
        sender, runs = parse_notification(str(payload))
        if runs:
            take(sender, runs)
        elif sender == database.sender:
            arrived.set()

    try:
        connection = await asyncpg.connect(
            database.listen_address, timeout=CONNECT_SECONDS, statement_cache_size=0
        )
        try:
            await connection.add_listener(CHANNEL, hear)
            # Over the stores' own connections: a pooler gives this one no server of its own, and
            # one of another database would hear nothing either.
            await database.write(partial(notify_self, sender=database.sender))
            try:
                async with asyncio.timeout(PROBE_SECONDS):
                    await arrived.wait()
            except TimeoutError:
                await connection.remove_listener(CHANNEL, hear)
                raise NotListening(
                    f"what is notified in {database.url} does not arrive over"
                    f" {database.listen_url}: set PERDURE_LISTEN_URL to the same database's address"
                    " at its server, past any pooler"
                ) from None
            yield connection
        finally:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=CLOSE_SECONDS)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, StoreUnavailable) as error:
        raise NotListening(
            f"{database.listen_url} cannot be listened to ({str(error) or type(error).__name__}):"
            " see that it is up, or correct PERDURE_LISTEN_URL"
        ) from error
