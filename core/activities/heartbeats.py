"""Heartbeats of an agent that runs, each with the last progress that it emitted."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from pydantic import JsonValue
from temporalio import activity

from perdure.agents.steps.errors import shortened
from perdure.agents.steps.journal import EventEmitter
from perdure.models import Artifact, EventType, Progress

# Temporal tells an activity with its heartbeats that somebody wants it to stop.
HEARTBEAT_SECONDS: Final = 2.0
# Each is a write of the server: ten thousand goals that beat every two seconds are more of them
# than all else that it does for these goals. Well below the timeout of 30 s, with room for a loss.
SLOWEST_SECONDS: Final = 12.0
BEATS_PER_SECOND: Final = 50

_beating: Final[set[object]] = set()


def heartbeat_seconds(activities: int) -> float:
    """Return how many seconds lie between an activity's heartbeats.

    Args:
        activities: How many activities of this process heartbeat.
    """
    return min(max(HEARTBEAT_SECONDS, activities / BEATS_PER_SECOND), SLOWEST_SECONDS)


@asynccontextmanager
async def heartbeating(details: Callable[[], tuple[object, ...]] = tuple) -> AsyncIterator[None]:
    """Heartbeat as long as the block runs: the less often, the more of them this process runs.

    Args:
        details: Returns what the next heartbeat carries.
    """

    async def beat() -> None:
        # The first one waits too: it would delay the completion of a quick activity.
        while True:
            await asyncio.sleep(heartbeat_seconds(len(_beating)))
            activity.heartbeat(*details())

    beating = asyncio.create_task(beat())
    _beating.add(beating)
    try:
        yield
    finally:
        _beating.discard(beating)
        beating.cancel()


class HeartbeatEmitter:
    """Emits what an agent reports, and sends the last progress with every heartbeat."""

    def __init__(self, emitter: EventEmitter) -> None:
        self._emitter = emitter
        self._last: Progress | None = None
        self._last_emitted_at = time.monotonic()

    def last_emitted_at(self) -> float:
        """Return when the agent last emitted something, in :func:`time.monotonic` seconds."""
        return self._last_emitted_at

    async def emit(self, item: Progress | Artifact) -> None:
        """Emit it; progress is also carried by each heartbeat from now on."""
        self._last_emitted_at = time.monotonic()
        if isinstance(item, Progress):
            self._last = item
        await self._emitter.emit(item)

    async def emit_text(self, stream: str, delta: str) -> None:
        """Emit it."""
        self._last_emitted_at = time.monotonic()
        await self._emitter.emit_text(stream, delta)

    async def emit_event(self, type_: EventType, data: Mapping[str, JsonValue]) -> None:
        """Emit it."""
        self._last_emitted_at = time.monotonic()
        await self._emitter.emit_event(type_, data)

    @asynccontextmanager
    async def heartbeats(self) -> AsyncIterator[None]:
        """Heartbeat as long as the block runs, so that an agent that only awaits stays alive."""
        # A heartbeat without details would wipe those of the one before.
        async with heartbeating(lambda: (self._details(),)):
            yield

    def _details(self) -> dict[str, object]:
        if self._last is None:
            return {}
        return self._last.model_dump() | {"message": shortened(self._last.message)}
