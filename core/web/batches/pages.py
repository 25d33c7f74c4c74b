"""The page that lists batches, and the page of one with its items."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from perdure.api.access.requirements import requires
from perdure.api.routes.dependencies import Service
from perdure.models.batches import ItemStatus
from perdure.schemas.access import Scope
from perdure.stores.batches.batch_store import cursor_of
from perdure.stores.database.paging import PageCursor
from perdure.web.batches.content import badge_of, batch_page, percentage, time_left
from perdure.web.rendering.pages import render_page

SHOWN_BATCHES: Final = 50

router = APIRouter(
    include_in_schema=False,
    default_response_class=HTMLResponse,
    dependencies=[requires(Scope.READ)],
)


@router.get("/batches")
async def list_page(request: Request, service: Service, before: str = "") -> HTMLResponse:
    """List batches, newest first. Where htmx asks, as every few seconds, it gets the list alone."""
    batches = await service.stores.batches.list(
        limit=SHOWN_BATCHES, before=PageCursor.parse(before) if before else None
    )
    values = {
        "batches": batches,
        "before": before,
        "older": str(cursor_of(batches[-1])) if len(batches) == SHOWN_BATCHES else "",
        "badge_of": badge_of,
        "percentage": percentage,
        "time_left": time_left,
    }
    is_part = "hx-request" in request.headers
    return render_page(request, "batches/list" if is_part else "batches/page", values)


@router.get("/batches/{batch_id}")
async def one_page(
    batch_id: str,
    request: Request,
    service: Service,
    status: Annotated[ItemStatus | None, Query()] = None,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> HTMLResponse:
    """Show a batch: how far it is, what it costs, what failed, and its items."""
    record = await service.stores.batches.get(batch_id)
    values = await batch_page(service.stores, record, status, after)
    is_part = "hx-request" in request.headers
    return render_page(request, "batches/state" if is_part else "batches/one", values)
