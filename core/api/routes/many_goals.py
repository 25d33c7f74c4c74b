"""Routes of many goals at once: list them, count them, cancel and retry them."""

from typing import Annotated

from fastapi import APIRouter, Query

from perdure.api.access.audited import AuditedAction
from perdure.api.access.requirements import Audited, requires
from perdure.api.problems.answers import problems
from perdure.api.problems.types import ProblemType
from perdure.api.routes.dependencies import Service
from perdure.api.routes.problems import type_of
from perdure.models import GoalRecord, GoalStatus
from perdure.schemas.access import Scope
from perdure.schemas.many_goals import (
    FoundGoal,
    GoalCounts,
    GoalOutcome,
    GoalPage,
    GoalPageQuery,
    GoalQuery,
    ManyGoalsRequest,
    ManyGoalsResponse,
)
from perdure.stores.database.paging import PageCursor
from perdure.stores.runs.goals import cursor_of
from perdure.temporal.client.many_runs import ManyOutcomes

BeforeCursor = Annotated[
    str | None, Query(description="`before` of the previous page, or a time (ISO 8601).")
]

router = APIRouter(prefix="/api/goals", tags=["goals"])


@router.get("", dependencies=[requires(Scope.READ)])
async def list_goals(service: Service, query: Annotated[GoalPageQuery, Query()]) -> GoalPage:
    """List runs, newest first: all, or those that meet every criterion that is given."""
    goals = await service.stores.goals.list(
        limit=query.limit,
        before=PageCursor.parse(query.before) if query.before is not None else None,
        **query.criteria,
    )
    return page_of(goals, query.limit)


@router.get("/counts", dependencies=[requires(Scope.READ)])
async def count_goals(service: Service, query: Annotated[GoalQuery, Query()]) -> GoalCounts:
    """Count runs by status: all, or those that meet every criterion that is given.

    With `ended_since` it says how many failed today, for instance.
    """
    counts = await service.stores.goals.counts(**query.criteria)
    every = {status: counts.get(status, 0) for status in GoalStatus}
    return GoalCounts(counts=every, total=sum(every.values()))


@router.get(
    "/find",
    dependencies=[requires(Scope.READ)],
    responses=problems(ProblemType.UNKNOWN_GOAL, ProblemType.AMBIGUOUS_NAME),
)
async def find_goal(
    service: Service,
    name: Annotated[
        str,
        Query(
            max_length=1_000,
            description="A workflow id; a goal id, for its newest run; or the beginning of one, 6"
            " characters or more.",
        ),
    ],
) -> FoundGoal:
    """Find the run that a name stands for, as people write it on the command line."""
    return FoundGoal(workflow_id=await service.stores.goals.find(name))


@router.post(
    "/cancel",
    dependencies=[requires(Scope.SUBMIT, "goal.cancel")],
    responses=problems(ProblemType.TEMPORAL_UNAVAILABLE),
)
async def cancel_goals(
    request: ManyGoalsRequest, service: Service, audited: Audited
) -> ManyGoalsResponse:
    """Ask many runs and their delegates to stop, 500 at most; what they made by then is kept.

    Of a filter without a status those are meant that go on.
    """
    return _response(await service.many.cancel(request.runs, limit=request.limit), audited)


@router.post(
    "/retry",
    dependencies=[requires(Scope.SUBMIT, "goal.retry")],
    responses=problems(ProblemType.TEMPORAL_UNAVAILABLE),
)
async def retry_goals(
    request: ManyGoalsRequest, service: Service, audited: Audited
) -> ManyGoalsResponse:
    """Retry many runs, 500 at most: they go on from their journals.

    Of a filter without a status those are meant that failed, and no delegates: they are retried
    with the run that delegated them.
    """
    return _response(await service.many.retry(request.runs, limit=request.limit), audited)


def page_of(goals: list[GoalRecord], limit: int) -> GoalPage:
    """Return runs as a page, with the cursor of the next one."""
    return GoalPage(goals=goals, before=str(cursor_of(goals[-1])) if len(goals) == limit else None)


def _response(outcomes: ManyOutcomes, audited: AuditedAction) -> ManyGoalsResponse:
    audited.details["workflow_ids"] = [
        run.workflow_id for run in outcomes.runs if run.error is None
    ]
    return ManyGoalsResponse(
        goals=[
            GoalOutcome(workflow_id=run.workflow_id, status=run.status)
            if run.error is None
            else GoalOutcome(
                workflow_id=run.workflow_id,
                problem=str(run.error.args[0]),
                type=type_of(run.error).uri,
            )
            for run in outcomes.runs
        ],
        more=outcomes.more,
    )
