"""Notifies other processes of the runs whose events this one has stored."""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from perdure.models import Event
from perdure.stores.database.engine import Database
from perdure.stores.database.errors import StoreUnavailable
from perdure.stores.events.notifications import Notify

# As often as followers would poll.
PAUSE_SECONDS: Final = 0.02
# How often it is asked whether anybody follows a run, while nobody does.
UNFOLLOWED_PAUSE_SECONDS: Final = 0.25
CLOSE_SECONDS: Final = 2.0

log = structlog.get_logger()


class ChangeNotifier:
    """Notifies followers elsewhere of the events that this process stores.

    Not within the transaction that stores an event, whose commit would then wait for every other
    one that notifies, but after it: all runs that have changed meanwhile by one statement, at most
    fifty times a second, and four times while nobody follows any. What it cannot say, as when the
    process is killed in between, followers see for themselves within a second.
    """

    def __init__(self, database: Database, notify: Notify) -> None:
        """Notify from now on.

        Args:
            database: Whose events.
            notify: Notifies over PostgreSQL, or over Redis.
        """
        self._notify = notify
        self._runs: set[str] = set()
        self._sending: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        database.subscribe(self._receive)
        database.on_close(self.close)

    async def close(self) -> None:
        """Notify of what is left, if the database still answers."""
        await asyncio.sleep(0)  # the events of the last transaction are being published
        self._closing.set()
        if self._sending is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._sending

    def _receive(self, event: Event) -> None:
        self._runs.add(event.workflow_id)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        while self._runs:
            began = loop.time()
            runs, self._runs = self._runs, set()
            try:
                is_followed = await self._notify(runs)
            except StoreUnavailable as error:
                log.debug("followers not notified", reason=str(error))
                is_followed = False
            pause = PAUSE_SECONDS if is_followed else UNFOLLOWED_PAUSE_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(max(pause, 4 * (loop.time() - began))):
                    await self._closing.wait()
