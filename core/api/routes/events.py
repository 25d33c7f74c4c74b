"""The routes of events: those of a run, past and to come, as they happen or as a file."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import StreamingResponse

from perdure.api.access.requirements import requires
from perdure.api.problems.answers import problems
from perdure.api.problems.types import ProblemType
from perdure.api.routes.dependencies import Service, Streams
from perdure.models import Event
from perdure.schemas.access import Scope
from perdure.stores import Stores, StoreUnavailable, UnknownGoal
from perdure.stores.events.event_feed import EventReader
from perdure.stores.events.run_tail import StoredEvent

router = APIRouter(prefix="/api", tags=["events"], dependencies=[requires(Scope.READ)])

HEARTBEAT_SECONDS: Final = 15.0
MAX_NUMBER: Final = 2**53
# How soon a browser connects again when the connection broke, in milliseconds.
_RETRY_LINE: Final = b"retry: 1000\n\n"
_HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

# OpenAPI 3.2 has `itemSchema` for what such content is a sequence of; 3.1 has no word for it.
_OF_EVENTS: Final = {"x-itemSchema": {"$ref": f"#/components/schemas/{Event.__name__}"}}
_EXAMPLE: Final = (
    "retry: 1000\n\nid: 1\nevent: run.started\n"
    'data: {"workflow_id":"goal-report-…","number":1,"type":"run.started",'
    '"time":"2026-01-31T12:00:00Z","data":{}}\n\n'
)

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
    with service.stores.events.reader(workflow_id, known) as reader:
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
            "content": {"text/event-stream": {"example": _EXAMPLE, **_OF_EVENTS}},
        },
        **problems(ProblemType.UNKNOWN_GOAL, ProblemType.TOO_MANY_READERS),
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


@router.get(
    "/goals/{workflow_id}/events.jsonl",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The events so far, an Event as JSON on each line",
            "content": {"application/jsonl": {"schema": {"type": "string"}, **_OF_EVENTS}},
        },
        **problems(ProblemType.UNKNOWN_GOAL),
    },
)
async def export_events(workflow_id: str, service: Service) -> StreamingResponse:
    """Download the events that a run has had so far, as JSON lines."""
    record = await service.stores.goals.get(workflow_id)
    return StreamingResponse(
        _lines(service.stores, workflow_id),
        media_type="application/jsonl",
        headers={"Content-Disposition": f'attachment; filename="{record.goal_id}.events.jsonl"'},
    )


async def _lines(stores: Stores, workflow_id: str) -> AsyncIterator[str]:
    number = 0
    while events := await stores.events.after(workflow_id, number):
        yield "".join(f"{event.model_dump_json()}\n" for event in events)
        number = events[-1].number


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
