"""The whole application: the API, and the pages on top of it."""

from typing import Final

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse

from perdure.api.app import create_app
from perdure.api.problems.types import ProblemType
from perdure.api.routes.problems import problem
from perdure.settings import Settings
from perdure.temporal.client.goal_service import GoalService
from perdure.web.batches import control as batch_control
from perdure.web.batches import pages as batch_pages
from perdure.web.forms.forgery import ForgedForm, sent_by_own_page
from perdure.web.goals import again, control, files, pages
from perdure.web.rendering.problem_pages import show_problems_as_pages
from perdure.web.routes import (
    agents,
    approvals,
    audit,
    choose,
    goals,
    home,
    keys,
    schedules,
    sign_in,
    start,
    static,
    usage,
    workers,
)
from perdure.web.routes.frame import load_frame

_PAGES: Final = (
    home, agents, approvals, choose, start, goals, pages, control, again,
    batch_pages, batch_control, schedules, workers, usage, keys, audit,
)  # fmt: skip


def create_site(service: GoalService, settings: Settings) -> FastAPI:
    """Return the API with the pages.

    Args:
        service: Starts and cancels goals; the routes read its stores.
        settings: The API keys, and where traces can be looked at.
    """
    app = create_app(service, settings)
    app.state.trace_address = settings.trace_address
    app.add_exception_handler(ForgedForm, _forged)
    show_problems_as_pages(app)
    own = Depends(sent_by_own_page)
    for page in _PAGES:
        app.include_router(page.router, dependencies=[own, Depends(load_frame)])
    app.include_router(files.router)
    app.include_router(sign_in.router, dependencies=[own])
    app.include_router(static.router)
    return app


async def _forged(_: Request, error: Exception) -> JSONResponse:
    return problem(ProblemType.FORBIDDEN, str(error))
