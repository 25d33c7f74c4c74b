"""What an agent tells while it runs, on its way into the event store."""

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
from perdure.stores.events.event_log import DATA, add_event

# An agent that tells more than this in one pass is heard once a second from there on, so that a
# loop gone wild fills neither the disk nor its readers' screens.
TOLD_IN_FULL: Final = 10_000
THINNED_SECONDS: Final = 1.0
_LARGEST_PIECE: Final = 65_536

_TOLD_BEFORE: Final = select(schema.events.c.type, schema.events.c.data).where(
    schema.events.c.workflow_id == bindparam("run"),
    schema.events.c.type.in_(["progress", "artifact"]),
)

Told = tuple[str, str]


class EventWriter:
    """Stores what one execution of a run tells, in order; a :class:`~.journal.EventEmitter`.

    Progress and artifacts that an earlier pass told are not told again: the agent has come by the
    same place. Which those are is counted, not numbered, for parallel branches tell in another
    order each time.
    """

    def __init__(self, database: Database, claim: Claim, *, again: bool) -> None:
        self._database = database
        self._claim = claim
        self._told_before: Counter[Told] | None = None if again else Counter()
        self._open_stream: Executable = database.insert(schema.streams).on_conflict_do_nothing()
        self._turn = asyncio.Lock()
        self._text: list[tuple[str, str]] = []
        self._writing_text: asyncio.Task[None] | None = None
        self._told = 0
        self._last_stored = 0.0
        self._held_back: Progress | None = None

    async def tell(self, told: Progress | Artifact) -> None:
        """Store progress or an artifact, unless an earlier pass told it."""
        await self.drain()
        data = told.model_dump(mode="json")
        type_: EventType = "progress" if isinstance(told, Progress) else "artifact"
        async with self._turn:
            if await self._was_told(type_, data):
                return
            if isinstance(told, Progress):
                if self._is_too_much():
                    self._held_back = told
                    # Nothing else here would let the others on this event loop have their turn.
                    await asyncio.sleep(0)
                    return
                self._held_back = None
            progress = told if isinstance(told, Progress) else None
            await self._write(
                lambda writing: add_event(writing, self._claim.workflow_id, type_, data, progress)
            )
            self._last_stored = time.monotonic()

    async def note(self, type_: EventType, data: Mapping[str, JsonValue]) -> None:
        """Store another event."""
        await self.drain()
        async with self._turn:
            await self._write(
                lambda writing: add_event(writing, self._claim.workflow_id, type_, data)
            )

    async def text(self, stream: str, delta: str) -> None:
        """Take a piece of text; it is stored at once, together with what came while writing."""
        if self._writing_text is not None and self._writing_text.done():
            await self.drain()  # raises what went wrong with the pieces before
        self._text.append((stream, delta))
        if self._writing_text is None:
            self._writing_text = asyncio.create_task(self._write_text())
        if sum(len(piece) for _, piece in self._text) > _LARGEST_PIECE:
            await self.drain()

    async def drain(self) -> None:
        """Wait until every piece of text is stored."""
        writing, self._writing_text = self._writing_text, None
        if writing is not None:
            await asyncio.shield(writing)

    async def close(self) -> None:
        """Store what was held back."""
        await self.drain()
        held_back, self._held_back = self._held_back, None
        if held_back is not None:
            self._told = 0
            await self.tell(held_back)

    def _is_too_much(self) -> bool:
        self._told += 1
        is_early = time.monotonic() - self._last_stored < THINNED_SECONDS
        return self._told > TOLD_IN_FULL and is_early

    async def _write_text(self) -> None:
        async with self._turn:
            while self._text:
                pieces, self._text = self._text, []
                await self._write(partial(self._add_text, pieces))

    def _add_text(self, pieces: list[tuple[str, str]], writing: Transaction) -> None:
        joined: list[tuple[str, str]] = []
        for stream, delta in pieces:
            if joined and joined[-1][0] == stream:
                joined[-1] = (stream, joined[-1][1] + delta)
            else:
                joined.append((stream, delta))
        run = self._claim.workflow_id
        for stream, text in joined:
            row = {"workflow_id": run, "stream": stream}
            writing.connection.execute(self._open_stream, row)
            add_event(writing, run, "text.delta", {"stream": stream, "text": text})

    async def _was_told(self, type_: EventType, data: dict[str, JsonValue]) -> bool:
        if self._told_before is None:
            self._told_before = await with_retries(self._load)
        told = _as_told(type_, data)
        if self._told_before[told] == 0:
            return False
        self._told_before[told] -= 1
        return True

    async def _load(self) -> Counter[Told]:
        asked = {"run": self._claim.workflow_id}
        rows = await self._database.read(lambda found: found.execute(_TOLD_BEFORE, asked).all())
        return Counter(_as_told(type_, DATA.validate_json(data)) for type_, data in rows)

    async def _write(self, change: Callable[[Transaction], object]) -> None:
        def write(transaction: Transaction) -> None:
            self._claim.check(transaction)
            change(transaction)

        await with_retries(lambda: self._database.write(write))


def _as_told(type_: str, data: Mapping[str, JsonValue]) -> Told:
    # Which step came last differs from pass to pass where branches run side by side.
    kept = {name: value for name, value in data.items() if name != "step"}
    return type_, json.dumps(kept, sort_keys=True)
