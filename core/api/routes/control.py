"""Routes that control runs: cancel, pause, resume, terminate, signal, retry, run again."""

from typing import Annotated, Final

from fastapi import APIRouter, Body, Path, Query
from pydantic import JsonValue

from perdure.api.access.requirements import START_ACTION, Audited, Caller, requires
from perdure.api.problems.answers import problems
from perdure.api.problems.types import ProblemType
from perdure.api.routes.dependencies import Service
from perdure.api.routes.goals import START_PROBLEMS, IdempotencyKey
from perdure.api.routes.many_goals import BeforeCursor, page_of
from perdure.models import GoalStatus
from perdure.schemas.access import Scope
from perdure.schemas.control import (
    CancelResponse,
    PauseResponse,
    ResumeResponse,
    RetryAllResponse,
    RetryResponse,
    RunAgainRequest,
    RunAgainResponse,
    SignalResponse,
    TerminateRequest,
    TerminateResponse,
)
from perdure.schemas.many_goals import GoalPage
from perdure.stores.database.paging import PageCursor

_CONTROL_PROBLEMS: Final = (ProblemType.UNKNOWN_GOAL, ProblemType.TEMPORAL_UNAVAILABLE)

router = APIRouter(prefix="/api", tags=["control"])


@router.post(
    "/goals/{workflow_id}/cancel",
    dependencies=[requires(Scope.SUBMIT, "goal.cancel")],
    responses=problems(*_CONTROL_PROBLEMS),
)
async def cancel_goal(workflow_id: str, service: Service) -> CancelResponse:
    """Ask a run and its delegates to stop; what they made by then is kept."""
    if await service.control.cancel(workflow_id):
        return CancelResponse(workflow_id=workflow_id, status="cancelling")
    record = await service.stores.goals.get(workflow_id)
    # A run that Temporal has ended in this moment may be open in the stores: its end is on its way.
    status = record.status.value if record.status.final else "cancelling"
    return CancelResponse.model_validate({"workflow_id": workflow_id, "status": status})


@router.post(
    "/goals/{workflow_id}/pause",
    dependencies=[requires(Scope.SUBMIT, "goal.pause")],
    responses=problems(*_CONTROL_PROBLEMS, ProblemType.RUN_ENDED),
)
async def pause_goal(workflow_id: str, service: Service) -> PauseResponse:
    """Pause a run and its delegates at the next step boundary until they are resumed."""
    await service.control.pause(workflow_id)
    return PauseResponse(workflow_id=workflow_id)


@router.post(
    "/goals/{workflow_id}/resume",
    dependencies=[requires(Scope.SUBMIT, "goal.resume")],
    responses=problems(*_CONTROL_PROBLEMS, ProblemType.RUN_ENDED),
)
async def resume_goal(workflow_id: str, service: Service) -> ResumeResponse:
    """Resume a paused run and its delegates."""
    await service.control.resume(workflow_id)
    return ResumeResponse(workflow_id=workflow_id)


@router.post(
    "/goals/{workflow_id}/terminate",
    dependencies=[requires(Scope.SUBMIT, "goal.terminate")],
    responses=problems(*_CONTROL_PROBLEMS),
)
async def terminate_goal(
    workflow_id: str, service: Service, audited: Audited, body: TerminateRequest | None = None
) -> TerminateResponse:
    """End a run and its delegates at once: the last resort, for nothing is cleaned up."""
    audited.details = {"reason": body.reason if body else ""}
    await service.control.terminate(workflow_id, body.reason if body else "")
    record = await service.stores.goals.get(workflow_id)
    return TerminateResponse.model_validate(
        {"workflow_id": workflow_id, "status": record.status.value}
    )


@router.post(
    "/goals/{workflow_id}/retry",
    dependencies=[requires(Scope.SUBMIT, "goal.retry")],
    responses=problems(*_CONTROL_PROBLEMS, ProblemType.RUN_NOT_ENDED),
)
async def retry_goal(workflow_id: str, service: Service) -> RetryResponse:
    """Retry a run that failed, was cancelled or terminated: it goes on from its journal."""
    await service.control.retry(workflow_id)
    return RetryResponse(workflow_id=workflow_id)


@router.post(
    "/goals/{workflow_id}/run-again",
    dependencies=[requires(Scope.SUBMIT, START_ACTION)],
    responses=problems(
        ProblemType.UNKNOWN_GOAL,
        ProblemType.UNKNOWN_STEP,
        ProblemType.STATE_CONFLICT,
        *START_PROBLEMS,
    ),
)
async def run_again(
    workflow_id: str,
    service: Service,
    caller: Caller,
    audited: Audited,
    request: RunAgainRequest | None = None,
    idempotency_key: IdempotencyKey = None,
) -> RunAgainResponse:
    """Start a new run of a run's goal, as it was or edited, from its start or from a step.

    Steps whose input is another than in the earlier run, as after an edit or with another version
    of the agent, are executed and paid for wherever they stand.
    """
    asked = request or RunAgainRequest()
    audited.details = {"made_from": workflow_id, "from_step": asked.from_step}
    rerun = await service.run_again(
        workflow_id,
        by=asked.by or caller.name,
        from_step=asked.from_step,
        description=asked.description,
        parameters=asked.parameters,
        budget=asked.budget,
        idempotency_key=idempotency_key,
    )
    audited.subject = rerun.workflow_id
    return RunAgainResponse(
        workflow_id=rerun.workflow_id, made_from=workflow_id, taken_over=rerun.taken_over
    )


@router.post(
    "/goals/{workflow_id}/signals/{name}",
    dependencies=[requires(Scope.SUBMIT, "goal.signal")],
    responses=problems(ProblemType.UNKNOWN_GOAL, ProblemType.RUN_ENDED),
)
async def send_signal(
    workflow_id: str,
    name: Annotated[str, Path(description="The signal's name, which the agent waits for.")],
    service: Service,
    audited: Audited,
    data: Annotated[JsonValue, Body()] = None,
) -> SignalResponse:
    """Send a run a signal, with any JSON up to 256 KiB as the body.

    A run that waits for it goes on; one that waits for it later receives it then.
    """
    audited.details = {"name": name}
    number = await service.decisions.signal(workflow_id, name, data)
    return SignalResponse(workflow_id=workflow_id, name=name, number=number)


@router.get("/dead-letters", dependencies=[requires(Scope.READ)])
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


@router.post(
    "/dead-letters/retry",
    dependencies=[requires(Scope.SUBMIT, "goal.retry")],
    responses=problems(ProblemType.TEMPORAL_UNAVAILABLE),
)
async def retry_dead_letters(
    service: Service, audited: Audited, agent_type: str | None = None
) -> RetryAllResponse:
    """Retry every goal that failed, or every one of an agent; at most 500 per call."""
    workflow_ids = await service.control.retry_all(agent_type)
    audited.details = {"workflow_ids": [*workflow_ids]}
    return RetryAllResponse(workflow_ids=workflow_ids)
