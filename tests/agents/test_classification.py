"""What kind of failure an error is, whichever library raised it."""

import email.message
import socket
import urllib.error
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
import openai
import pytest
from pydantic_ai import exceptions as pydantic_ai

from perdure.agents.steps.classification import MAX_RETRY_AFTER, classify, retry_after_in
from perdure.agents.steps.errors import (
    BudgetExceeded,
    InputError,
    PermanentError,
    StepFailed,
    Throttled,
    TransientError,
    failure_from,
    known_failure,
)
from perdure.agents.steps.keys import StepKey
from perdure.models import Failure, FailureKind

KEY: Final = StepKey("s", "d", 0)
PERMANENT, TRANSIENT, THROTTLED = (
    FailureKind.PERMANENT,
    FailureKind.TRANSIENT,
    FailureKind.THROTTLED,
)
NOW: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def of_httpx(status: int, headers: dict[str, str] | None = None) -> httpx.HTTPStatusError:
    request = httpx.Request("GET", "http://127.0.0.1/")
    response = httpx.Response(status, headers=headers, request=request)
    return httpx.HTTPStatusError(f"{status}", request=request, response=response)


def of_openai(
    status: int, headers: dict[str, str] | None = None, code: str | None = None
) -> openai.APIStatusError:
    response = of_httpx(status, headers).response
    body = {"code": code}
    return openai.APIStatusError(f"{status}", response=response, body=body)  # type: ignore[arg-type] # another httpx


def of_urllib(status: int, headers: dict[str, str] | None = None) -> urllib.error.HTTPError:
    fields = email.message.Message()
    for name, value in (headers or {}).items():
        fields[name] = value
    return urllib.error.HTTPError("http://127.0.0.1/", status, "no", fields, None)


def of_pydantic_ai(
    status: int, headers: dict[str, str] | None = None
) -> pydantic_ai.ModelHTTPError:
    return pydantic_ai.ModelHTTPError(status, "m", headers=headers)


@pytest.mark.parametrize("made", [of_httpx, of_openai, of_urllib, of_pydantic_ai])
@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, PERMANENT), (401, PERMANENT), (402, PERMANENT), (403, PERMANENT), (404, PERMANENT),
     (413, PERMANENT), (422, PERMANENT), (408, TRANSIENT), (409, TRANSIENT), (425, TRANSIENT),
     (429, THROTTLED), (500, TRANSIENT), (502, TRANSIENT), (503, TRANSIENT), (529, TRANSIENT)],
)  # fmt: skip
def test_http_statuses(made: type, status: int, kind: FailureKind) -> None:
    failure = failure_from(made(status))
    assert (failure.kind, failure.permanent) == (kind, kind == PERMANENT)
    assert failure.status == status
    assert known_failure(made(status)) is not None


