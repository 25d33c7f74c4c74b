"""Errors as pages, for people whose browser asked for one."""

import inspect
import json
from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from perdure.web.rendering.pages import render_page

# Where programs ask, whatever they say they accept.
_PROGRAMS: Final = ("/api/", "/static/", "/openapi.json", "/healthz", "/readyz", "/metrics")


def show_problems_as_pages(app: FastAPI) -> None:
    """Let an application answer browsers with a page where it answers programs with a problem."""
    for kind, handler in list(app.exception_handlers.items()):
        app.add_exception_handler(kind, _as_page(handler))


def _as_page(handler: Callable[..., Any]) -> Callable[[Request, Exception], Any]:
    async def handle(request: Request, error: Exception) -> Response:
        response = handler(request, error)
        if inspect.isawaitable(response):
            response = await response
        assert isinstance(response, Response)
        if isinstance(response, JSONResponse) and _wants_page(request):
            return problem_page(request, response)
        return response

    return handle


def _wants_page(request: Request) -> bool:
    return (
        "text/html" in request.headers.get("accept", "")
        and "hx-request" not in request.headers
        and not request.url.path.startswith(_PROGRAMS)
    )


def problem_page(request: Request, response: JSONResponse) -> Response:
    """Return the page that says what a problem says, with its status and headers."""
    body = json.loads(bytes(response.body))
    page = render_page(request, "problem", {"problem": body}, response.status_code)
    for name, value in response.headers.items():
        if name not in {"content-length", "content-type"}:
            page.headers.setdefault(name, value)
    return page
