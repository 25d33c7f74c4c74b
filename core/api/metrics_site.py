"""``/metrics`` of a process that is no API: a worker, or the supervisor of a pool of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from perdure.api.gateway.authentication import AuthenticationMiddleware
from perdure.api.monitoring import metrics
from perdure.api.monitoring.health import healthz
from perdure.api.routes.problems import add_problem_handlers
from perdure.api.server import listen, serving
from perdure.settings import Address, Settings
from perdure.stores import Stores


@asynccontextmanager
async def serve_metrics(
    stores: Stores, settings: Settings, address: Address, read: metrics.MetricsReader
) -> AsyncIterator[str]:
    """Serve metrics as long as the block runs, and yield their URL.

    Who may read them is as at the API: anybody on this machine while there is no key, and else
    whoever has one with the scope ``metrics``. Anybody may ask ``/healthz``, which reads no store.

    Args:
        stores: The keys.
        settings: What else there is of keys, and the certificate.
        address: Where to listen.
        read: Returns the metrics.

    Raises:
        AddressInUse: Another process listens there.
        CertificateRefused: The settings name a certificate that cannot be used.
    """
    host, port = address
    own = settings.model_copy(update={"host": host})
    # Its own spans would be of every scrape.
    app = FastAPI(openapi_url=None, telemetry={"tracing": False, "metrics": False, "logs": False})
    add_problem_handlers(app)
    app.include_router(metrics.router)
    app.add_api_route("/healthz", healthz)
    app.state.read_metrics = read
    app.add_middleware(AuthenticationMiddleware, access=lambda: stores.access, settings=own)
    async with serving(app, listen(host, port), own) as url:
        yield f"{url}/metrics"
