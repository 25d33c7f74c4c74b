"""Routes that control runs: cancel, pause, resume, terminate, signal, retry."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from perdure.api.dependencies import Service
from perdure.api.goals import BeforeCursor, GoalPage, page_of
from perdure.api.problems import UNAVAILABLE, UNKNOWN_RUN, Problem
from perdure.models import GoalStatus
from perdure.stores.database.paging import PageCursor

_CONFLICT = {"model": Problem, "description": "It does not fit the run's status"}
_INVALID = {"model": Problem, "description": "The request is not valid"}

router = APIRouter(prefix="/api", tags=["goals"])


class CancelResponse(BaseModel):
    """The run is asked to stop, or had ended before.

    Attributes:
        workflow_id: The run.
        status: ``cancelling``, or the final status that it had before.
    """

    workflow_id: str
    status: Literal["cancelling", "completed", "failed", "cancelled", "terminated"]


class PauseResponse(BaseModel):
    """The run pauses at its next step boundary; its status says when it has."""

    workflow_id: str
    status: Literal["pausing"] = "pausing"


class ResumeResponse(BaseModel):
    """The run goes on."""

    workflow_id: str
    status: Literal["resuming"] = "resuming"


class TerminateResponse(BaseModel):
    """The run has ended: ``terminated``, or the final status that it had before."""

    workflow_id: str
    status: Literal["completed", "failed", "cancelled", "terminated"]


class RetryResponse(BaseModel):
    """The run goes on from its journal, under the same workflow id."""

    workflow_id: str
    status: Literal["started"] = "started"


class RetryAllResponse(BaseModel):
    """The runs that go on from their journals."""

    workflow_ids: list[str]


class SignalResponse(BaseModel):
    """The signal is stored for the run, whether it waits for it now or later.

    Attributes:
        workflow_id: The run.
        name: The signal's name.
        number: The number of the signal among those of its name, from 1.
    """

    workflow_id: str
    name: str
    number: int


class TerminateRequest(BaseModel):
    """Why a run is terminated, for the record."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=1_000)] = ""


@router.post("/goals/{workflow_id}/cancel", responses={404: UNKNOWN_RUN, 503: UNAVAILABLE})
async def cancel_goal(workflow_id: str, service: Service) -> CancelResponse:
    """Ask a run and its delegates to stop; what they made by then is kept."""
    if await service.control.cancel(workflow_id):
        return CancelResponse(workflow_id=workflow_id, status="cancelling")
    record = await service.stores.goals.get(workflow_id)
    # A run that Temporal has ended in this moment may be open in the stores: its end is on its way.
    status = record.status.value if record.status.final else "cancelling"
    return CancelResponse.model_validate({"workflow_id": workflow_id, "status": status})


@router.post(
    "/goals/{workflow_id}/pause", responses={404: UNKNOWN_RUN, 409: _CONFLICT, 503: UNAVAILABLE}
)
async def pause_goal(workflow_id: str, service: Service) -> PauseResponse:
    """Pause a run and its delegates at the next step boundary until they are resumed."""
    await service.control.pause(workflow_id)
    return PauseResponse(workflow_id=workflow_id)


@router.post(
    "/goals/{workflow_id}/resume", responses={404: UNKNOWN_RUN, 409: _CONFLICT, 503: UNAVAILABLE}
)
async def resume_goal(workflow_id: str, service: Service) -> ResumeResponse:
    """Resume a paused run and its delegates."""
    await service.control.resume(workflow_id)
    return ResumeResponse(workflow_id=workflow_id)


@router.post("/goals/{workflow_id}/terminate", responses={404: UNKNOWN_RUN, 503: UNAVAILABLE})
async def terminate_goal(
    workflow_id: str, service: Service, body: TerminateRequest | None = None
) -> TerminateResponse:
    """End a run and its delegates at once: the last resort, for nothing is cleaned up."""
    await service.control.terminate(workflow_id, body.reason if body else "")
    record = await service.stores.goals.get(workflow_id)
    return TerminateResponse.model_validate(
        {"workflow_id": workflow_id, "status": record.status.value}
    )


@router.post(
    "/goals/{workflow_id}/retry", responses={404: UNKNOWN_RUN, 409: _CONFLICT, 503: UNAVAILABLE}
)
async def retry_goal(workflow_id: str, service: Service) -> RetryResponse:
    """Retry a run that failed, was cancelled or terminated: it goes on from its journal."""
    await service.control.retry(workflow_id)
    return RetryResponse(workflow_id=workflow_id)


@router.post(
    "/goals/{workflow_id}/signals/{name}",
    responses={404: UNKNOWN_RUN, 409: _CONFLICT, 422: _INVALID, 503: UNAVAILABLE},
)
async def send_signal(
    workflow_id: str, name: str, service: Service, data: Annotated[JsonValue, Body()] = None
) -> SignalResponse:
    """Send a run a signal, with any JSON up to 256 KiB as the body.

    A run that waits for it goes on; one that waits for it later receives it then.
    """
    number = await service.decisions.signal(workflow_id, name, data)
    return SignalResponse(workflow_id=workflow_id, name=name, number=number)


@router.get("/dead-letters", responses={422: _INVALID})
async def list_dead_letters(
    service: Service,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    agent_type: str | None = None,
    before: BeforeCursor = None,
) -> GoalPage:
    """List the goals that failed for good, newest first, without delegates.

    Each can be retried: its journal is kept.
    """
    goals = await service.stores.goals.list(
        limit=limit,
        status=GoalStatus.FAILED,
        agent_type=agent_type,
        before=PageCursor.parse(before) if before is not None else None,
        delegated=False,
    )
    return page_of(goals, limit)


@router.post("/dead-letters/retry", responses={503: UNAVAILABLE})
async def retry_dead_letters(service: Service, agent_type: str | None = None) -> RetryAllResponse:
    """Retry every goal that failed, or every one of an agent; at most 500 per call."""
    return RetryAllResponse(workflow_ids=await service.control.retry_all(agent_type))
