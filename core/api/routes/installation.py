"""Routes of the installation: its workers, and what its goals have used of models."""

from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query

from perdure.api.access.requirements import requires
from perdure.api.routes.dependencies import Service
from perdure.models.usage import UsageGrouping, UsageReport
from perdure.schemas.access import Scope
from perdure.schemas.installation import WorkerList
from perdure.schemas.many_goals import Time

DEFAULT_DAYS: Final = 30

router = APIRouter(prefix="/api", tags=["installation"], dependencies=[requires(Scope.READ)])


@router.get("/workers")
async def list_workers(service: Service) -> WorkerList:
    """List the workers: whether each is alive, its free slots, its version and its agents."""
    return WorkerList(workers=await service.stores.workers.list())


@router.get("/usage")
async def show_usage(
    service: Service,
    by: Annotated[UsageGrouping, Query(description="What to sum up by; days are of UTC.")] = "day",
    since: Annotated[
        Time | None,
        Query(
            description="A day or a time (ISO 8601), of UTC unless it says otherwise; thirty"
            " days ago when not given."
        ),
    ] = None,
) -> UsageReport:
    """Sum up what goals have used: tokens and dollars spent, of that thrown away, and saved.

    How many ended how, and the averages of their scores, are there too. Goals that were deleted
    count, each with whole days.

    A cost is null where the price of every model that was asked is unknown, and
    `unpriced_requests` says how many requests are in no cost.
    """
    if since is None:
        # A whole day, since of goals that were deleted no part of one is known.
        since = datetime.combine(datetime.now(UTC) - timedelta(days=DEFAULT_DAYS), time.min, UTC)
    return await service.stores.usage.report(since, by)
