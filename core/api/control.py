"""Routes that change how a run goes on: stop, pause, signal, pick up again."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from perdure.api.dependencies import Service
from perdure.api.goals import Before, GoalPage, page_of
from perdure.api.problems import AWAY, UNKNOWN_RUN, Problem
from perdure.models import GoalStatus
from perdure.stores.database.paging import Place

_AGAINST = {"model": Problem, "description": "It does not fit how the run stands"}
_REFUSED = {"model": Problem, "description": "What was sent cannot be taken"}

router = APIRouter(prefix="/api", tags=["goals"])


class Cancelled(BaseModel):
    """What came of asking a run to stop.

    Attributes:
        workflow_id: The run.
        status: ``cancelling``, or how it had ended already.
    """

    workflow_id: str
    status: Literal["cancelling", "completed", "failed", "cancelled", "terminated"]


class Pausing(BaseModel):
    """The run pauses at its next step boundary; its status says when it has."""

    workflow_id: str
    status: Literal["pausing"] = "pausing"


class Resuming(BaseModel):
    """The run goes on."""

    workflow_id: str
    status: Literal["resuming"] = "resuming"


class Ended(BaseModel):
    """How a run has ended: ``terminated``, unless it had ended before."""

    workflow_id: str
    status: Literal["completed", "failed", "cancelled", "terminated"]


class Retried(BaseModel):
    """The run goes on from its journal, under its own workflow id."""

    workflow_id: str
    status: Literal["started"] = "started"


class AllRetried(BaseModel):
    """The runs that go on from their journals."""

    workflow_ids: list[str]


class Sent(BaseModel):
    """The run has the signal, whether it waits for it or will.

    Attributes:
        workflow_id: The run.
        name: The signal.
        number: Which of that name it is, from 1.
    """

    workflow_id: str
    name: str
    number: int


class Reason(BaseModel):
    """Why something is done, for the record."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=1_000)] = ""


@router.post("/goals/{workflow_id}/cancel", responses={404: UNKNOWN_RUN, 503: AWAY})
async def cancel_goal(workflow_id: str, service: Service) -> Cancelled:
    """Ask a run, and what it delegated, to stop; what was made by then is kept."""
    if await service.control.cancel(workflow_id):
        return Cancelled(workflow_id=workflow_id, status="cancelling")
    record = await service.stores.goals.get(workflow_id)
    # One that Temporal has ended in this moment stands open still: it is on its way.
    status = record.status.value if record.status.final else "cancelling"
    return Cancelled.model_validate({"workflow_id": workflow_id, "status": status})


@router.post("/goals/{workflow_id}/pause", responses={404: UNKNOWN_RUN, 409: _AGAINST, 503: AWAY})
async def pause_goal(workflow_id: str, service: Service) -> Pausing:
    """Let a run, and what it delegated, stop at the next step boundary until it is resumed."""
    await service.control.pause(workflow_id)
    return Pausing(workflow_id=workflow_id)


@router.post("/goals/{workflow_id}/resume", responses={404: UNKNOWN_RUN, 409: _AGAINST, 503: AWAY})
async def resume_goal(workflow_id: str, service: Service) -> Resuming:
    """Let a paused run, and what it delegated, go on."""
    await service.control.resume(workflow_id)
    return Resuming(workflow_id=workflow_id)


@router.post("/goals/{workflow_id}/terminate", responses={404: UNKNOWN_RUN, 503: AWAY})
async def terminate_goal(workflow_id: str, service: Service, body: Reason | None = None) -> Ended:
    """End a run, and what it delegated, at once: the last resort, for nothing is cleaned up."""
    await service.control.terminate(workflow_id, body.reason if body else "")
    record = await service.stores.goals.get(workflow_id)
    return Ended.model_validate({"workflow_id": workflow_id, "status": record.status.value})


@router.post("/goals/{workflow_id}/retry", responses={404: UNKNOWN_RUN, 409: _AGAINST, 503: AWAY})
async def retry_goal(workflow_id: str, service: Service) -> Retried:
    """Pick up a run that failed, was cancelled or terminated: it goes on from its journal."""
    await service.control.retry(workflow_id)
    return Retried(workflow_id=workflow_id)


@router.post(
    "/goals/{workflow_id}/signals/{name}",
    responses={404: UNKNOWN_RUN, 409: _AGAINST, 422: _REFUSED, 503: AWAY},
)
async def send_signal(
    workflow_id: str, name: str, service: Service, data: Annotated[JsonValue, Body()] = None
) -> Sent:
    """Send a run a signal, with any JSON up to 256 KiB as the body.

    A run that waits for it goes on; one that will wait for it finds it there.
    """
    number = await service.answering.signal(workflow_id, name, data)
    return Sent(workflow_id=workflow_id, name=name, number=number)


@router.get("/dead-letters", responses={422: _REFUSED})
async def list_dead_letters(
    service: Service,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    agent_type: str | None = None,
    before: Before = None,
) -> GoalPage:
    """List the goals that failed for good, newest first; those that a goal delegated belong to it.

    Each waits, with its journal, to be retried.
    """
    goals = await service.stores.goals.list(
        limit=limit,
        status=GoalStatus.FAILED,
        agent_type=agent_type,
        before=Place.parse(before) if before is not None else None,
        delegated=False,
    )
    return page_of(goals, limit)


@router.post("/dead-letters/retry", responses={503: AWAY})
async def retry_dead_letters(service: Service, agent_type: str | None = None) -> AllRetried:
    """Pick up every goal that failed, or every one of an agent; 500 at most a call."""
    return AllRetried(workflow_ids=await service.control.retry_all(agent_type))
