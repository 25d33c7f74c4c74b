"""The FastAPI application of the API: routes, error responses, what is before them."""

from typing import Final

from perdure.api.batches import routes as batches
from perdure.api.codec import routes as codec
from perdure.api.gateway.arrival import ArrivalMiddleware
from perdure.api.gateway.auditing import AuditMiddleware
from perdure.api.gateway.authentication import AuthenticationMiddleware
from perdure.api.gateway.bodies import BodyLimitMiddleware
from perdure.api.gateway.tracing import TracingMiddleware
from perdure.api.monitoring import health, metrics
from perdure.api.openapi import DESCRIPTION, DocumentedApi, operation_id, tags
from perdure.api.reference import page as reference
from perdure.api.routes import (
    access,
    agents,
    approvals,
    artifacts,
    control,
    events,
    goals,
    installation,
    many_goals,
    scores,
    steps,
    uploads,
)
from perdure.api.routes.dependencies import ApiState
from perdure.api.routes.problems import add_problem_handlers
from perdure.api.schedules import routes as schedules
from perdure.encryption.loading import load_cipher
from perdure.settings import Settings
from perdure.stores.objects.prefix import PermittedPrefixes
from perdure.telemetry.traces.process import is_on
from perdure.temporal.client.callback_urls import CallbackUrls
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.client.installation_metrics import InstallationMetrics
from perdure.temporal.conversion.payload_codec import SealingCodec
from perdure.version import core_version

# The routes of many goals before those of one: their last parts are no workflow ids.
_ROUTES: Final = (
    agents, many_goals, goals, artifacts, uploads, control, steps, scores, approvals, schedules,
    batches,
    events, installation, access, codec, health, metrics, reference,
)  # fmt: skip


def create_app(service: GoalService, settings: Settings) -> DocumentedApi:
    """Return the application.

    Args:
        service: Starts and cancels goals; the routes read its stores.
        settings: The API keys, the trusted proxies, the keys of what goes through Temporal.

    Raises:
        KeysUnreadable: The latter cannot be read.
        InputRefused: ``PERDURE_BATCH_PREFIXES`` names something that is no prefix.
    """
    app = DocumentedApi(
        title="Perdure",
        version=core_version(),
        description=DESCRIPTION,
        openapi_tags=tags(),
        generate_unique_id_function=operation_id,
        # The framework's own pages load their scripts from another host.
        docs_url=None,
        redoc_url=None,
        # Its own spans are of every read, and of its parts: see gateway/tracing.py.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    sealing = SealingCodec(load_cipher(settings.encryption_keys))
    app.state.perdure = ApiState(
        service, CallbackUrls(settings), sealing, PermittedPrefixes(settings.batch_prefixes)
    )
    app.state.read_metrics = InstallationMetrics(service, settings.home).read
    add_problem_handlers(app)
    for module in _ROUTES:
        app.include_router(module.router)
    # Before the routes; the last one added comes first.
    if settings.key_rate or settings.tenant_rate or settings.tenant_goals:
        from perdure.api.gateway.rates import RateLimitMiddleware, RateLimits

        limits = RateLimits(settings, service.stores.redis)
        app.add_middleware(RateLimitMiddleware, limits=limits)
    app.add_middleware(
        AuthenticationMiddleware, access=lambda: service.stores.access, settings=settings
    )
    app.add_middleware(AuditMiddleware, service=service)
    app.add_middleware(BodyLimitMiddleware)
    if settings.codec_origins:
        from perdure.api.codec.origins import CodecOriginsMiddleware

        app.add_middleware(CodecOriginsMiddleware, origins=settings.codec_origins)
    if is_on():
        app.add_middleware(TracingMiddleware)
    app.add_middleware(ArrivalMiddleware, trusted=settings.trusted_proxies)
    return app
