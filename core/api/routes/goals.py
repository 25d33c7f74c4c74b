"""Routes of goals: start one, show one, or its result alone."""

import asyncio
from contextlib import suppress
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Request, Response

from perdure.api.access.audited import entry_with_record
from perdure.api.access.requirements import Audited, Caller, audited_of, requires
from perdure.api.problems.answers import problems
from perdure.api.problems.types import ProblemType
from perdure.api.routes.dependencies import (
    EventStreams,
    Service,
    StreamsFull,
    service_of,
    state_of,
)
from perdure.models import Goal, GoalContent, GoalRecord, Hold, Result
from perdure.schemas.access import Scope
from perdure.schemas.goals import HoldList, HoldRequest, StartRequest, StartResponse
from perdure.stores import StoreUnavailable, UnknownGoal
from perdure.stores.database.errors import NoResultYet
from perdure.stores.runs.idempotency import MAX_KEY_CHARACTERS
from perdure.temporal.client.goal_service import GoalService

# What a goal that is started may be refused for.
START_PROBLEMS: Final = (
    ProblemType.INVALID_REQUEST,
    ProblemType.UNKNOWN_AGENT,
    ProblemType.INVALID_PARAMETERS,
    ProblemType.POLICY_DENIED,
    ProblemType.KEY_CONFLICT,
    ProblemType.TEMPORAL_UNAVAILABLE,
)

# What proxies let a request take, unless they are told otherwise.
MAX_WAIT_SECONDS: Final = 60

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=MAX_KEY_CHARACTERS,
        pattern=r"^[!-~]+$",
        description="The same key and body again returns the run started first. Visible ASCII.",
    ),
]
WaitSeconds = Annotated[
    float,
    Query(ge=0, le=MAX_WAIT_SECONDS, description="How long to wait for the goal's end."),
]

router = APIRouter(prefix="/api", tags=["goals"])


@router.post(
    "/execute-goal",
    dependencies=[requires(Scope.SUBMIT, "goal.start")],
    response_model=StartResponse | GoalRecord,
    response_description="The goal is started, or, with `wait`, has ended by now",
    responses=problems(*START_PROBLEMS, ProblemType.CALLBACK_REFUSED),
)
async def execute_goal(
    goal_request: StartRequest,
    request: Request,
    idempotency_key: IdempotencyKey = None,
    wait: WaitSeconds = 0,
) -> Response:
    """Start a goal's workflow; the response does not wait for its result, unless `wait` says so.

    With `wait=30` the response is the goal's record, with the result, if the goal ends within
    thirty seconds; if not, it is the one that comes at once without it.

    With an ``Idempotency-Key`` the request may be sent again, as when the response was lost:
    nothing is started twice, and the response names the run that was started first, whatever its
    status is by now.
    """
    state, service, audited = state_of(request), service_of(request), audited_of(request)
    callback_url = goal_request.callback_url
    if callback_url is not None:
        await state.callbacks.check(callback_url)
    # Checked with the request: once more, and its response too, took as long as all else here.
    content = {name: getattr(goal_request, name) for name in GoalContent.model_fields}
    goal = Goal.model_construct(**content)
    audited.subject, audited.details = goal.goal_id, {"agent_type": goal.agent_type}
    entry = entry_with_record(request, audited, status=200)
    workflow_id = await service.start(goal, idempotency_key, callback_url, entry)
    audited.subject = workflow_id
    record = await _ended(workflow_id, wait, service, state.streams) if wait else None
    started = record or StartResponse(workflow_id=workflow_id)
    return Response(started.model_dump_json(), media_type="application/json")


async def _ended(
    workflow_id: str, seconds: float, service: GoalService, streams: EventStreams
) -> GoalRecord | None:
    """Return a run's record as soon as it has ended; ``None`` when it has not by then.

    Whatever becomes of the stores meanwhile, the goal is started, and its caller must learn its id.
    """
    with suppress(StoreUnavailable, UnknownGoal, StreamsFull):
        with (
            service.stores.events.reader(workflow_id) as reader,
            streams.track(reader),
            suppress(TimeoutError),
        ):
            async with asyncio.timeout(seconds):
                while await reader.next():
                    continue
        record = await service.stores.goals.get(workflow_id)
        return record if record.status.final else None
    return None


