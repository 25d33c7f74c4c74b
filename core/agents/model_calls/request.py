"""One try at a model request: its limits of time and length, its text as it comes, its usage."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from math import ceil
from typing import Final, cast

import structlog
from pydantic_ai import RunContext
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.settings import ModelSettings

from perdure.agents.events.streamed_text import StreamedText
from perdure.agents.model_calls.budget import Reservation, TokenRequest
from perdure.agents.model_calls.responses import (
    CHARACTERS_A_TOKEN,
    characters_in,
    is_cut_off,
    usage_of,
)
from perdure.agents.model_calls.streaming import RequestStreaming
from perdure.agents.model_calls.thinking import TextPiece, TextPieces, with_thinking_apart
from perdure.agents.steps.errors import BudgetExceeded, TransientError, failure_from
from perdure.agents.steps.journal import EventEmitter
from perdure.agents.steps.keys import thinking_stream
from perdure.models import Usage
from perdure.telemetry.metrics import recording

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A request as the agent makes it.

    Attributes:
        messages: pydantic-ai's messages.
        settings: The settings that the agent gave for it.
        parameters: Tools, output, instructions.
        streamed: Whether the agent streams it.
        context: The agent's run context, for a stream.
    """

    messages: list[ModelMessage]
    settings: ModelSettings | None
    parameters: ModelRequestParameters
    streamed: bool
    context: RunContext[object] | None


@dataclass(frozen=True, slots=True)
class ResponseTimeouts:
    """How long a provider may send nothing, in seconds.

    Attributes:
        response: Until a response that the agent does not stream, or its next piece: a model that
            thinks for minutes sends nothing meanwhile.
        chunk: Until the next piece of a stream of the agent's own.
    """

    response: float = 600.0
    chunk: float = 180.0


class ResponseText:
    """Emits the text and the thinking of one try, and withdraws both when the try fails."""

    def __init__(self, emitter: EventEmitter, stream: str) -> None:
        self._emitter = emitter
        self._stream = stream
        self._texts: defaultdict[str, StreamedText] = defaultdict(StreamedText)
        self._failed = False

    async def emit(self, pieces: Iterable[TextPiece]) -> None:
        """Emit pieces; if that fails, the response, which is paid for, is kept all the same."""
        for piece in pieces:
            stream = thinking_stream(self._stream) if piece.is_thinking else self._stream
            await self._emit(stream, self._texts[stream].add(piece.text))

    async def finish(self) -> None:
        """Emit what had to wait for further pieces, as none will come."""
        for stream, text in self._texts.items():
            await self._emit(stream, text.rest())

    async def _emit(self, stream: str, text: str) -> None:
        if self._failed or not text:
            return
        try:
            await self._emitter.emit_text(stream, text)
        except Exception as error:  # noqa: BLE001 -- see emit
            self._failed = True
            _log.warning("text of a model was not emitted", stream=stream, error=str(error))

    async def withdraw(self) -> None:
        """Withdraw what was emitted."""
        for stream in sorted(self._texts):
            try:
                await self._emitter.emit_event("text.withdrawn", {"stream": stream})
            except Exception as error:  # noqa: BLE001 -- the request's own error is what counts
                _log.warning("text of a model was not withdrawn", stream=stream, error=str(error))


