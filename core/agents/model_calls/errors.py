"""What a failed model request raises: a failed step that is also pydantic-ai's own error.

A fallback chain, or an agent of its own making, catches pydantic-ai's errors and goes on with
another model. It must do the same on a later pass, when nothing is left of the original error but
the journaled failure.
"""

from typing import Final

from pydantic_ai import exceptions
from pydantic_ai.exceptions import ModelAPIError, ModelConnectionError, ModelHTTPError

from perdure.agents.steps.errors import StepFailed, failure_from, recognised_failure
from perdure.agents.steps.journal import StepKey
from perdure.models import Failure, FailureKind

# Ours that another model may well not raise.
_OF_ONE_PROVIDER: Final = frozenset({"ProviderDown", "Throttled", "TransientError"})
_MAY_PASS: Final = frozenset({FailureKind.TRANSIENT, FailureKind.THROTTLED})


class RequestFailed(StepFailed):
    """A model request failed; it is also a ``ModelAPIError``, and a ``ModelHTTPError`` if it was.

    Attributes:
        model_name: The model that was asked.
        status_code: The HTTP status; ``None`` where there was none.
        retry_after: Seconds that the provider asked to wait.
    """

    # What pydantic-ai's errors hold beside, and a journal does not keep.
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
        return failed_request, (self.key, self.failure, self.model_name)


_CLASSES: Final[dict[tuple[type, ...], type[RequestFailed]]] = {}


def request_failure(error: Exception) -> Failure:
    """Describe the error of a model request so that :func:`failed_request` can raise its like."""
    failure = failure_from(error)
    lost = failure.kind in _MAY_PASS and recognised_failure(error) is not None
    if not lost or failure.status is not None or _theirs(failure) is not None:
        return failure
    # A lost connection that nobody has translated, of whatever library.
    return failure.model_copy(update={"type": ModelConnectionError.__name__})


def failed_request(key: StepKey, failure: Failure, model_name: str) -> StepFailed:
    """Return the error that stands for a journaled failure, the same on every pass.

    What is no failure of a request, such as a used-up budget or a fault of the agent's own, is a
    plain :class:`~perdure.agents.steps.errors.StepFailed`, so that no other model is tried.
    """
    theirs = _theirs(failure)
    if theirs is None and failure.status is None:
        return StepFailed(key, failure)
    made = _class_of(theirs or ModelHTTPError, with_status=failure.status is not None)
    return made(key, failure, model_name)


def _theirs(failure: Failure) -> type[ModelAPIError] | None:
    if failure.type in _OF_ONE_PROVIDER:
        return ModelAPIError
    original: object = getattr(exceptions, failure.type, None)
    is_theirs = isinstance(original, type) and issubclass(original, ModelAPIError)
    return original if is_theirs else None  # type: ignore[return-value]  # as was just seen


def _class_of(theirs: type[ModelAPIError], *, with_status: bool) -> type[RequestFailed]:
    bases: tuple[type, ...] = (RequestFailed, theirs)
    if with_status and not issubclass(theirs, ModelHTTPError):
        general = () if theirs is ModelAPIError else (theirs,)
        bases = (RequestFailed, ModelHTTPError, *general)
    if bases not in _CLASSES:
        _CLASSES[bases] = type(theirs.__name__, bases, {"__doc__": RequestFailed.__doc__})
    return _CLASSES[bases]
