"""One try at a model request: its limits of time and length, its text as it comes, its usage."""

import asyncio
from collections.abc import AsyncIterator
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

from perdure.agents.model_calls.budget import Reservation, TokenRequest
from perdure.agents.model_calls.responses import (
    CHARACTERS_A_TOKEN,
    characters_in,
    is_cut_off,
    text_in,
    usage_of,
)
from perdure.agents.steps.errors import BudgetExceeded, TransientError, failure_from
from perdure.agents.steps.journal import EventEmitter
from perdure.models import Usage

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A request as the agent makes it.

    Attributes:
        messages: pydantic-ai's messages.
        settings: The settings that the agent gave for it.
        parameters: Tools, output, instructions.
        streamed: Whether the response comes in pieces.
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
        response: Until a response that is not streamed.
        chunk: Until the next piece of a stream.
    """

    response: float = 600.0
    chunk: float = 180.0


class ResponseText:
    """Emits the text of one try, and withdraws it when the try fails."""

    def __init__(self, emitter: EventEmitter, stream: str) -> None:
        self._emitter = emitter
        self._stream = stream
        self._has_emitted = False
        self._failed = False

    async def emit(self, delta: str) -> None:
        """Emit a piece; if that fails, the response, which is paid for, is kept all the same."""
        if self._failed or not delta:
            return
        self._has_emitted = True
        try:
            await self._emitter.emit_text(self._stream, delta)
        except Exception as error:  # noqa: BLE001 -- see above
            self._failed = True
            _log.warning("text of a model was not emitted", stream=self._stream, error=str(error))

    async def withdraw(self) -> None:
        """Withdraw what was emitted."""
        if not self._has_emitted:
            return
        try:
            await self._emitter.emit_event("text.withdrawn", {"stream": self._stream})
        except Exception as error:  # noqa: BLE001 -- the request's own error is what counts
            _log.warning("text of a model was not withdrawn", stream=self._stream, error=str(error))


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
    ) -> None:
        self._model = model
        self._call = call
        self._request = request
        self._reservation = reservation
        self._text = text
        self._timeouts = timeouts
        self._settings = self._request_settings()
        self._reported_usage: Usage | None = None
        self._received_characters = 0

    async def response(self) -> ModelResponse:
        """Return the complete response.

        Raises:
            BudgetExceeded: It was cut off, because the goal's budget allowed no more.
            TransientError: The response took too long, cannot be read, or is not complete.
        """
        total = self._settings.get("request_timeout")
        try:
            async with asyncio.timeout(total):
                streamed = self._call.streamed
                response = await (self._stream() if streamed else self._unstreamed())
        except TimeoutError as error:
            raise TransientError(
                f"{self._request.model} did not answer in time ({total} s): it is asked again"
            ) from error
        except UnexpectedModelBehavior as error:
            raise TransientError(
                f"what {self._request.model} answered cannot be read ({error}): it is asked again"
            ) from error
        self._reported_usage = usage_of(response)
        self._check_complete(response)
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

    def _request_settings(self) -> ModelSettings:
        settings = dict(self._call.settings or {})
        if self._reservation.lowered:
            settings["max_tokens"] = self._reservation.max_tokens
        # Retries are made, counted and paid for here, not once more in the provider's library.
        if "max_retries" not in self._model.unsupported_settings:
            settings.setdefault("max_retries", 0)
        return cast("ModelSettings", settings)

    async def _unstreamed(self) -> ModelResponse:
        call = self._call
        async with self._time_limit(self._timeouts.response):
            return await self._model.request(call.messages, self._settings, call.parameters)

    async def _stream(self) -> ModelResponse:
        call = self._call
        async with AsyncExitStack() as stack:
            opening = self._model.request_stream(
                call.messages, self._settings, call.parameters, call.context
            )
            first_timeout = self._settings.get("first_event_timeout", self._timeouts.chunk)
            async with self._time_limit(first_timeout):
                stream = await stack.enter_async_context(opening)
            async for event in self._events(stream, first_timeout):
                self._received_characters += characters_in(event)
                await self._text.emit(text_in(event))
            return stream.get()

    async def _events(
        self, stream: StreamedResponse, first_timeout: float
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
            timeout = self._timeouts.chunk

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

    def _check_complete(self, response: ModelResponse) -> None:
        model = self._request.model
        if self._call.streamed and is_cut_off(response):
            self._reported_usage = None
            raise TransientError(f"the answer of {model} broke off half-way: it is asked again")
        if response.finish_reason == "error":
            raise TransientError(f"{model} says that it failed half-way: it is asked again")
        if response.finish_reason == "length" and self._reservation.lowered:
            raise BudgetExceeded(
                f"the answer of {model} was cut off after {response.usage.output_tokens:,} tokens,"
                " as the goal's budget allowed no more: hand the goal in again with a larger one"
            )
