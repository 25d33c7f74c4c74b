"""Errors as ``application/problem+json`` (RFC 9457), each of a type, naming the field at fault."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from perdure.agents.parameters import ParametersRefused
from perdure.agents.plugins.registry import UnknownAgent
from perdure.agents.steps.errors import PolicyDenied
from perdure.api.access.errors import (
    AnothersMetrics,
    AnothersName,
    AnothersPayloads,
    ProviderUnavailable,
    ScopeMissing,
    Unauthenticated,
)
from perdure.api.access.quotas import TooManyRequests
from perdure.api.problems.answers import MEDIA_TYPE
from perdure.api.problems.types import ProblemType
from perdure.api.routes.dependencies import StreamsFull
from perdure.redaction import without_secrets
from perdure.schemas.problems import FieldProblem, Problem
from perdure.stores import StoreUnavailable, UnknownArtifact, UnknownGoal
from perdure.stores.database.errors import (
    AmbiguousName,
    DigestMismatch,
    InputRefused,
    KeyConflict,
    NoResultYet,
    NotAsked,
    RunEnded,
    RunNotEnded,
    StateConflict,
    StepNotSettled,
    UnknownApproval,
    UnknownBatch,
    UnknownKey,
    UnknownStep,
    UnknownUpload,
    UploadTooLarge,
    VoteRefused,
)
from perdure.temporal.client.callback_urls import CallbackRefused
from perdure.temporal.client.connection import TemporalUnavailable
from perdure.temporal.schedules.errors import ScheduleExists, UnknownSchedule

# The type of what is raised below the routes; of a class that is not here, that of its base.
_TYPES: Final[Mapping[type[Exception], ProblemType]] = {
    AmbiguousName: ProblemType.AMBIGUOUS_NAME,
    DigestMismatch: ProblemType.DIGEST_MISMATCH,
    AnothersMetrics: ProblemType.FORBIDDEN,
    AnothersName: ProblemType.FORBIDDEN,
    AnothersPayloads: ProblemType.FORBIDDEN,
    InputRefused: ProblemType.INVALID_REQUEST,
    KeyConflict: ProblemType.KEY_CONFLICT,
    NoResultYet: ProblemType.NO_RESULT_YET,
    NotAsked: ProblemType.NOT_ASKED,
    PolicyDenied: ProblemType.POLICY_DENIED,
    ProviderUnavailable: ProblemType.IDENTITY_PROVIDER_UNAVAILABLE,
    RunEnded: ProblemType.RUN_ENDED,
    RunNotEnded: ProblemType.RUN_NOT_ENDED,
    ScheduleExists: ProblemType.SCHEDULE_EXISTS,
    ScopeMissing: ProblemType.SCOPE_MISSING,
    StateConflict: ProblemType.STATE_CONFLICT,
    StepNotSettled: ProblemType.STEP_NOT_SETTLED,
    StoreUnavailable: ProblemType.STORES_UNAVAILABLE,
    StreamsFull: ProblemType.TOO_MANY_READERS,
    TemporalUnavailable: ProblemType.TEMPORAL_UNAVAILABLE,
    Unauthenticated: ProblemType.UNAUTHORIZED,
    TooManyRequests: ProblemType.TOO_MANY_REQUESTS,
    UnknownApproval: ProblemType.UNKNOWN_APPROVAL,
    UnknownBatch: ProblemType.UNKNOWN_BATCH,
    UnknownArtifact: ProblemType.UNKNOWN_ARTIFACT,
    UnknownGoal: ProblemType.UNKNOWN_GOAL,
    UnknownKey: ProblemType.UNKNOWN_KEY,
    UnknownSchedule: ProblemType.UNKNOWN_SCHEDULE,
    UnknownStep: ProblemType.UNKNOWN_STEP,
    UnknownUpload: ProblemType.UNKNOWN_UPLOAD,
    UploadTooLarge: ProblemType.UPLOAD_TOO_LARGE,
    VoteRefused: ProblemType.VOTE_REFUSED,
}
# Of what the framework raises, by status.
_OF_STATUS: Final = {
    400: ProblemType.MALFORMED_REQUEST,
    401: ProblemType.UNAUTHORIZED,
    403: ProblemType.FORBIDDEN,
    404: ProblemType.UNKNOWN_ROUTE,
    405: ProblemType.METHOD_NOT_ALLOWED,
    408: ProblemType.BODY_TOO_SLOW,
    413: ProblemType.BODY_TOO_LARGE,
}
_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_RETRY_SECONDS: Final = "5"
# Who corrects these sees the next ones: a body may be wrong in a million places.
_MAX_FIELD_PROBLEMS: Final = 50


def problem(
    kind: ProblemType, detail: str, errors: list[FieldProblem] | None = None
) -> JSONResponse:
    """Return an error as a response."""
    return _response(kind.uri, kind.title, kind.status, detail, errors)


def type_of(error: Exception) -> ProblemType:
    """Return the type of an error that is raised below the routes."""
    return next(_TYPES[class_] for class_ in type(error).__mro__ if class_ in _TYPES)


def add_problem_handlers(app: FastAPI) -> None:
    """Make an application respond to every error of Perdure with a problem."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ParametersRefused, _parameters)
    app.add_exception_handler(UnknownAgent, _unknown_agent)
    app.add_exception_handler(CallbackRefused, _callback)
    for class_ in _TYPES:
        app.add_exception_handler(class_, _known)
    app.add_exception_handler(Exception, _unexpected)


