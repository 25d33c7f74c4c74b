"""What is done with a batch on its page: pausing it, letting it go on, cancelling, retrying."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from perdure.api.access.requirements import Audited, requires
from perdure.api.batches.service import Batches
from perdure.api.routes.dependencies import Service
from perdure.schemas.access import Scope
from perdure.schemas.batches import ResumeBatchRequest
from perdure.stores import StoreUnavailable
from perdure.stores.database.errors import InputRefused, StateConflict
from perdure.temporal.client.connection import TemporalUnavailable
from perdure.temporal.client.goal_service import GoalService
from perdure.web.batches.content import batch_page
from perdure.web.forms.sent import sent_form
from perdure.web.rendering.pages import render_page

router = APIRouter(include_in_schema=False)


@router.post("/batches/{batch_id}/pause", dependencies=[requires(Scope.SUBMIT, "batch.pause")])
async def pause(batch_id: str, request: Request, service: Service, batches: Batches) -> Response:
    """Start no further item."""
    return await _act(request, service, batch_id, batches.pause)


@router.post("/batches/{batch_id}/resume", dependencies=[requires(Scope.SUBMIT, "batch.resume")])
async def resume(
    batch_id: str, request: Request, service: Service, batches: Batches, audited: Audited
) -> Response:
    """Let a batch go on, with a larger budget if one is given."""
    given = (await sent_form(request)).get("budget_cost", "").strip()

    async def act(batch: str) -> object:
        budget = _dollars(given)
        audited.details = {"budget_cost": budget}
        return await batches.resume(batch, budget_cost=budget)

    return await _act(request, service, batch_id, act)


@router.post("/batches/{batch_id}/cancel", dependencies=[requires(Scope.SUBMIT, "batch.cancel")])
async def cancel(batch_id: str, request: Request, service: Service, batches: Batches) -> Response:
    """Start no further item, and cancel those that run."""
    return await _act(request, service, batch_id, batches.cancel)


@router.post("/batches/{batch_id}/retry", dependencies=[requires(Scope.SUBMIT, "batch.retry")])
async def retry(batch_id: str, request: Request, service: Service, batches: Batches) -> Response:
    """Have the failed items done again, from their journals."""
    return await _act(request, service, batch_id, batches.retry)


async def _act(
    request: Request,
    service: GoalService,
    batch_id: str,
    action: Callable[[str], Awaitable[object]],
) -> Response:
    record = await service.stores.batches.get(batch_id)
    try:
        await action(record.batch_id)
    except InputRefused as error:
        what, status = str(error), 422
    except StateConflict as error:
        what, status = str(error), 409
    except (TemporalUnavailable, StoreUnavailable) as error:
        what, status = str(error), 503
    else:
        return RedirectResponse(f"/batches/{record.batch_id}", 303)
    values = await batch_page(service.stores, await service.stores.batches.get(record.batch_id))
    return render_page(request, "batches/one", values | {"problem": what}, status)


def _dollars(given: str) -> float | None:
    if not given:
        return None
    try:
        return ResumeBatchRequest.model_validate({"budget_cost": given}).budget_cost
    except ValueError:
        raise InputRefused(
            f"{given[:40]!r} is no budget: write dollars, such as 12.50, more than it has used"
        ) from None
