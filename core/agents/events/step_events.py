"""A run's events on their way to its readers, with those of steps that have begun."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue

from perdure.agents.events.tool_events import ToolEvents
from perdure.agents.steps.journal import EventEmitter
from perdure.agents.steps.keys import StepKey, named_step
from perdure.models import Artifact, EventType, Progress
from perdure.redaction import data_without_secrets, without_secrets

# A step that ends sooner, and emits nothing itself, has the event of its end only: one write.
STARTED_EVENT_DELAY: Final = 0.5


@dataclass(slots=True, eq=False)
class _Start:
    """A step that has begun.

    Attributes:
        data: The data of its ``step.started``.
        outer: The step within which it began.
        emitting: Emits ``step.started``; ``None`` as long as that was not needed.
        is_over: Whether the step has ended.
    """

    data: Mapping[str, JsonValue]
    outer: "_Start | None"
    emitting: asyncio.Task[None] | None = None
    is_over: bool = False


# The step that the current task executes.
_current: Final[ContextVar[_Start | None]] = ContextVar("current_start", default=None)


class StepEvents:
    """Passes a run's events on without secrets, a step's start before anything that comes from it.

    An :class:`~perdure.agents.steps.journal.EventEmitter`.

    Attributes:
        tools: Emits the events of the tools that models call.
    """

    def __init__(self, emitter: EventEmitter) -> None:
        self._emitter = emitter
        self.tools = ToolEvents(self._emit_of_tool)

    @asynccontextmanager
    async def executing(self, key: StepKey) -> AsyncIterator[None]:
        """Emit ``step.started`` once the block takes half a second, or says something itself."""
        began = datetime.now(UTC).isoformat()
        start = _Start({**named_step(key), "started_at": began}, _current.get())
        timer = asyncio.get_running_loop().call_later(
            STARTED_EVENT_DELAY, self._begin_emitting, start
        )
        token = _current.set(start)
        try:
            yield
        finally:
            _current.reset(token)
            timer.cancel()
            start.is_over = True
            if start.emitting is not None:
                await start.emitting  # this event comes before that of the step's end

    async def emit_start(self) -> None:
        """Emit ``step.started`` for the current step, unless its readers know of it."""
        start, starts = _current.get(), list[_Start]()
        while start is not None and not start.is_over:
            starts.append(start)
            start = start.outer
        for start in reversed(starts):
            await asyncio.shield(self._begin_emitting(start))

    async def emit(self, item: Progress | Artifact) -> None:
        """Pass progress or an artifact on."""
        await self.emit_start()
        if isinstance(item, Progress):
            item = item.model_copy(update={"message": without_secrets(item.message)})
        await self._emitter.emit(item)

    async def emit_text(self, stream: str, delta: str) -> None:
        """Pass the next piece of a text on."""
        await self.emit_start()
        await self._emitter.emit_text(stream, without_secrets(delta))

    async def emit_event(self, type_: EventType, data: Mapping[str, JsonValue]) -> None:
        """Pass any other event on."""
        await self._emitter.emit_event(type_, data_without_secrets(data))

    async def _emit_of_tool(self, type_: EventType, data: Mapping[str, JsonValue]) -> None:
        try:
            await self._emitter.emit_event(type_, data_without_secrets(data))
        except Exception as error:  # noqa: BLE001 -- the call is made, whoever reads of it
            _warn("event of a tool was not emitted", type=type_, error=str(error))

    def _begin_emitting(self, start: _Start) -> asyncio.Task[None]:
        if start.emitting is None:
            start.emitting = asyncio.create_task(self._emit_started(start.data))
        return start.emitting

    async def _emit_started(self, data: Mapping[str, JsonValue]) -> None:
        try:
            await self._emitter.emit_event("step.started", data)
        except Exception as error:  # noqa: BLE001 -- the step goes on, whoever reads of it
            _warn("start of a step was not emitted", step=data["step"], error=str(error))


def _warn(event: str, **details: object) -> None:
    # Commands that run no agent import this module too, and do without.
    import structlog

    structlog.get_logger(__name__).warning(event, **details)
