"""Routes of what a run does: its steps, spending and waits; steps of unknown outcome, settled."""

from fastapi import APIRouter

from perdure.api.access.requirements import Audited, Caller, check_name, requires
from perdure.api.problems.answers import problems
from perdure.api.problems.types import ProblemType
from perdure.api.routes.dependencies import Service
from perdure.schemas.access import Scope
from perdure.schemas.steps import (
    GoalDetails,
    SettleRequest,
    SettleResponse,
    UnknownSteps,
)
from perdure.schemas.timelines import Timeline
from perdure.temporal.client.goal_details import goal_details

router = APIRouter(prefix="/api/goals", tags=["steps"])


@router.get(
    "/{workflow_id}/details",
    dependencies=[requires(Scope.READ)],
    responses=problems(ProblemType.UNKNOWN_GOAL),
)
async def show_details(workflow_id: str, service: Service) -> GoalDetails:
    """Show what a run does, waits for and has used: as `perdure goals show`."""
    return await goal_details(service.stores, workflow_id)


@router.get(
    "/{workflow_id}/timeline",
    dependencies=[requires(Scope.READ)],
    responses=problems(ProblemType.UNKNOWN_GOAL),
)
async def show_timeline(workflow_id: str, service: Service) -> Timeline:
    """Show what a run did when: executions, steps, waits, tools, delegates, and what they cost.

    A step that was answered from the journal is not in it again: `answered` says how many an
    execution had answers for. A cost of `null` is not known.
    """
    return await service.stores.timelines.of(await service.stores.goals.get(workflow_id))


@router.get(
    "/{workflow_id}/steps/unknown",
    dependencies=[requires(Scope.READ)],
    responses=problems(ProblemType.UNKNOWN_GOAL),
)
async def list_unknown_steps(workflow_id: str, service: Service) -> UnknownSteps:
    """List the steps of unknown outcome; none while a worker executes the run."""
    return UnknownSteps(steps=await service.stores.once_steps.unknown(workflow_id))


@router.post(
    "/{workflow_id}/steps/settle",
    dependencies=[requires(Scope.SUBMIT, "step.settle")],
    responses=problems(
        ProblemType.UNKNOWN_GOAL, ProblemType.UNKNOWN_STEP, ProblemType.STEP_NOT_SETTLED
    ),
)
async def settle_step(
    workflow_id: str,
    settle_request: SettleRequest,
    service: Service,
    caller: Caller,
    audited: Audited,
) -> SettleResponse:
    """Say whether a step took effect that was marked ``once`` and was cut off.

    A retry of the run takes the value that is given from the journal, or executes the step again.
    """
    check_name(caller, settle_request.by)
    audited.details = {
        "step": settle_request.step,
        "done": settle_request.done,
        "by": settle_request.by,
    }
    settled = await service.stores.once_steps.settle(
        workflow_id,
        settle_request.step,
        by=settle_request.by,
        done=settle_request.done,
        value=settle_request.value,
    )
    return SettleResponse(workflow_id=workflow_id, step=settled, done=settle_request.done)
