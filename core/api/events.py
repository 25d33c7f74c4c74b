"""The route of events: those of a run, past and to come, as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import StreamingResponse

from perdure.api.dependencies import Service, Streams
from perdure.api.problems import MEDIA_TYPE
from perdure.stores import StoreUnavailable, UnknownGoal
from perdure.stores.events.event_feed import EventReader
from perdure.stores.events.run_tail import StoredEvent

router = APIRouter(prefix="/api", tags=["goals"])

HEARTBEAT_SECONDS: Final = 15.0
MAX_NUMBER: Final = 2**53
# How soon a browser connects again when the connection broke, in milliseconds.
_RETRY_LINE: Final = b"retry: 1000\n\n"
_HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

_Number = Annotated[int, Query(ge=0, le=MAX_NUMBER, description="As Last-Event-ID, which wins.")]
_LastEventId = Annotated[
    int | None,
    Header(ge=0, le=MAX_NUMBER, description="The number of the last event that is known."),
]


async def _open_reader(
    workflow_id: str,
    service: Service,
    streams: Streams,
    last_event_id: _LastEventId = None,
    after: _Number = 0,
) -> AsyncIterator[EventReader]:
    # A browser that reconnects sends the same URL: Last-Event-ID, which is newer, wins.
    known = after if last_event_id is None else last_event_id
    with service.stores.events.feed.follow(workflow_id, known) as reader:
        # Before the stream begins: once it has, no status can be sent.
        await reader.start()
        with streams.track(reader):
            yield reader


@router.get(
    "/goals/{workflow_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The events, as they happen; the stream ends when the run has ended",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        404: {
            "description": "There is no such run",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        },
    },
)
async def goal_events(reader: Annotated[EventReader, Depends(_open_reader)]) -> StreamingResponse:
    """Send every event after ``Last-Event-ID`` (or ``after``), then follow the run to its end.

    Each event has its number as ``id``, its type as ``event``, and as ``data`` an Event as JSON.
    After 15 seconds without one an event ``heartbeat`` is sent, without an ``id`` because it is not
    stored, with the run's status and the number of the last event. While the stores are unavailable
    a comment is sent instead; the stream goes on when they are back.
    """
    return StreamingResponse(_stream(reader), media_type="text/event-stream", headers=_HEADERS)


async def _stream(reader: EventReader) -> AsyncIterator[bytes]:
    yield _RETRY_LINE
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                events = await reader.next()
        except TimeoutError:
            yield _heartbeat(reader)
        except (StoreUnavailable, UnknownGoal):
            # The service stops, or the run was deleted: a client that reconnects learns which.
            return
        else:
            if not events:
                return
            yield b"".join(map(_frame, events))


def _frame(stored: StoredEvent) -> bytes:
    event = stored.event
    return f"id: {event.number}\nevent: {event.type}\ndata: {stored.json}\n\n".encode()


def _heartbeat(reader: EventReader) -> bytes:
    if reader.status is None:
        return b": the stores are away\n\n"
    heartbeat = {
        "workflow_id": reader.workflow_id,
        "number": reader.number,
        "type": "heartbeat",
        "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "data": {"status": reader.status},
    }
    return f"event: heartbeat\ndata: {json.dumps(heartbeat)}\n\n".encode()
