"""Routes of scores: how good what a goal did is."""

from fastapi import APIRouter

from perdure.api.access.requirements import Audited, Caller, check_name, requires
from perdure.api.problems.answers import problems
from perdure.api.problems.types import ProblemType
from perdure.api.routes.dependencies import Service
from perdure.models import Score, ScoreContent
from perdure.schemas.access import Scope
from perdure.schemas.goals import ScoreList, ScoreRequest

router = APIRouter(prefix="/api/goals", tags=["scores"])


@router.post(
    "/{workflow_id}/scores",
    dependencies=[requires(Scope.SUBMIT, "goal.score")],
    responses=problems(ProblemType.UNKNOWN_GOAL, ProblemType.STATE_CONFLICT),
)
async def score_goal(
    workflow_id: str,
    score_request: ScoreRequest,
    service: Service,
    caller: Caller,
    audited: Audited,
) -> Score:
    """Put a score on a run, whether it has ended or not.

    The same name again, of the same step by the same scorer, replaces the score. A run has 100
    scores at most.
    """
    by = score_request.by or caller.name
    check_name(caller, by)
    content = score_request.model_dump(exclude={"by"})
    audited.details = content | {"by": by}
    return await service.stores.scores.give(workflow_id, ScoreContent(**content), by)


@router.get(
    "/{workflow_id}/scores",
    dependencies=[requires(Scope.READ)],
    responses=problems(ProblemType.UNKNOWN_GOAL),
)
async def list_scores(workflow_id: str, service: Service) -> ScoreList:
    """List the scores of a run: those of people and programs, and those of its agent."""
    await service.stores.goals.get(workflow_id)
    return ScoreList(scores=list(await service.stores.scores.of(workflow_id)))
