"""Routes of goals: hand in, list, show, cancel, fetch a file."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel

from holdfast.api.problems import Problem
from holdfast.api.state import Service
from holdfast.models import Goal, GoalRecord, GoalStatus
from holdfast.stores import UnknownArtifact

_REFUSED = {"model": Problem, "description": "The goal is not one that can be run"}
_UNKNOWN = {"model": Problem, "description": "There is no such run"}
_AWAY = {"model": Problem, "description": "Temporal or the stores do not answer"}

router = APIRouter(prefix="/api", tags=["goals"])


class Started(BaseModel):
    """A goal was handed in and its workflow runs."""

    workflow_id: str
    status: Literal["started"] = "started"


class GoalPage(BaseModel):
    """Some runs, newest first.

    Attributes:
        goals: The runs, without results and artifacts.
        before: Hand it in as ``before`` to get the next page; ``None`` when this is the last.
    """

    goals: list[GoalRecord]
    before: datetime | None


class Cancelled(BaseModel):
    """What came of asking a run to stop.

    Attributes:
        workflow_id: The run.
        status: ``cancelling``, or how it had ended already.
    """

    workflow_id: str
    status: Literal["cancelling", "completed", "failed", "cancelled"]


@router.post("/execute-goal", responses={422: _REFUSED, 503: _AWAY})
async def execute_goal(goal: Goal, service: Service) -> Started:
    """Hand in a goal: its workflow is started, and this returns at once."""
    return Started(workflow_id=await service.start(goal))


@router.get("/goals")
async def list_goals(
    service: Service,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    status: GoalStatus | None = None,
    agent_type: str | None = None,
    before: datetime | None = None,
) -> GoalPage:
    """List runs, newest first."""
    goals = await service.stores.goals.list(
        limit=limit, status=status, agent_type=agent_type, before=before
    )
    return GoalPage(goals=goals, before=goals[-1].started_at if len(goals) == limit else None)


@router.get("/goals/{workflow_id}", responses={404: _UNKNOWN})
async def show_goal(workflow_id: str, service: Service) -> GoalRecord:
    """Show a run: status, progress, and its result once it has ended."""
    return await service.stores.goals.get(workflow_id)


@router.post("/goals/{workflow_id}/cancel", responses={404: _UNKNOWN, 503: _AWAY})
async def cancel_goal(workflow_id: str, service: Service) -> Cancelled:
    """Ask a run to stop; what was made by then is kept."""
    if await service.cancel(workflow_id):
        return Cancelled(workflow_id=workflow_id, status="cancelling")
    record = await service.stores.goals.get(workflow_id)
    return Cancelled.model_validate({"workflow_id": workflow_id, "status": record.status.value})


@router.get(
    "/goals/{workflow_id}/artifacts/{name:path}",
    responses={404: _UNKNOWN},
    response_class=FileResponse,
)
async def fetch_artifact(workflow_id: str, name: str, service: Service) -> FileResponse:
    """Fetch a file that a run made."""
    record = await service.stores.goals.get(workflow_id)
    for artifact in record.artifacts:
        if artifact.name == name:
            return FileResponse(
                service.stores.artifacts.path(artifact.digest),
                media_type=artifact.media_type,
                filename=name.rsplit("/", 1)[-1],
                # What an agent made is data: a browser must not run it as part of this site.
                headers={
                    "X-Content-Type-Options": "nosniff",
                    "Content-Security-Policy": "sandbox",
                },
            )
    names = ", ".join(artifact.name for artifact in record.artifacts) or "none"
    raise UnknownArtifact(f"goal {workflow_id} has no artifact {name!r}, it has: {names}")
