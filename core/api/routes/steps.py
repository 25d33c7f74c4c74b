"""Routes of what a run does: its steps, spending, waits and notebook; unknown steps, settled."""

from typing import Annotated

from fastapi import APIRouter, Query

from perdure.api.access.requirements import Audited, Caller, check_name, requires
from perdure.api.problems.answers import problems
from perdure.api.problems.types import ProblemType
from perdure.api.routes.dependencies import Service
from perdure.schemas.access import Scope
from perdure.schemas.notebook.records import NotebookList
from perdure.schemas.replays.recording import Recording
from perdure.schemas.steps import (
    GoalDetails,
    SettleRequest,
    SettleResponse,
    UnknownSteps,
)
from perdure.schemas.timelines import Timeline
from perdure.stores.timelines.recorded_contents import with_contents
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
    "/{workflow_id}/notebook",
    dependencies=[requires(Scope.READ)],
    responses=problems(ProblemType.UNKNOWN_GOAL),
)
async def show_notebook(
    workflow_id: str,
    service: Service,
    after: Annotated[str, Query(max_length=200, description="`after` of the previous page.")] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> NotebookList:
    """Show what stands in the notebook that a run shares with its delegates, sorted by key.

    It is that of the goal at the top, whichever of its runs is asked for. A page ends with `after`,
    which is where the next one begins.
    """
    await service.stores.goals.get(workflow_id)
    entries = await service.stores.notebook.of(workflow_id, after=after, limit=limit + 1)
    more = entries[limit - 1].key if len(entries) > limit else None
    return NotebookList(entries=entries[:limit], after=more)


@router.get(
    "/{workflow_id}/recording",
    dependencies=[requires(Scope.ADMIN, "goal.recording")],
    responses=problems(ProblemType.UNKNOWN_GOAL),
)
async def show_recording(workflow_id: str, service: Service) -> Recording:
    """Show all that is on record of a run, as it is: what `perdure goals replay` goes by.

    It has the goal with its parameters, the values of all steps, and the result.
    """
    stores = service.stores
    recording = await stores.recordings.of(await stores.goals.get(workflow_id))
    return await with_contents(recording, stores.contents)


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
