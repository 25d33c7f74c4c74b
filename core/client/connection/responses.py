"""Responses: what they are read as, and the errors that are raised of them."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import TypeVar

from pydantic import ValidationError

from perdure.client.connection.errors import ApiError, UnexpectedResponse, error_of
from perdure.client.requests.request import Request
from perdure.schemas.problems import Problem

T = TypeVar("T")


def is_error(request: Request[T], status: int) -> bool:
    """Return whether a status says that the request was not done."""
    return not 200 <= status < 300 and status not in request.statuses


def value_of(request: Request[T], url: str, body: bytes) -> T:
    """Return what a response's body is read as.

    Raises:
        UnexpectedResponse: It is no such value.
    """
    try:
        return request.parse(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise UnexpectedResponse(
            f"{url} answered something that is no answer of this API ({place}: {first['msg']}):"
            " check the server's address and its version"
        ) from error


def error_from(
    url: str, status: int, headers: Mapping[str, str], body: bytes
) -> ApiError | UnexpectedResponse:
    """Return the error that a response stands for."""
    if 300 <= status < 400:
        there = headers.get("location", "elsewhere")
        return UnexpectedResponse(
            f"{url} is not where the API is, it points to {there}: give that server's address"
        )
    return error_of(
        _problem(url, status, body),
        retry_after=_seconds(headers.get("retry-after")),
        request_id=headers.get("x-request-id", ""),
    )


def _problem(url: str, status: int, body: bytes) -> Problem:
    try:
        return Problem.model_validate_json(body, extra="ignore")
    except ValidationError:  # a proxy's page, or that of another server
        phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "an unknown status"
        return Problem(
            type="about:blank",
            title=phrase,
            status=status,
            detail=f"{url} answered {status} ({phrase}) without saying why: check the server's"
            " address, and what stands in front of it",
        )


def _seconds(field: str | None) -> float | None:
    try:
        seconds = float(field) if field is not None else None
    except ValueError:  # a date, which this API does not send
        return None
    return seconds if seconds is not None and math.isfinite(seconds) and seconds >= 0 else None
