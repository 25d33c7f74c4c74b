"""Whether a request is streamed from its provider: where it can be, whatever the agent calls.

Readers of a run see text as it comes only from a stream, and most agents ask for none: they call
``await agent.run(…)``. So a stream is asked for all the same, unless the model is known not to
have one, or its provider turns out to have none.
"""

import re
from collections import Counter
from http import HTTPStatus
from typing import Final

from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from perdure.agents.steps.errors import failure_from, known_failure

# A response of a provider that was well for a moment can look like that of one without streams.
EMPTY_STREAMS: Final = 2

_REFUSALS: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)
_STREAM: Final = re.compile(r"(?<![a-z])stream", re.IGNORECASE)  # not that of "upstream"


def may_stream(model: Model, settings: ModelSettings | None) -> bool:
    """Return whether a request that its agent does not stream may be streamed all the same.

    Not where that would be another request: a :class:`FallbackModel` turns to its next model only
    until a stream's first piece, a model or wrapper whose own ``request`` has no stream beside it
    would be passed by, and a response in the background is fetched later.
    """
    if (settings or {}).get("openai_background"):
        return False
    if isinstance(model, FallbackModel):
        return False
    if isinstance(model, FunctionModel) and model.stream_function is None:
        return False
    kind = type(model)
    if not issubclass(_definer(kind, "request_stream"), _definer(kind, "request")):
        return False
    return not isinstance(model, WrapperModel) or may_stream(model.wrapped, settings)


def _definer(kind: type, method: str) -> type:
    return next(class_ for class_ in kind.__mro__ if method in vars(class_))


def refuses_streams(error: Exception, *, is_proven: bool) -> bool:
    """Return whether a request failed because it was to be streamed, or may have.

    A provider that refuses a stream says so, or that the request is bad and no more than that. And
    a library may fail at what it is sent instead of one, in a way of its own.

    Args:
        error: What it failed with, before its first piece.
        is_proven: Whether the model has streamed before.
    """
    if isinstance(error, NotImplementedError):
        return True
    if isinstance(error, UnexpectedModelBehavior):  # what came cannot be read: it is asked again
        return False
    status = failure_from(error).status
    if status is None:
        return known_failure(error) is None and not is_proven
    if status not in _REFUSALS:
        return False
    return not is_proven or _STREAM.search(f"{getattr(error, 'body', '')} {error}") is not None


class StreamSupport:
    """The models that turned out to have streams, or to have none, in this process."""

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()
        self._proven: set[str] = set()

    def has_streams(self, model: str) -> bool:
        """Return whether a model may have streams, as far as is known."""
        return self._failures[model] < EMPTY_STREAMS

    def count(self, model: str, failures: int) -> None:
        """Count streams that failed where the same request, not streamed, succeeded."""
        self._failures[model] += failures

    def is_proven(self, model: str) -> bool:
        """Return whether a stream of a model has succeeded."""
        return model in self._proven

    def clear(self, model: str) -> None:
        """Forget a model's failures, as a stream of it has succeeded."""
        del self._failures[model]
        self._proven.add(model)


STREAM_SUPPORT: Final = StreamSupport()


class RequestStreaming:
    """Whether the tries at one request are streamed.

    Attributes:
        streamed: Whether the next, or the current, one is.
    """

    def __init__(self, model: Model, support: StreamSupport, *, asked: bool, allowed: bool) -> None:
        """Decide for a request.

        Args:
            model: The model that is asked.
            support: What is known of streams in this process.
            asked: Whether the agent itself streams it.
            allowed: Whether it may be streamed all the same.
        """
        self._support = support
        self._model = f"{model.system}:{model.model_name} at {model.base_url}"
        self._asked = asked
        self._failures = 0
        self.streamed = (asked or allowed) and support.has_streams(self._model)

    @property
    def is_implied(self) -> bool:
        """Whether it is streamed though the agent does not stream it."""
        return self.streamed and not self._asked

    def is_refused_by(self, error: Exception) -> bool:
        """Return whether a stream that failed before its first piece is to be done without."""
        is_proven = self._support.is_proven(self._model)
        return refuses_streams(error, is_proven=is_proven)

    def refused(self) -> None:
        """Take note that the provider refuses the stream: it is asked without from now on."""
        self.streamed = False
        self._failures = EMPTY_STREAMS

    def ended_empty(self) -> None:
        """Take note that a stream ended before its first piece: the next try is not streamed.

        So responds a provider that knows no streams and sends the whole response instead, and also
        one that broke off early.
        """
        if self.streamed:
            self.streamed = False
            self._failures = 1

    def succeeded(self) -> None:
        """Take note that the response is there."""
        if self.streamed:
            self._support.clear(self._model)
        else:
            self._support.count(self._model, self._failures)
