"""What is done with a goal on its page: stopping it, letting it go on."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from perdure.api.access.requirements import requires
from perdure.api.routes.dependencies import Service
from perdure.schemas.access import Scope
from perdure.stores import StoreUnavailable
from perdure.stores.database.errors import StateConflict
from perdure.temporal.client.connection import TemporalUnavailable
from perdure.temporal.client.goal_service import GoalService
from perdure.web.goals.content import goal_page
from perdure.web.rendering.pages import render_page
from perdure.web.routes.approvals import voter_of

router = APIRouter(include_in_schema=False)


@router.post("/goals/{workflow_id}/cancel", dependencies=[requires(Scope.SUBMIT, "goal.cancel")])
async def cancel(workflow_id: str, request: Request, service: Service) -> Response:
    """Ask a goal to stop."""
    return await _act(request, service, workflow_id, service.control.cancel)


@router.post("/goals/{workflow_id}/pause", dependencies=[requires(Scope.SUBMIT, "goal.pause")])
async def pause(workflow_id: str, request: Request, service: Service) -> Response:
    """Pause a goal at the end of the step under way."""
    return await _act(request, service, workflow_id, service.control.pause)


@router.post("/goals/{workflow_id}/resume", dependencies=[requires(Scope.SUBMIT, "goal.resume")])
async def resume(workflow_id: str, request: Request, service: Service) -> Response:
    """Resume a paused goal."""
    return await _act(request, service, workflow_id, service.control.resume)


@router.post("/goals/{workflow_id}/retry", dependencies=[requires(Scope.SUBMIT, "goal.retry")])
async def retry(workflow_id: str, request: Request, service: Service) -> Response:
    """Let a goal that stopped go on from its journal."""
    return await _act(request, service, workflow_id, service.control.retry)


async def _act(
    request: Request,
    service: GoalService,
    workflow_id: str,
    action: Callable[[str], Awaitable[object]],
) -> Response:
    try:
        await action(workflow_id)
    except StateConflict as error:
        return await _with_problem(request, service, workflow_id, str(error), 409)
    except (TemporalUnavailable, StoreUnavailable) as error:
        return await _with_problem(request, service, workflow_id, str(error), 503)
    return RedirectResponse(f"/goals/{workflow_id}", 303)


async def _with_problem(
    request: Request, service: GoalService, workflow_id: str, what: str, status: int
) -> Response:
    record = await service.stores.goals.get(workflow_id)
    values = await goal_page(service.stores, record, None, str(request.base_url))
    values["trace_address"] = request.app.state.trace_address(record.trace_id)
    shown = values | {"problem": what, "voter": voter_of(request)}
    return render_page(request, "goal/page", shown, status)
