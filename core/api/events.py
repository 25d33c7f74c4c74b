"""The route of events: what happened in a run, and what happens next, as server-sent events."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from holdfast.api.problems import Problem
from holdfast.api.state import Service
from holdfast.stores.following import follow_events

router = APIRouter(prefix="/api", tags=["goals"])


async def _known_run(workflow_id: str, service: Service) -> str:
    # Checked before the stream begins: once it has, no status can be sent.
    await service.stores.goals.get(workflow_id)
    return workflow_id


@router.get(
    "/goals/{workflow_id}/events",
    response_class=EventSourceResponse,
    responses={404: {"model": Problem, "description": "There is no such run"}},
)
async def goal_events(
    workflow_id: Annotated[str, Depends(_known_run)],
    service: Service,
    last_event_id: Annotated[int, Header(ge=0, le=2**53)] = 0,
) -> AsyncIterator[ServerSentEvent]:
    """Tell every event after ``Last-Event-ID``, then follow the run to its end."""
    async for event in follow_events(service.stores, workflow_id, last_event_id):
        yield ServerSentEvent(id=str(event.number), event=event.type, data=event)
