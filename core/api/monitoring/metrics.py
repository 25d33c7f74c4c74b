"""The route of the metrics, as Prometheus reads them."""

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response

from perdure.api.access.errors import AnothersMetrics
from perdure.api.access.requirements import Caller, requires
from perdure.models import DEFAULT_TENANT
from perdure.schemas.access import Scope
from perdure.telemetry.metrics.families import CONTENT_TYPE, Family, to_text

# What an application has as ``app.state.read_metrics``.
MetricsReader = Callable[[], Awaitable[list[Family]]]

router = APIRouter(tags=["health"], dependencies=[requires(Scope.METRICS)])


class MetricsText(Response):
    """Prometheus' text format."""

    media_type = CONTENT_TYPE


@router.get("/metrics", response_class=MetricsText)
async def metrics(request: Request, caller: Caller) -> MetricsText:
    """Return the metrics of this process and of the installation, of all tenants.

    Where there are keys, it needs one of the tenant `default` with the scope `metrics`. Counts are
    of this process since it started; what is open, and who is there, is read from the stores.
    """
    if caller.tenant != DEFAULT_TENANT:
        raise AnothersMetrics(caller)
    read: MetricsReader = request.app.state.read_metrics
    return MetricsText(await asyncio.to_thread(to_text, await read()))
