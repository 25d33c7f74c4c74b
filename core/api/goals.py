"""Routes of goals: hand in, list, show, fetch a file."""

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict

from perdure.api.dependencies import Service
from perdure.api.problems import AWAY, UNKNOWN_RUN, Problem
from perdure.models import Budget, Goal, GoalRecord, GoalStatus
from perdure.stores import UnknownArtifact
from perdure.stores.database.paging import Place
from perdure.stores.runs.goals import place_of
from perdure.stores.runs.idempotency import KEY_CHARACTERS

_REFUSED = {"model": Problem, "description": "The goal is not one that can be run"}
_OTHER_GOAL = {"model": Problem, "description": "The key was given with another goal"}

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=KEY_CHARACTERS,
        pattern=r"^[!-~]+$",
        description="The same key and body again: the run that was started first. Visible ASCII.",
    ),
]
Before = Annotated[
    str | None, Query(description="What the page before gave as `before`, or a time (ISO 8601).")
]

router = APIRouter(prefix="/api", tags=["goals"])


class AskedBudget(Budget):
    """A budget as it is handed in: an unknown field is a mistake."""

    model_config = ConfigDict(extra="forbid", title="Budget")


class AskedGoal(Goal):
    """A goal as it is handed in: an unknown field is a mistake."""

    model_config = ConfigDict(extra="forbid", title="Goal")

    budget: AskedBudget | None = None


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
    before: str | None


@router.post("/execute-goal", responses={409: _OTHER_GOAL, 422: _REFUSED, 503: AWAY})
async def execute_goal(
    asked: AskedGoal, service: Service, idempotency_key: IdempotencyKey = None
) -> Started:
    """Hand in a goal: its workflow is started, and this returns at once.

    With an ``Idempotency-Key`` it may be sent again, as when the answer was lost: nothing is
    started twice, and the answer names the run that was started first, however it stands by now.
    """
    goal = Goal.model_validate(asked.model_dump())
    return Started(workflow_id=await service.start(goal, idempotency_key))


@router.get("/goals", responses={422: _REFUSED})
async def list_goals(
    service: Service,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    status: GoalStatus | None = None,
    agent_type: str | None = None,
    before: Before = None,
) -> GoalPage:
    """List runs, newest first."""
    goals = await service.stores.goals.list(
        limit=limit,
        status=status,
        agent_type=agent_type,
        before=Place.parse(before) if before is not None else None,
    )
    return page_of(goals, limit)


def page_of(goals: list[GoalRecord], limit: int) -> GoalPage:
    """Return runs as a page that says where the next one begins."""
    return GoalPage(goals=goals, before=str(place_of(goals[-1])) if len(goals) == limit else None)


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
