"""The application: routes, problems, keys."""

from importlib.metadata import version
from typing import Final

from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

from perdure.api import agents, approvals, control, events, goals, health, pages
from perdure.api.dependencies import ApiState
from perdure.api.keys import KeyCheck
from perdure.api.openapi import DescribedApi
from perdure.api.problems import add_problem_handlers
from perdure.settings import Settings
from perdure.temporal.client.goal_service import GoalService

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class RefusedAddress(Exception):
    """The API would be open to the network without a key."""


def create_app(service: GoalService, settings: Settings) -> FastAPI:
    """Return the application.

    Args:
        service: Starts and cancels goals; its stores are what is read.
        settings: The keys.
    """
    app = DescribedApi(
        title="Perdure",
        version=version("perdure"),
        description="Hand in goals, follow them, take their results.",
    )
    app.state.perdure = ApiState(service)
    add_problem_handlers(app)
    for part in (goals, control, approvals, events, agents, health, pages):
        app.include_router(part.router)
    if settings.api_keys:
        app.add_middleware(KeyCheck, digests=settings.api_keys)
    else:
        # Without keys only this machine may ask; a page elsewhere that resolves its own name to
        # this machine must not.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, "[::1]"])

    return app


def check_address(settings: Settings) -> None:
    """See that the API is not opened to the network without keys.

    Raises:
        RefusedAddress: It would be.
    """
    if settings.host not in LOOPBACK and not settings.api_keys:
        raise RefusedAddress(
            f"the API does not listen on {settings.host} without keys: make one with perdure api"
            " --new-key and set PERDURE_API_KEYS, or leave PERDURE_HOST at 127.0.0.1"
        )
