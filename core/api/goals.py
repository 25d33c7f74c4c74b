"""Routes of goals: start one, list them, show one, download an artifact."""

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict

from perdure.api.dependencies import Service
from perdure.api.problems import UNAVAILABLE, UNKNOWN_RUN, Problem
from perdure.models import Budget, Goal, GoalRecord, GoalStatus
from perdure.stores import UnknownArtifact
from perdure.stores.database.paging import PageCursor
from perdure.stores.runs.goals import cursor_of
from perdure.stores.runs.idempotency import MAX_KEY_CHARACTERS

_INVALID = {"model": Problem, "description": "The goal cannot be run"}
_KEY_CONFLICT = {"model": Problem, "description": "The key was used with another goal"}

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=MAX_KEY_CHARACTERS,
        pattern=r"^[!-~]+$",
        description="The same key and body again returns the run started first. Visible ASCII.",
    ),
]
BeforeCursor = Annotated[
    str | None, Query(description="`before` of the previous page, or a time (ISO 8601).")
]

router = APIRouter(prefix="/api", tags=["goals"])


class BudgetRequest(Budget):
    """The budget of a goal in a request; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", title="Budget")


class GoalRequest(Goal):
    """A goal in a request; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", title="Goal")

    budget: BudgetRequest | None = None


class StartResponse(BaseModel):
    """The goal's workflow is started."""

    workflow_id: str
    status: Literal["started"] = "started"


class GoalPage(BaseModel):
    """One page of runs, newest first.

    Attributes:
        goals: The runs, without results and artifacts.
        before: Hand it in as ``before`` to get the next page; ``None`` when this is the last.
    """

    goals: list[GoalRecord]
    before: str | None


@router.post("/execute-goal", responses={409: _KEY_CONFLICT, 422: _INVALID, 503: UNAVAILABLE})
async def execute_goal(
    goal_request: GoalRequest, service: Service, idempotency_key: IdempotencyKey = None
) -> StartResponse:
    """Start a goal's workflow; the response does not wait for its result.

    With an ``Idempotency-Key`` the request may be sent again, as when the response was lost:
    nothing is started twice, and the response names the run that was started first, whatever its
    status is by now.
    """
    goal = Goal.model_validate(goal_request.model_dump())
    return StartResponse(workflow_id=await service.start(goal, idempotency_key))


@router.get("/goals", responses={422: _INVALID})
async def list_goals(
    service: Service,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    status: GoalStatus | None = None,
    agent_type: str | None = None,
    before: BeforeCursor = None,
) -> GoalPage:
    """List runs, newest first."""
    goals = await service.stores.goals.list(
        limit=limit,
        status=status,
        agent_type=agent_type,
        before=PageCursor.parse(before) if before is not None else None,
    )
    return page_of(goals, limit)


def page_of(goals: list[GoalRecord], limit: int) -> GoalPage:
    """Return runs as a page, with the cursor of the next one."""
    return GoalPage(goals=goals, before=str(cursor_of(goals[-1])) if len(goals) == limit else None)


@router.get("/goals/{workflow_id}", responses={404: UNKNOWN_RUN})
async def show_goal(workflow_id: str, service: Service) -> GoalRecord:
    """Show a run: status, progress, and its result once it has ended."""
    return await service.stores.goals.get(workflow_id)


@router.get(
    "/goals/{workflow_id}/artifacts/{name:path}",
    responses={404: UNKNOWN_RUN},
    response_class=FileResponse,
)
async def fetch_artifact(workflow_id: str, name: str, service: Service) -> FileResponse:
    """Download an artifact of a run."""
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
