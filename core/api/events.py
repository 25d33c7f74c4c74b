"""The route of events: what happened in a run, and what happens next, as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import StreamingResponse

from perdure.api.dependencies import OpenStreams, Service
from perdure.api.problems import MEDIA_TYPE
from perdure.stores import StoreUnavailable, UnknownGoal
from perdure.stores.events.event_feed import Reader, feed_of
from perdure.stores.events.run_tail import Told

router = APIRouter(prefix="/api", tags=["goals"])

HEARTBEAT_SECONDS: Final = 15.0
MAX_NUMBER: Final = 2**53
# How soon a browser connects again when the connection broke, in milliseconds.
_RETRY: Final = b"retry: 1000\n\n"
_HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

_Number = Annotated[int, Query(ge=0, le=MAX_NUMBER, description="As Last-Event-ID, which wins.")]
_LastEventId = Annotated[
    int | None,
    Header(ge=0, le=MAX_NUMBER, description="The number of the last event that is known."),
]


async def _reader(
    workflow_id: str,
    service: Service,
    streams: OpenStreams,
    last_event_id: _LastEventId = None,
    after: _Number = 0,
) -> AsyncIterator[Reader]:
    # A browser that connects again asks the same address: what it has seen since counts.
    known = after if last_event_id is None else last_event_id
    with feed_of(service.stores.database).watch(workflow_id, known) as reader:
        # Before the stream begins: once it has, no status can be sent.
        await reader.begin()
        with streams.hold(reader):
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
async def goal_events(reader: Annotated[Reader, Depends(_reader)]) -> StreamingResponse:
    """Tell every event after ``Last-Event-ID`` (or ``after``), then follow the run to its end.

    Each event has its number as ``id``, its type as ``event``, and as ``data`` an Event as JSON. A
    run that tells nothing for 15 seconds shows that it is still followed: an event ``heartbeat``
    comes, without an ``id`` because it is not stored, with the run's status and the number of the
    last event. While the stores are away a comment comes instead; the stream goes on with them.
    """
    return StreamingResponse(_stream(reader), media_type="text/event-stream", headers=_HEADERS)


async def _stream(reader: Reader) -> AsyncIterator[bytes]:
    yield _RETRY
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                told = await reader.next()
        except TimeoutError:
            yield _heartbeat(reader)
        except (StoreUnavailable, UnknownGoal):
            # The service stops, or the run was deleted: who connects again is told which.
            return
        else:
            if not told:
                return
            yield b"".join(map(_frame, told))


def _frame(told: Told) -> bytes:
    event = told.event
    return f"id: {event.number}\nevent: {event.type}\ndata: {told.json}\n\n".encode()


def _heartbeat(reader: Reader) -> bytes:
    if reader.status is None:
        return b": the stores are away\n\n"
    beat = {
        "workflow_id": reader.workflow_id,
        "number": reader.number,
        "type": "heartbeat",
        "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "data": {"status": reader.status},
    }
    return f"event: heartbeat\ndata: {json.dumps(beat)}\n\n".encode()
