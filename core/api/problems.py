"""Errors as ``application/problem+json`` (RFC 9457), each naming the field it is about."""

from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from perdure.agents.parameters import ParametersRefused
from perdure.agents.plugins.registry import UnknownAgent
from perdure.stores import StoreUnavailable, UnknownArtifact, UnknownGoal
from perdure.stores.database.errors import InputRefused, NotAsked, StateConflict, UnknownApproval
from perdure.temporal.client.connection import TemporalUnavailable

MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """What is wrong with one field of a request.

    Attributes:
        field: Its name, with dots where it is nested, such as ``parameters.depth``.
        message: What is wrong.
    """

    field: str
    message: str


class Problem(BaseModel):
    """The body of an error response, of every route.

    Attributes:
        type: Always ``about:blank``: the title says it.
        title: The status in words.
        status: The HTTP status.
        detail: One sentence: what happened, to which thing, what to do next.
        errors: What is wrong with which field, when the request is at fault.
    """

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []


# Error responses of several routes, for the OpenAPI document.
UNKNOWN_RUN: Final = {"model": Problem, "description": "There is no such run"}
UNAVAILABLE: Final = {
    "model": Problem,
    "description": "Temporal or the stores do not respond",
}


def problem(
    status: int, title: str, detail: str, errors: list[FieldProblem] | None = None
) -> JSONResponse:
    """Return an error as a response."""
    body = Problem(title=title, status=status, detail=detail, errors=errors or [])
    return JSONResponse(body.model_dump(), status, media_type=MEDIA_TYPE)


def add_problem_handlers(app: FastAPI) -> None:
    """Make an application respond to every error of Perdure with a problem."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ParametersRefused, _parameters)
    app.add_exception_handler(UnknownAgent, _unknown_agent)
    app.add_exception_handler(UnknownGoal, _not_found)
    app.add_exception_handler(UnknownArtifact, _not_found)
    app.add_exception_handler(UnknownApproval, _not_found)
    app.add_exception_handler(StateConflict, _conflict)
    app.add_exception_handler(NotAsked, _forbidden)
    app.add_exception_handler(InputRefused, _input)
    app.add_exception_handler(TemporalUnavailable, _unavailable)
    app.add_exception_handler(StoreUnavailable, _unavailable)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = [
        FieldProblem(field=_field(item["loc"]), message=_message(item)) for item in error.errors()
    ]
    return _unprocessable(problems)


def _field(location: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in location[1:]) or str(location[0])


def _message(item: dict[str, object]) -> str:
    if item["type"] == "json_invalid":
        return "the body is not JSON"
    return str(item["msg"]).removeprefix("Value error, ")


def _unprocessable(problems: list[FieldProblem]) -> JSONResponse:
    detail = "; ".join(f"{item.field}: {item.message}" for item in problems)
    return problem(422, "Unprocessable Content", detail, problems)


async def _parameters(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ParametersRefused)
    problems = [
        FieldProblem(field=f"parameters.{item.name}", message=item.message)
        for item in error.problems
    ]
    return problem(422, "Unprocessable Content", str(error), problems)


async def _unknown_agent(_: Request, error: Exception) -> JSONResponse:
    return _unprocessable([FieldProblem(field="agent_type", message=str(error))])


async def _not_found(_: Request, error: Exception) -> JSONResponse:
    return problem(404, "Not Found", str(error.args[0]))


async def _conflict(_: Request, error: Exception) -> JSONResponse:
    return problem(409, "Conflict", str(error))


async def _forbidden(_: Request, error: Exception) -> JSONResponse:
    return problem(403, "Forbidden", str(error))


async def _input(_: Request, error: Exception) -> JSONResponse:
    return problem(422, "Unprocessable Content", str(error))


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    response = problem(503, "Service Unavailable", str(error))
    response.headers["Retry-After"] = "5"
    return response


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    response = problem(error.status_code, HTTPStatus(error.status_code).phrase, str(error.detail))
    response.headers.update(error.headers or {})
    return response
