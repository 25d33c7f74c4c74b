"""What kind of failure another library's error is, without importing that library.

HTTP clients, model libraries and the standard library each have errors of their own. Alike are the
places where they keep what matters: a status on the error or on its ``response``, headers beside
it, class names for what went wrong before there was any status.
"""

import math
import urllib.error
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from perdure.models import FailureKind

MAX_RETRY_AFTER: Final = 86_400.0

_UNAUTHORIZED: Final = frozenset({401, 403})
_TRANSIENT: Final = frozenset({408, 409, 423, 425})
_TOO_MANY_REQUESTS: Final = 429
# What providers say of an account without money or a used-up daily quota; waiting does not help.
_QUOTA_EXHAUSTED: Final = (
    "insufficient_quota",
    "billing_hard_limit",
    "billing_error",
    "credit balance",
)

# Class names by the library's top-level module; a name counts for subclasses as well.
_KINDS_BY_CLASS_NAME: Final[Mapping[str, Mapping[str, FailureKind]]] = {
    "pydantic_ai": {
        "ModelQuotaExceededError": FailureKind.PERMANENT,
        "ModelRequestRejectedError": FailureKind.PERMANENT,
        "ContentFilterError": FailureKind.PERMANENT,
        "UsageLimitExceeded": FailureKind.PERMANENT,
        "UserError": FailureKind.PERMANENT,
        "ModelRateLimitError": FailureKind.THROTTLED,
        "ModelUnavailableError": FailureKind.TRANSIENT,
        "ModelServerError": FailureKind.TRANSIENT,
        "ModelConnectionError": FailureKind.TRANSIENT,
        "ModelRequestTimeout": FailureKind.TRANSIENT,
        "ModelAPIError": FailureKind.TRANSIENT,  # a response that could not be read
    },
    "openai": {"APIConnectionError": FailureKind.TRANSIENT},
    "anthropic": {"APIConnectionError": FailureKind.TRANSIENT},
    "httpx": {
        "UnsupportedProtocol": FailureKind.PERMANENT,
        "TransportError": FailureKind.TRANSIENT,
    },
    "httpx2": {
        "UnsupportedProtocol": FailureKind.PERMANENT,
        "TransportError": FailureKind.TRANSIENT,
    },
    "httpcore": {
        "NetworkError": FailureKind.TRANSIENT,
        "TimeoutException": FailureKind.TRANSIENT,
        "RemoteProtocolError": FailureKind.TRANSIENT,
    },
    "requests": {
        "ConnectionError": FailureKind.TRANSIENT,
        "Timeout": FailureKind.TRANSIENT,
        "ChunkedEncodingError": FailureKind.TRANSIENT,
    },
    "aiohttp": {
        "ClientConnectionError": FailureKind.TRANSIENT,
        "ClientPayloadError": FailureKind.TRANSIENT,
    },
    "urllib3": {
        "NewConnectionError": FailureKind.TRANSIENT,
        "ProtocolError": FailureKind.TRANSIENT,
        "TimeoutError": FailureKind.TRANSIENT,
    },
    "http": {"IncompleteRead": FailureKind.TRANSIENT},
    "socket": {"gaierror": FailureKind.TRANSIENT},
    "anyio": {
        "BrokenResourceError": FailureKind.TRANSIENT,
        "ClosedResourceError": FailureKind.TRANSIENT,
        "EndOfStream": FailureKind.TRANSIENT,
    },
}


@dataclass(frozen=True, slots=True)
class Classification:
    """What is known about another library's error.

    Attributes:
        kind: What kind of failure it is.
        status: The HTTP status, where there was one.
        retry_after: Seconds that the service asks to wait.
        credentials_refused: Whether the credentials were refused.
    """

    kind: FailureKind
    status: int | None = None
    retry_after: float | None = None
    credentials_refused: bool = False


def _now() -> datetime:
    return datetime.now(UTC)


