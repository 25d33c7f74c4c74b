"""The FastAPI application: routes, error responses, API keys."""

from typing import Final

from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

from perdure.api import agents, approvals, control, events, goals, health, pages
from perdure.api.dependencies import ApiState
from perdure.api.keys import ApiKeyMiddleware
from perdure.api.openapi import ApiWithAgentSchemas
from perdure.api.problems import add_problem_handlers
from perdure.settings import Settings
from perdure.temporal.client.goal_service import GoalService
from perdure.version import core_version

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class RefusedAddress(Exception):
    """The API would listen on the network without a key."""


def create_app(service: GoalService, settings: Settings) -> FastAPI:
    """Return the application.

    Args:
        service: Starts and cancels goals; the routes read its stores.
        settings: The API keys.
    """
    app = ApiWithAgentSchemas(
        title="Perdure",
        version=core_version(),
        description="Hand in goals, follow them, take their results.",
    )
    app.state.perdure = ApiState(service)
    add_problem_handlers(app)
    for module in (goals, control, approvals, events, agents, health, pages):
        app.include_router(module.router)
    if settings.api_keys:
        app.add_middleware(ApiKeyMiddleware, digests=settings.api_keys)
    else:
        # Without keys only this machine may send requests; a page elsewhere that resolves its own
        # name to this machine (DNS rebinding) must not.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, "[::1]"])

    return app


def check_address(settings: Settings) -> None:
    """Check that the API does not listen on the network without keys.

    Raises:
        RefusedAddress: It would.
    """
    if settings.host not in LOOPBACK and not settings.api_keys:
        raise RefusedAddress(
            f"the API does not listen on {settings.host} without keys: make one with perdure api"
            " --new-key and set PERDURE_API_KEYS, or leave PERDURE_HOST at 127.0.0.1"
        )
