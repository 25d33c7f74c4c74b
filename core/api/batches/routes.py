"""Routes of batches: hand one in, show it and its items, control it, download its outcome."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from perdure.api.access.requirements import Audited, requires
from perdure.api.batches.items import items_of
from perdure.api.batches.service import Batches
from perdure.api.problems.answers import problems
from perdure.api.problems.types import ProblemType
from perdure.api.routes.dependencies import Prefixes, Service
from perdure.models.batches import BatchRecord, ItemStatus
from perdure.schemas.access import Scope
from perdure.schemas.batches import (
    AddItemsRequest,
    BatchPage,
    BatchRequest,
    BatchResponse,
    ItemPage,
    ResumeBatchRequest,
    RetryBatchResponse,
)
from perdure.stores.batches.batch_store import cursor_of
from perdure.stores.database.paging import PageCursor
from perdure.stores.objects.content_store import streamed
from perdure.temporal.batches.outcome import OutcomeFormat, outcome

_UNKNOWN: Final = problems(ProblemType.UNKNOWN_BATCH)
_CHANGED: Final = problems(ProblemType.UNKNOWN_BATCH, ProblemType.STATE_CONFLICT)
_ADDED: Final = problems(
    ProblemType.UNKNOWN_BATCH,
    ProblemType.STATE_CONFLICT,
    ProblemType.UNKNOWN_AGENT,
    ProblemType.UNKNOWN_UPLOAD,
    ProblemType.INVALID_REQUEST,
)
_HANDED_IN: Final = problems(
    ProblemType.INVALID_REQUEST,
    ProblemType.UNKNOWN_AGENT,
    ProblemType.INVALID_PARAMETERS,
    ProblemType.UNKNOWN_UPLOAD,
    ProblemType.STATE_CONFLICT,
)
_TEXT: Final[dict[str, Any]] = {"schema": {"type": "string"}}
_OUTCOME: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The table",
        "content": {kind.media_type.partition(";")[0]: _TEXT for kind in OutcomeFormat},
    },
    **problems(ProblemType.UNKNOWN_BATCH, ProblemType.INVALID_REQUEST),
}

router = APIRouter(prefix="/api/batches", tags=["batches"])


@router.post(
    "",
    dependencies=[requires(Scope.SUBMIT, "batch.start")],
    status_code=201,
    responses=_HANDED_IN,
)
async def hand_in_batch(
    request: BatchRequest, service: Service, prefixes: Prefixes, batches: Batches, audited: Audited
) -> BatchResponse:
    """Hand in a batch: many goals of one agent, of which so many run at once.

    An item of which no goal can be made is on record as `invalid` and keeps no other from being
    done. The request may be sent again: with the same name and settings, only items are added that
    the batch does not have.
    """
    audited.subject = request.name
    audited.details = {"agent_type": request.agent_type}
    async with items_of(request, service.stores, prefixes) as items:
        handed_in = await batches.hand_in(request.name, request.settings, items)
    audited.subject = handed_in.batch.batch_id
    audited.details |= {"name": request.name, "items": handed_in.items.added}
    return BatchResponse(batch=handed_in.batch, items=handed_in.items)


@router.get("", dependencies=[requires(Scope.READ)])
async def list_batches(
    service: Service,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before: Annotated[str | None, Query(description="`before` of the previous page.")] = None,
) -> BatchPage:
    """List batches, newest first."""
    batches = await service.stores.batches.list(
        limit=limit, before=PageCursor.parse(before) if before is not None else None
    )
    following = str(cursor_of(batches[-1])) if len(batches) == limit else None
    return BatchPage(batches=batches, before=following)


@router.get("/{batch_id}", dependencies=[requires(Scope.READ)], responses=_UNKNOWN)
async def show_batch(batch_id: str, service: Service) -> BatchRecord:
    """Show a batch: how many of its items have each status, its rate, the time that is left."""
    return await service.stores.batches.get(batch_id)


@router.get("/{batch_id}/items", dependencies=[requires(Scope.READ)], responses=_UNKNOWN)
async def list_batch_items(
    batch_id: str,
    service: Service,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    after: Annotated[int, Query(ge=0, le=2**62, description="`after` of the previous page.")] = 0,
    status: Annotated[ItemStatus | None, Query(description="Only those of this status.")] = None,
) -> ItemPage:
    """List the items of a batch, in the order in which they were handed in."""
    batch = await service.stores.batches.get(batch_id)
    items = await service.stores.batches.items(
        batch.batch_id, after=after, limit=limit, status=status
    )
    return ItemPage(items=items, after=items[-1].number if len(items) == limit else None)


@router.post(
    "/{batch_id}/items",
    dependencies=[requires(Scope.SUBMIT, "batch.add")],
    responses=_ADDED,
)
async def add_batch_items(
    batch_id: str,
    request: AddItemsRequest,
    service: Service,
    prefixes: Prefixes,
    batches: Batches,
    audited: Audited,
) -> BatchResponse:
    """Add items to a batch, while it runs or afterwards; those that it has are left out."""
    async with items_of(request, service.stores, prefixes) as items:
        handed_in = await batches.add(batch_id, items)
    audited.details = {"items": handed_in.items.added}
    return BatchResponse(batch=handed_in.batch, items=handed_in.items)


@router.post(
    "/{batch_id}/pause", dependencies=[requires(Scope.SUBMIT, "batch.pause")], responses=_CHANGED
)
async def pause_batch(batch_id: str, batches: Batches) -> BatchRecord:
    """Start no further item until the batch is resumed; items that run go on to their end."""
    return await batches.pause(batch_id)


@router.post(
    "/{batch_id}/resume", dependencies=[requires(Scope.SUBMIT, "batch.resume")], responses=_CHANGED
)
async def resume_batch(
    batch_id: str, batches: Batches, audited: Audited, request: ResumeBatchRequest | None = None
) -> BatchRecord:
    """Go on with a batch that was paused or has stopped, with a larger budget if one is given."""
    budget = request.budget_cost if request else None
    audited.details = {"budget_cost": budget}
    return await batches.resume(batch_id, budget_cost=budget)


@router.post(
    "/{batch_id}/cancel", dependencies=[requires(Scope.SUBMIT, "batch.cancel")], responses=_UNKNOWN
)
async def cancel_batch(batch_id: str, batches: Batches) -> BatchRecord:
    """Start no further item, and cancel those that run; what they made by then is kept."""
    return await batches.cancel(batch_id)


@router.post(
    "/{batch_id}/retry", dependencies=[requires(Scope.SUBMIT, "batch.retry")], responses=_CHANGED
)
async def retry_batch(batch_id: str, batches: Batches, audited: Audited) -> RetryBatchResponse:
    """Have the failed items done again: they go on from their journals."""
    batch, retried = await batches.retry(batch_id)
    audited.details = {"items": retried}
    return RetryBatchResponse(batch=batch, retried=retried)


@router.get(
    "/{batch_id}/outcome",
    dependencies=[requires(Scope.READ)],
    responses=_OUTCOME,
    response_class=StreamingResponse,
)
async def download_outcome(
    batch_id: str,
    service: Service,
    kind: Annotated[
        OutcomeFormat, Query(alias="format", description="What the table is written as.")
    ] = OutcomeFormat.JSON_LINES,
) -> StreamingResponse:
    """Download what became of each item, as one table: status, fields of the result, cost."""
    batch = await service.stores.batches.get(batch_id)
    # An error of the first page still has a status to tell it with.
    chunks = await streamed(outcome(service.stores.batches, batch.batch_id, kind))
    return StreamingResponse(
        chunks,
        media_type=kind.media_type,
        headers={"Content-Disposition": f'attachment; filename="{batch.name}.{kind.value}"'},
    )
