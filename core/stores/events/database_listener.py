"""Listens on PostgreSQL for the runs whose events other processes have stored."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from perdure.stores.database.backends.postgresql import CONNECT_SECONDS
from perdure.stores.database.engine import Database
from perdure.stores.database.errors import StoreUnavailable
from perdure.stores.events.change_listener import ChangeListener, NotListening, Subscription
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
# Until then a process that stored events while nobody followed any run has asked again.
_SETTLE_SECONDS: Final = 2 * UNFOLLOWED_PAUSE_SECONDS


class DatabaseListener(ChangeListener):
    """Listens as long as the database's server can be listened to."""

    failure = "events are looked for many times a second until they are notified"

    def __init__(
        self,
        database: Database,
        receive: Callable[[Sequence[str]], None],
        switched: Callable[[], None],
        is_needed: Callable[[], bool],
    ) -> None:
        """Prepare to listen to the stores' database."""
        super().__init__(receive, switched, is_needed)
        self._database = database

    @asynccontextmanager
    async def _subscribed(self) -> AsyncIterator[Subscription]:
        async with _listening(self._database, self._take) as connection:
            subscription = Subscription(partial(_probe, connection))
            connection.add_termination_listener(lambda _: subscription.lost.set())
            await connection.execute(f"SELECT pg_advisory_lock_shared({FOLLOWED_LOCK})")
            await asyncio.sleep(_SETTLE_SECONDS)
            yield subscription

    def _take(self, sender: str, runs: Sequence[str]) -> None:
        if sender != self._database.sender:
            self._receive(runs)


async def _probe(connection: "asyncpg.Connection") -> None:
    await connection.execute("SELECT 1", timeout=PROBE_SECONDS)


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