@pytest.mark.parametrize("made", [of_httpx, of_openai, of_urllib, of_pydantic_ai])
def test_retry_after_is_found_in_the_headers(made: type) -> None:
    assert failure_from(made(429, {"Retry-After": "7"})).retry_after == 7.0
    assert failure_from(made(429, {"retry-after-ms": "1500"})).retry_after == 1.5
    busy = failure_from(made(503, {"retry-after": "30"}))
    assert (busy.kind, busy.retry_after) == (THROTTLED, 30.0)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "0"}, 0.0),
        ({"RETRY-AFTER": " 2.5 "}, 2.5),
        ({"Retry-After": "Fri, 02 Jan 2026 03:04:35 GMT"}, 30.0),
        ({"Retry-After": "Fri, 02 Jan 2026 03:04:00 GMT"}, 0.0),
        ({"Retry-After": "1e12"}, MAX_RETRY_AFTER),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": ""}, None),
        ({"retry-after-ms": "x", "Retry-After": "3"}, 3.0),
        ({}, None),
    ],
)
def test_what_a_retry_after_says(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_in(headers, now=lambda: NOW) == seconds


def test_a_date_is_counted_from_now() -> None:
    later = (NOW + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    known = classify(of_httpx(429, {"Retry-After": later}), now=lambda: NOW)
    assert known is not None
    assert known.retry_after == 3_600.0


def test_a_used_up_quota_is_permanent() -> None:
    assert failure_from(of_openai(429, code="insufficient_quota")).kind == PERMANENT
    assert failure_from(of_openai(429, code="rate_limit_exceeded")).kind == THROTTLED
    quota = pydantic_ai.ModelHTTPError.for_category(
        pydantic_ai.ModelQuotaExceededError, status_code=429, model_name="m", body=None
    )
    assert failure_from(quota).kind == PERMANENT


def test_a_refused_key_is_named() -> None:
    assert "refuses the key (HTTP 401)" in failure_from(of_openai(401)).message
    assert "refuses the key (HTTP 403)" in failure_from(of_pydantic_ai(403)).message


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError("gone"),
        TimeoutError(),
        socket.gaierror("no such host"),
        urllib.error.URLError(ConnectionRefusedError("no")),
        httpx.ConnectError("no"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("half"),
        openai.APIConnectionError(request=None),  # type: ignore[arg-type] # not looked at
        pydantic_ai.ModelConnectionError("m", "gone"),
        pydantic_ai.ModelTimeoutError("m", "slow"),
        pydantic_ai.ModelRequestTimeout("m", 3.0),
        pydantic_ai.ModelAPIError("m", "Failed to decode response as JSON"),
        TransientError("once more"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_lost_connections_are_transient(error: Exception) -> None:
    failure = known_failure(error)
    assert failure is not None
    assert (failure.kind, failure.permanent) == (TRANSIENT, False)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (PermanentError("no"), PERMANENT),
        (InputError("no file"), PERMANENT),
        (BudgetExceeded("nothing left"), FailureKind.BUDGET),
        (pydantic_ai.ContentFilterError("refused"), PERMANENT),
        (pydantic_ai.UsageLimitExceeded("too many"), PERMANENT),
        (pydantic_ai.UserError("no key"), PERMANENT),
        (httpx.UnsupportedProtocol("gopher"), PERMANENT),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_helped(error: Exception, kind: FailureKind) -> None:
    failure = failure_from(error)
    assert (failure.kind, failure.permanent) == (kind, True)


def test_throttled_says_how_long() -> None:
    failure = failure_from(Throttled("busy", retry_after=12))
    assert (failure.kind, failure.retry_after, failure.permanent) == (THROTTLED, 12, False)
    assert Throttled("busy", retry_after=float("nan")).retry_after is None


@pytest.mark.parametrize("error", [ValueError("a bug"), RuntimeError(), KeyError("k"), OSError(2)])
def test_what_is_unknown_is_transient_and_not_recognised(error: Exception) -> None:
    assert known_failure(error) is None
    assert failure_from(error).kind == TRANSIENT
    assert not failure_from(error).permanent


class WithOddAttributes(Exception):
    status = "gone"
    status_code = 99
    code = 404
    response = object()
    retry_after = "soon"
    headers = 3


def test_attributes_that_only_look_like_a_status_do_not_count() -> None:
    assert known_failure(WithOddAttributes()) is None


def test_an_error_counts_as_what_it_was_raised_from() -> None:
    error = RuntimeError("no report")
    error.__cause__ = of_httpx(429, {"Retry-After": "9"})
    failure = failure_from(error)
    assert (failure.type, failure.message) == ("RuntimeError", "no report")
    assert (failure.kind, failure.retry_after) == (THROTTLED, 9.0)


def test_an_error_that_merely_happened_meanwhile_does_not_count() -> None:
    error = KeyError("a bug")
    error.__context__ = of_httpx(404)
    assert known_failure(error) is None


def test_a_circle_of_causes_ends() -> None:
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    assert known_failure(first) is None


def test_a_failed_step_counts_as_what_failed() -> None:
    inner = Failure(type="X", message="busy", kind=THROTTLED, retry_after=5)
    assert failure_from(StepFailed(KEY, inner)) == inner
    outer = RuntimeError("because of it")
    outer.__cause__ = StepFailed(KEY, inner)
    assert (failure_from(outer).kind, failure_from(outer).retry_after) == (THROTTLED, 5)


@pytest.mark.parametrize(
    ("errors", "kind", "retry_after"),
    [
        ([InputError("a"), InputError("b")], PERMANENT, None),
        ([InputError("a"), BudgetExceeded("b")], FailureKind.BUDGET, None),
        ([Throttled("a", 3), Throttled("b", 9)], THROTTLED, 9),
        # Waiting costs no attempt, so a branch that fails by itself must not hide behind it.
        ([Throttled("a", 3), ValueError("b")], TRANSIENT, 3),
        ([Throttled("a", 3), InputError("b")], TRANSIENT, 3),
        ([InputError("a"), ValueError("b")], TRANSIENT, None),
    ],
)
def test_several_failures(
    errors: list[Exception], kind: FailureKind, retry_after: float | None
) -> None:
    failure = failure_from(ExceptionGroup("several", errors))
    assert (failure.kind, failure.retry_after) == (kind, retry_after)
    assert failure.permanent == (kind in {PERMANENT, FailureKind.BUDGET})


def test_a_chain_of_models_goes_on_as_soon_as_one_of_them_can() -> None:
    down = pydantic_ai.ModelConnectionError("a", "down")
    busy = pydantic_ai.ModelHTTPError(429, "b", headers={"retry-after": "20"})
    busier = pydantic_ai.ModelHTTPError(429, "c", headers={"retry-after": "90"})
    refused = pydantic_ai.ModelHTTPError(401, "d")
    group = pydantic_ai.FallbackExceptionGroup("all", [down, busy, busier, refused])
    assert (failure_from(group).kind, failure_from(group).retry_after) == (THROTTLED, 20.0)
    assert failure_from(pydantic_ai.FallbackExceptionGroup("all", [down, refused])).kind == (
        TRANSIENT
    )
    assert failure_from(pydantic_ai.FallbackExceptionGroup("all", [refused])).permanent


def test_a_failure_stays_small() -> None:
    failure = failure_from(pydantic_ai.ModelHTTPError(401, "m", body="x" * 100_000))
    assert len(failure.model_dump_json()) < 5_000