def classify(error: BaseException, *, now: Callable[[], datetime] = _now) -> Classification | None:
    """Return what is known about one error; its causes are not looked at.

    Args:
        error: Any error.
        now: Returns the time in UTC, from which a date in ``Retry-After`` is counted.

    Returns:
        ``None`` when nothing is known about it.
    """
    status = _status_of(error)
    if status is not None:
        return _classify_status(error, status, now)
    if isinstance(error, ConnectionError | TimeoutError):
        return Classification(FailureKind.TRANSIENT, retry_after=_retry_after(error, now))
    for ancestor in type(error).__mro__:
        names = _KINDS_BY_CLASS_NAME.get(ancestor.__module__.partition(".")[0], {})
        kind = names.get(ancestor.__name__)
        if kind is not None:
            credentials_refused = ancestor.__name__ == "ModelAuthenticationError"
            return Classification(kind, None, _retry_after(error, now), credentials_refused)
    return None


def cause_of(error: BaseException) -> BaseException | None:
    """Return the error that another one was raised from, if there is one."""
    if error.__cause__ is None and isinstance(error, urllib.error.URLError):
        return error.reason if isinstance(error.reason, BaseException) else None
    return error.__cause__


def retry_after_in(
    headers: Mapping[str, str], *, now: Callable[[], datetime] = _now
) -> float | None:
    """Return the seconds that response headers ask to wait, at most a day.

    Args:
        headers: ``retry-after-ms`` (milliseconds) or ``Retry-After`` (seconds, or a date), in any
            case.
        now: Returns the time in UTC.

    Returns:
        ``None`` when they do not say, or say nothing sensible.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    milliseconds = _number(lowered.get("retry-after-ms"))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    value = lowered.get("retry-after")
    seconds = _number(value)
    if seconds is not None:
        return _bounded(seconds)
    try:
        date = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    date = date.replace(tzinfo=UTC) if date.tzinfo is None else date
    return _bounded(max(0.0, (date - now()).total_seconds()))


def _classify_status(
    error: BaseException, status: int, now: Callable[[], datetime]
) -> Classification | None:
    retry_after = _retry_after(error, now)
    if status == _TOO_MANY_REQUESTS:
        kind = FailureKind.PERMANENT if _is_quota_exhausted(error) else FailureKind.THROTTLED
    elif status >= 500:
        # A server error that names a time asks to wait, whatever the status.
        kind = FailureKind.THROTTLED if retry_after is not None else FailureKind.TRANSIENT
    elif status in _TRANSIENT:
        kind = FailureKind.TRANSIENT
    elif status >= 400:
        kind = FailureKind.PERMANENT
    else:
        return None
    return Classification(kind, status, retry_after, credentials_refused=status in _UNAUTHORIZED)


def _status_of(error: BaseException) -> int | None:
    response: object = getattr(error, "response", None)
    candidates: list[object] = [
        getattr(error, "status_code", None),
        getattr(error, "status", None),
        getattr(response, "status_code", None),
        getattr(response, "status", None),
    ]
    if isinstance(error, urllib.error.HTTPError):
        candidates.append(error.code)
    if isinstance(response, Mapping):
        metadata = response.get("ResponseMetadata")
        if isinstance(metadata, Mapping):
            candidates.append(metadata.get("HTTPStatusCode"))
    for candidate in candidates:
        if type(candidate) is int and 100 <= candidate < 600:
            return candidate
    return None


def _retry_after(error: BaseException, now: Callable[[], datetime]) -> float | None:
    attribute: object = getattr(error, "retry_after", None)
    if isinstance(attribute, int | float) and not isinstance(attribute, bool):
        return _bounded(float(attribute))
    response: object = getattr(error, "response", None)
    for holder in (error, response):
        headers: object = getattr(holder, "headers", None)
        items: object = getattr(headers, "items", None)
        if not callable(items):
            continue
        texts = {str(name): str(value) for name, value in items()}
        seconds = retry_after_in(texts, now=now)
        if seconds is not None:
            return seconds
    return None


def _is_quota_exhausted(error: BaseException) -> bool:
    if any(ancestor.__name__ == "ModelQuotaExceededError" for ancestor in type(error).__mro__):
        return True
    details = " ".join(
        str(getattr(error, name, "")) for name in ("code", "type", "provider_error_code", "body")
    )
    return any(word in f"{details} {error}" for word in _QUOTA_EXHAUSTED)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


def _bounded(seconds: float) -> float | None:
    if not math.isfinite(seconds) or seconds < 0:
        return None
    return min(seconds, MAX_RETRY_AFTER)