async def _known(_: Request, error: Exception) -> JSONResponse:
    kind = type_of(error)
    # A LookupError shows itself in quotation marks.
    detail = error.args[0] if isinstance(error, LookupError) else error
    response = problem(kind, str(detail))
    if kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = _RETRY_SECONDS
    if isinstance(error, TooManyRequests):
        response.headers["Retry-After"] = str(error.retry_after)
    if kind is ProblemType.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = [
        FieldProblem(field=_field(item["loc"]), message=_message(item))
        for item in error.errors()[:_MAX_FIELD_PROBLEMS]
    ]
    detail = "; ".join(f"{item.field}: {item.message}" for item in problems)
    return problem(ProblemType.INVALID_REQUEST, detail, problems)


def _field(location: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in location[1:]) or str(location[0])


def _message(item: dict[str, object]) -> str:
    if item["type"] == "json_invalid":
        return "the body is not JSON"
    return str(item["msg"]).removeprefix("Value error, ")


async def _parameters(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ParametersRefused)
    problems = [
        FieldProblem(field=f"parameters.{item.name}", message=item.message)
        for item in error.problems
    ]
    return problem(ProblemType.INVALID_PARAMETERS, str(error), problems)


async def _unknown_agent(_: Request, error: Exception) -> JSONResponse:
    wrong = FieldProblem(field="agent_type", message=str(error))
    return problem(ProblemType.UNKNOWN_AGENT, f"agent_type: {error}", [wrong])


async def _callback(_: Request, error: Exception) -> JSONResponse:
    wrong = FieldProblem(field="callback_url", message=str(error))
    return problem(ProblemType.CALLBACK_REFUSED, f"callback_url: {error}", [wrong])


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = _OF_STATUS.get(error.status_code)
    if kind is None:
        phrase = HTTPStatus(error.status_code).phrase
        response = _response("about:blank", phrase, error.status_code, str(error.detail))
    else:
        response = problem(kind, str(error.detail))
    response.headers.update(error.headers or {})
    if kind is ProblemType.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(_methods_at(request))
    return response


def _methods_at(request: Request) -> list[str]:
    """Return the methods that some route takes at a request's path: each knows its own alone."""
    return [
        method
        for method in _METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]


async def _unexpected(_: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    # The server logs the error; what it says may be nobody's business outside.
    detail = "the server failed to answer: see the API's log, and send the request again"
    return problem(ProblemType.INTERNAL_ERROR, detail)


def _response(
    type_: str, title: str, status: int, detail: str, errors: list[FieldProblem] | None = None
) -> JSONResponse:
    # What was sent is often repeated, and a key may have been sent in the wrong place.
    fields = [
        FieldProblem(
            field=without_secrets(item.field, ()), message=without_secrets(item.message, ())
        )
        for item in errors or ()
    ]
    sentence = without_secrets(detail, ())
    body = Problem(type=type_, title=title, status=status, detail=sentence, errors=fields)
    return JSONResponse(body.model_dump(), status, media_type=MEDIA_TYPE)