@router.get(
    "/goals/{workflow_id}",
    dependencies=[requires(Scope.READ)],
    responses=problems(ProblemType.UNKNOWN_GOAL),
)
async def show_goal(workflow_id: str, service: Service) -> GoalRecord:
    """Show a run: status, progress, and its result once it has ended."""
    return await service.stores.goals.get(workflow_id)


@router.delete(
    "/goals/{workflow_id}",
    dependencies=[requires(Scope.ADMIN, "goal.delete")],
    status_code=204,
    responses=problems(ProblemType.UNKNOWN_GOAL, ProblemType.STATE_CONFLICT),
)
async def delete_goal(workflow_id: str, service: Service) -> None:
    """Delete a run that has ended, with its delegates and all that is on record of them.

    What they used, and how good they were, stays in the usage, as sums of their days.
    """
    await service.stores.deletion.delete(workflow_id)


@router.put(
    "/goals/{workflow_id}/hold",
    dependencies=[requires(Scope.ADMIN, "goal.hold")],
    responses=problems(ProblemType.UNKNOWN_GOAL, ProblemType.STATE_CONFLICT),
)
async def hold_goal(
    workflow_id: str,
    service: Service,
    caller: Caller,
    audited: Audited,
    request: HoldRequest | None = None,
) -> Hold:
    """Keep a run, with its delegates, whatever its age: it cannot be deleted until it is released.

    A second hold takes the place of the first.
    """
    reason = request.reason if request else ""
    audited.details = {"reason": reason}
    return await service.stores.holds.hold(workflow_id, caller.name, reason)


@router.delete(
    "/goals/{workflow_id}/hold",
    dependencies=[requires(Scope.ADMIN, "goal.release")],
    status_code=204,
    responses=problems(ProblemType.UNKNOWN_GOAL),
)
async def release_goal(workflow_id: str, service: Service) -> None:
    """Release a run that was held; a hold of the tenant stays."""
    await service.stores.holds.release(workflow_id)


@router.get("/holds", dependencies=[requires(Scope.READ)])
async def list_holds(service: Service) -> HoldList:
    """List what is held, the newest first, 1,000 at most."""
    return HoldList(holds=[*await service.stores.holds.list()])


@router.put("/hold", dependencies=[requires(Scope.ADMIN, "tenant.hold")])
async def hold_tenant(
    service: Service, caller: Caller, audited: Audited, request: HoldRequest | None = None
) -> Hold:
    """Keep all goals of the tenant, those to come too, whatever their age, until it is released."""
    reason = request.reason if request else ""
    audited.subject, audited.details = caller.tenant, {"reason": reason}
    return await service.stores.holds.hold_tenant(caller.name, reason)


@router.delete("/hold", dependencies=[requires(Scope.ADMIN, "tenant.release")], status_code=204)
async def release_tenant(service: Service, caller: Caller, audited: Audited) -> None:
    """Release the goals of the tenant; holds of goals stay."""
    audited.subject = caller.tenant
    await service.stores.holds.release_tenant()


@router.get(
    "/goals/{workflow_id}/result",
    dependencies=[requires(Scope.READ)],
    responses=problems(ProblemType.UNKNOWN_GOAL, ProblemType.NO_RESULT_YET),
)
async def show_result(workflow_id: str, service: Service) -> Result:
    """Show the result of a run that has ended: what a failed or cancelled one has made, too."""
    record = await service.stores.goals.get(workflow_id)
    if not record.status.final:
        raise NoResultYet(
            f"goal {workflow_id} is {record.status.value} and has no result yet: follow"
            f" /api/goals/{workflow_id}/events to its end"
        )
    return record.result or Result(artifacts=record.artifacts)
