"""Writes the events of an execution to the event store."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from pydantic import JsonValue
from sqlalchemy import Executable, bindparam, select

from perdure.models import Artifact, EventType, Progress
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.fencing import Claim
from perdure.stores.database.retry import with_retries
from perdure.stores.events.event_store import DATA, add_event

# The progress of an execution that has emitted more than this is stored once a second from there
# on, so that an endless loop fills neither the disk nor its readers' screens.
MAX_UNTHROTTLED: Final = 10_000
THROTTLE_SECONDS: Final = 1.0
_MAX_PENDING_TEXT: Final = 65_536

_EMITTED_BEFORE: Final = select(schema.events.c.type, schema.events.c.data).where(
    schema.events.c.workflow_id == bindparam("run"),
    schema.events.c.type.in_(["progress", "artifact", "usage", "tool.called", "tool.returned"]),
)
# What a model request emits of itself, in every execution that comes to it.
_EMITTED_AGAIN: Final = frozenset({"usage", "tool.called", "tool.returned"})

_EventKey = tuple[str, str]


class EventWriter:
    """Stores the events of one execution of a run, in order.

    An :class:`~perdure.agents.steps.journal.EventEmitter`. Progress and artifacts that an earlier
    execution emitted are not stored again: the agent has passed the same place. They are counted,
    not numbered, for parallel branches emit in another order each time.
    """

    def __init__(self, database: Database, claim: Claim, *, is_retry: bool) -> None:
        self._database = database
        self._claim = claim
        self._emitted_before: Counter[_EventKey] | None = None if is_retry else Counter()
        self._insert_stream: Executable = database.insert(schema.streams).on_conflict_do_nothing()
        self._lock = asyncio.Lock()
        self._pending_text: list[tuple[str, str]] = []
        self._text_task: asyncio.Task[None] | None = None
        self._progress_count = 0
        self._stored_at = 0.0
        self._pending_progress: Progress | None = None

    async def emit(self, item: Progress | Artifact) -> None:
        """Store progress or an artifact, unless an earlier execution emitted it."""
        await self.drain()
        data = item.model_dump(mode="json")
        type_: EventType = "progress" if isinstance(item, Progress) else "artifact"
        async with self._lock:
            if await self._was_emitted(type_, data):
                return
            if isinstance(item, Progress):
                if self._is_throttled():
                    self._pending_progress = item
                    # Nothing else here would let other tasks of this event loop run.
                    await asyncio.sleep(0)
                    return
                self._pending_progress = None
            progress = item if isinstance(item, Progress) else None
            await self._write(
                lambda transaction: add_event(
                    transaction, self._claim.workflow_id, type_, data, progress
                )
            )
            self._stored_at = time.monotonic()

    async def emit_event(self, type_: EventType, data: Mapping[str, JsonValue]) -> None:
        """Store another event; those of models and tools, unless an earlier execution did."""
        await self.drain()
        async with self._lock:
            if type_ in _EMITTED_AGAIN and await self._was_emitted(type_, data):
                return
            await self._write(
                lambda transaction: add_event(transaction, self._claim.workflow_id, type_, data)
            )

    async def emit_text(self, stream: str, delta: str) -> None:
        """Store a piece of text at once, together with those that came while writing."""
        if self._text_task is not None and self._text_task.done():
            await self.drain()  # raises the error of the pieces before
        self._pending_text.append((stream, delta))
        if self._text_task is None:
            self._text_task = asyncio.create_task(self._write_text())
        if sum(len(piece) for _, piece in self._pending_text) > _MAX_PENDING_TEXT:
            await self.drain()

    async def drain(self) -> None:
        """Wait until every piece of text is stored."""
        writing, self._text_task = self._text_task, None
        if writing is not None:
            await asyncio.shield(writing)

    async def close(self) -> None:
        """Store the last progress, if it was throttled."""
        await self.drain()
        progress, self._pending_progress = self._pending_progress, None
        if progress is not None:
            self._progress_count = 0
            await self.emit(progress)

    def _is_throttled(self) -> bool:
        self._progress_count += 1
        is_early = time.monotonic() - self._stored_at < THROTTLE_SECONDS
        return self._progress_count > MAX_UNTHROTTLED and is_early

    async def _write_text(self) -> None:
        async with self._lock:
            while self._pending_text:
                pieces, self._pending_text = self._pending_text, []
                await self._write(partial(self._add_text, pieces))

    def _add_text(self, pieces: list[tuple[str, str]], transaction: Transaction) -> None:
        joined: list[tuple[str, str]] = []
        for stream, delta in pieces:
            if joined and joined[-1][0] == stream:
                joined[-1] = (stream, joined[-1][1] + delta)
            else:
                joined.append((stream, delta))
        run = self._claim.workflow_id
        for stream, text in joined:
            row = {"workflow_id": run, "stream": stream}
            transaction.connection.execute(self._insert_stream, row)
            add_event(transaction, run, "text.delta", {"stream": stream, "text": text})

    async def _was_emitted(self, type_: EventType, data: Mapping[str, JsonValue]) -> bool:
        if self._emitted_before is None:
            self._emitted_before = await with_retries(self._read_emitted)
        key = _event_key(type_, data)
        if self._emitted_before[key] == 0:
            return False
        self._emitted_before[key] -= 1
        return True

    async def _read_emitted(self) -> Counter[_EventKey]:
        parameters = {"run": self._claim.workflow_id}
        rows = await self._database.read(
            lambda connection: connection.execute(_EMITTED_BEFORE, parameters).all()
        )
        return Counter(_event_key(type_, DATA.validate_json(data)) for type_, data in rows)

    async def _write(self, change: Callable[[Transaction], object]) -> None:
        def write(transaction: Transaction) -> None:
            self._claim.check(transaction)
            change(transaction)

        await with_retries(lambda: self._database.write(write))


def _event_key(type_: str, data: Mapping[str, JsonValue]) -> _EventKey:
    if type_ == "tool.returned":
        # The call, and whether it failed: how long it took differs, and what came back may.
        return type_, json.dumps([data.get("tool"), data.get("tool_call_id"), "error" in data])
    # Where branches run side by side, the step under way differs from execution to execution.
    compared = {name: value for name, value in data.items() if name not in {"step", "number"}}
    return type_, json.dumps(compared, sort_keys=True)
