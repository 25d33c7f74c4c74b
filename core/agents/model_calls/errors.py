"""The error of a failed model request: a failed step that is also pydantic-ai's own error.

A fallback chain, or an agent's own code, catches pydantic-ai's errors and goes on with another
model. It must do the same in a later execution, when nothing is left of the original error but the
journaled failure.
"""

from typing import Final

from pydantic_ai import exceptions
from pydantic_ai.exceptions import ModelAPIError, ModelConnectionError, ModelHTTPError

from perdure.agents.steps.errors import StepFailed, failed_step, failure_from, known_failure
from perdure.agents.steps.keys import StepKey
from perdure.models import Failure, FailureKind

# Errors of Perdure that another provider may well not cause.
_PROVIDER_FAILURES: Final = frozenset({"ProviderDown", "Throttled", "TransientError"})
_RETRYABLE: Final = frozenset({FailureKind.TRANSIENT, FailureKind.THROTTLED})


class RequestFailed(StepFailed):
    """A model request failed; it is also a ``ModelAPIError``, and a ``ModelHTTPError`` if it was.

    Attributes:
        model_name: The model that was asked.
        status_code: The HTTP status; ``None`` where there was none.
        retry_after: Seconds that the provider asked to wait.
    """

    # The other attributes of pydantic-ai's errors, which a journal does not keep.
    body: object | None = None
    headers: dict[str, str] | None = None
    hint: str | None = None
    in_stream: bool = False
    phase: str | None = None
    provider_error_code: str | None = None
    provider_error_type: str | None = None
    setting: str = "request_timeout"
    suggested_model_id: str | None = None
    timeout: float = 0.0

    def __init__(self, key: StepKey, failure: Failure, model_name: str) -> None:
        Exception.__init__(self, failure.message)
        self.key = key
        self.failure = failure
        self.message = failure.message
        self.model_name = model_name
        self.retry_after = failure.retry_after
        self.status_code = failure.status

    def __reduce__(self) -> tuple[object, ...]:
        return request_error, (self.key, self.failure, self.model_name)


_CLASSES: Final[dict[tuple[type, ...], type[RequestFailed]]] = {}


def request_failure(error: Exception) -> Failure:
    """Describe the error of a model request so that :func:`request_error` can return its like."""
    failure = failure_from(error)
    is_retryable = failure.kind in _RETRYABLE and known_failure(error) is not None
    if not is_retryable or failure.status is not None or _api_error_class(failure) is not None:
        return failure
    # A lost connection in another library's error.
    return failure.model_copy(update={"type": ModelConnectionError.__name__})


def request_error(key: StepKey, failure: Failure, model_name: str) -> StepFailed:
    """Return the error that stands for a journaled failure, the same in every execution.

    What is no failure of a request, such as a used-up budget or a fault of the agent's own, is a
    plain :class:`~perdure.agents.steps.errors.StepFailed`, so that no other model is tried.
    """
    api_error = _api_error_class(failure)
    if api_error is None and failure.status is None:
        return failed_step(key, failure)
    error_class = _combined_class(
        api_error or ModelHTTPError, with_status=failure.status is not None
    )
    return error_class(key, failure, model_name)


def _api_error_class(failure: Failure) -> type[ModelAPIError] | None:
    if failure.type in _PROVIDER_FAILURES:
        return ModelAPIError
    original: object = getattr(exceptions, failure.type, None)
    is_api_error = isinstance(original, type) and issubclass(original, ModelAPIError)
    return original if is_api_error else None  # type: ignore[return-value]  # as was just checked


def _combined_class(api_error: type[ModelAPIError], *, with_status: bool) -> type[RequestFailed]:
    bases: tuple[type, ...] = (RequestFailed, api_error)
    if with_status and not issubclass(api_error, ModelHTTPError):
        general = () if api_error is ModelAPIError else (api_error,)
        bases = (RequestFailed, ModelHTTPError, *general)
    if bases not in _CLASSES:
        _CLASSES[bases] = type(api_error.__name__, bases, {"__doc__": RequestFailed.__doc__})
    return _CLASSES[bases]
