"""Listens for the runs whose events other processes have stored."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import ClassVar, Final

import structlog

FIRST_PAUSE_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 30.0

log = structlog.get_logger()


class NotListening(Exception):
    """No notifications arrive; the message says why, and what to do."""


@dataclass(slots=True)
class Subscription:
    """A connection on which notifications have been seen to arrive.

    Attributes:
        probe: Raises when nothing arrives over it any more, and takes some seconds at most.
        lost: Set when it is closed.
    """

    probe: Callable[[], Awaitable[None]]
    lost: asyncio.Event = field(default_factory=asyncio.Event)


class ChangeListener(ABC):
    """Says which runs have new events, as long as it can listen.

    It has a connection of its own, for all runs of the process, and gives it up soon after the last
    one is followed. When the connection is lost, it connects again, at first after a quarter of a
    second, then ever more slowly up to half a minute.

    Attributes:
        is_listening: Whether every change is notified; if not, changes are to be looked for.
        has_failed: Whether it could not listen when it last tried.
    """

    alive_seconds: ClassVar[float] = 10.0
    failure: ClassVar[str]

    def __init__(
        self,
        receive: Callable[[Sequence[str]], None],
        switched: Callable[[], None],
        is_needed: Callable[[], bool],
    ) -> None:
        """Prepare to listen.

        Args:
            receive: Takes the digests of runs that have changed; see :func:`.run_digest`.
            switched: Called whenever one of the attributes has changed.
            is_needed: Returns whether any run is followed.
        """
        self.is_listening = False
        self.has_failed = False
        self._receive = receive
        self._switched = switched
        self._is_needed = is_needed
        self._listening: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listen, unless it does already."""
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Listen no more."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    @abstractmethod
    def _subscribed(self) -> AbstractAsyncContextManager[Subscription]:
        """Give a subscription whose notifications this object takes.

        Raises:
            NotListening: None arrive, or the block lost the connection.
        """

    async def _listen(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while self._is_needed():
            try:
                async with self._subscribed() as subscription:
                    self._set_state(is_listening=True)
                    pause = FIRST_PAUSE_SECONDS
                    await self._watch(subscription)
            except NotListening as error:
                if not self.has_failed:
                    log.warning(f"{self.failure}: {error}")
                self._set_state(is_listening=False, has_failed=True)
            finally:
                self._set_state(is_listening=False, has_failed=self.has_failed)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _watch(self, subscription: Subscription) -> None:
        """Return when no run has been followed for a while; raise when the connection is lost."""
        is_needed = True
        while is_needed:
            was_needed = self._is_needed()
            try:
                async with asyncio.timeout(self.alive_seconds):
                    await subscription.lost.wait()
                raise NotListening("the connection over which events are notified was closed")
            except TimeoutError:
                await subscription.probe()
            is_needed = was_needed or self._is_needed()

    def _set_state(self, *, is_listening: bool, has_failed: bool = False) -> None:
        if (is_listening, has_failed) != (self.is_listening, self.has_failed):
            self.is_listening, self.has_failed = is_listening, has_failed
            if is_listening:
                log.debug("events are notified", by=type(self).__name__)
            self._switched()