class RequestTry:
    """One try at a request: asks the model, and knows what that has used."""

    def __init__(
        self,
        model: Model,
        call: ModelCall,
        request: TokenRequest,
        reservation: Reservation,
        text: ResponseText,
        timeouts: ResponseTimeouts,
        streaming: RequestStreaming,
    ) -> None:
        self._model = model
        self._call = call
        self._request = request
        self._reservation = reservation
        self._text = text
        self._timeouts = timeouts
        self._streaming = streaming
        self._settings = self._request_settings()
        self._reported_usage: Usage | None = None
        self._received_characters = 0
        self._has_received = False
        self._started = time.monotonic()
        self._first_chunk_at: float | None = None

    async def response(self) -> ModelResponse:
        """Return the complete response.

        Raises:
            BudgetExceeded: It was cut off, because the goal's budget allowed no more.
            TransientError: The response took too long, cannot be read, or is not complete.
        """
        total = self._settings.get("request_timeout")
        self._started = time.monotonic()
        try:
            async with asyncio.timeout(total):
                response = await self._ask()
        except TimeoutError as error:
            raise TransientError(
                f"{self._request.model} did not answer in time ({total} s): it is asked again"
            ) from error
        except UnexpectedModelBehavior as error:
            self._note_empty_stream()
            raise TransientError(
                f"what {self._request.model} answered cannot be read ({error}): it is asked again"
            ) from error
        self._reported_usage = self._usage_in(response)
        self._check_complete(response)
        self._streaming.succeeded()
        return response

    def usage(self, error: BaseException | None = None) -> Usage:
        """Return what the try has used: as its provider reports it, or else an estimate.

        Args:
            error: What it failed with, if it did. A provider that responds with an error charges
                nothing; one that broke off charges what was sent and received.
        """
        if self._reported_usage is not None:
            return self._reported_usage
        if error is not None and failure_from(error).status is not None:
            return Usage()
        sent = self._request.input_tokens
        received = ceil(self._received_characters / CHARACTERS_A_TOKEN)
        cost = self._request.price(sent, received)
        return Usage(input_tokens=sent, output_tokens=received, cost=cost)

    def measured(self, usage: Usage) -> None:
        """Record how long it took, and what it has used."""
        first = self._first_chunk_at
        recording.model_asked(
            self._model.system,
            self._model.model_name,
            time.monotonic() - self._started,
            None if first is None else first - self._started,
            usage.input_tokens,
            usage.output_tokens,
        )

    def _request_settings(self) -> ModelSettings:
        settings = dict(self._call.settings or {})
        if self._reservation.lowered:
            settings["max_tokens"] = self._reservation.max_tokens
        # Retries are made, counted and paid for here, not once more in the provider's library.
        if "max_retries" not in self._model.unsupported_settings:
            settings.setdefault("max_retries", 0)
        return cast("ModelSettings", settings)

    async def _ask(self) -> ModelResponse:
        if not self._streaming.streamed:
            return await self._unstreamed()
        try:
            return await self._stream()
        except Exception as error:
            if self._has_received or not self._streaming.is_refused_by(error):
                raise
        self._streaming.refused()
        return await self._unstreamed()

    async def _unstreamed(self) -> ModelResponse:
        call = self._call
        async with self._time_limit(self._timeouts.response):
            return await self._model.request(call.messages, self._settings, call.parameters)

    async def _stream(self) -> ModelResponse:
        call, pieces = self._call, TextPieces(self._model)
        async with AsyncExitStack() as stack:
            opening = self._model.request_stream(
                call.messages, self._settings, call.parameters, call.context
            )
            next_timeout = self._timeouts.chunk
            if self._streaming.is_implied:
                next_timeout = self._timeouts.response
            first_timeout = self._settings.get("first_event_timeout", next_timeout)
            async with self._time_limit(first_timeout):
                stream = await stack.enter_async_context(opening)
            async for event in self._events(stream, first_timeout, next_timeout):
                if not self._has_received:
                    self._first_chunk_at = time.monotonic()
                self._has_received = True
                self._received_characters += characters_in(event)
                await self._text.emit(pieces.read(event))
            await self._text.emit(pieces.rest())
            await self._text.finish()
            return with_thinking_apart(stream.get(), self._model)

    async def _events(
        self, stream: StreamedResponse, first_timeout: float, next_timeout: float
    ) -> AsyncIterator[object]:
        events = aiter(stream)
        timeout = first_timeout
        while True:
            try:
                async with self._time_limit(timeout):
                    event = await anext(events)
            except StopAsyncIteration:
                return
            yield event
            timeout = next_timeout

    @asynccontextmanager
    async def _time_limit(self, seconds: float) -> AsyncIterator[None]:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                yield
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise TransientError(
                f"{self._request.model} said nothing for {seconds:g} s: it is asked again"
            ) from error

    def _note_empty_stream(self) -> None:
        if not self._has_received:
            self._streaming.ended_empty()

    def _usage_in(self, response: ModelResponse) -> Usage | None:
        """Return what a response has used; ``None`` when its provider counts no streams."""
        usage = usage_of(response)
        is_uncounted = self._streaming.is_implied and usage.tokens_used == 0
        return None if is_uncounted else usage

    def _check_complete(self, response: ModelResponse) -> None:
        model = self._request.model
        if self._streaming.streamed and is_cut_off(response):
            self._reported_usage = None
            self._note_empty_stream()
            raise TransientError(f"the answer of {model} broke off half-way: it is asked again")
        if response.finish_reason == "error":
            raise TransientError(f"{model} says that it failed half-way: it is asked again")
        if response.finish_reason == "length" and self._reservation.lowered:
            raise BudgetExceeded(
                f"the answer of {model} was cut off after {response.usage.output_tokens:,} tokens,"
                " as the goal's budget allowed no more: hand the goal in again with a larger one"
            )
