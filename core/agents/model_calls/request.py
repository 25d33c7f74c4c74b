"""One try at a model request: asked, limited in time and length, told as it comes."""

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
        streamed: Whether the answer comes in pieces.
        context: The agent's run context, for a stream.
    """

    messages: list[ModelMessage]
    settings: ModelSettings | None
    parameters: ModelRequestParameters
    streamed: bool
    context: RunContext[object] | None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a provider may say nothing, in seconds.

    Attributes:
        answer: Until an answer that is not streamed is there.
        silence: Until the next piece of a stream is there.
    """

    answer: float = 600.0
    silence: float = 180.0


class Told:
    """The text of one try as its readers get it."""

    def __init__(self, listener: EventEmitter, stream: str) -> None:
        self._listener = listener
        self._stream = stream
        self._begun = False
        self._failed = False

    async def text(self, delta: str) -> None:
        """Tell a piece; an answer that was paid for is not given up because telling failed."""
        if self._failed or not delta:
            return
        self._begun = True
        try:
            await self._listener.text(self._stream, delta)
        except Exception as error:  # noqa: BLE001 -- see above
            self._failed = True
            _log.warning("text of a model is not told", stream=self._stream, error=str(error))

    async def withdraw(self) -> None:
        """Tell that the text counts no longer."""
        if not self._begun:
            return
        try:
            await self._listener.note("text.withdrawn", {"stream": self._stream})
        except Exception as error:  # noqa: BLE001 -- the request's own error is what counts
            _log.warning("text of a model is not withdrawn", stream=self._stream, error=str(error))


class Try:
    """One try at a request."""

    def __init__(
        self,
        model: Model,
        call: ModelCall,
        wanted: TokenRequest,
        reservation: Reservation,
        told: Told,
        patience: Patience,
    ) -> None:
        self._model = model
        self._call = call
        self._wanted = wanted
        self._reservation = reservation
        self._told = told
        self._patience = patience
        self._settings = self._limited()
        self._counted: Usage | None = None
        self._characters = 0

    async def response(self) -> ModelResponse:
        """Return the whole answer.

        Raises:
            BudgetExceeded: It was cut off, because the goal's budget allowed no more.
            TransientError: The model said nothing for too long, something unreadable, or half an
                answer.
        """
        total = self._settings.get("request_timeout")
        try:
            async with asyncio.timeout(total):
                response = await (self._collected() if self._call.streamed else self._whole())
        except TimeoutError as error:
            raise TransientError(
                f"{self._wanted.model} did not answer in time ({total} s): it is asked again"
            ) from error
        except UnexpectedModelBehavior as error:
            raise TransientError(
                f"what {self._wanted.model} answered cannot be read ({error}): it is asked again"
            ) from error
        self._counted = usage_of(response)
        self._see_that_it_is_whole(response)
        return response

    def spent(self, error: BaseException | None = None) -> Usage:
        """Return what the try has used, as its provider counts, or else about as much.

        Args:
            error: What it failed with, if it did. A provider that answers with an error charges
                nothing; one that broke off charges what was sent and received.
        """
        if self._counted is not None:
            return self._counted
        if error is not None and failure_from(error).status is not None:
            return Usage()
        sent, received = self._wanted.input_tokens, ceil(self._characters / CHARACTERS_A_TOKEN)
        return Usage(
            input_tokens=sent, output_tokens=received, cost=self._wanted.price(sent, received)
        )

    def _limited(self) -> ModelSettings:
        settings = dict(self._call.settings or {})
        if self._reservation.lowered:
            settings["max_tokens"] = self._reservation.max_tokens
        # Tries are counted, waited for and paid for here, not once more in the provider's library.
        if "max_retries" not in self._model.unsupported_settings:
            settings.setdefault("max_retries", 0)
        return cast("ModelSettings", settings)

    async def _whole(self) -> ModelResponse:
        call = self._call
        async with self._in_time(self._patience.answer):
            return await self._model.request(call.messages, self._settings, call.parameters)

    async def _collected(self) -> ModelResponse:
        call = self._call
        async with AsyncExitStack() as stack:
            asked = self._model.request_stream(
                call.messages, self._settings, call.parameters, call.context
            )
            first = self._settings.get("first_event_timeout", self._patience.silence)
            async with self._in_time(first):
                stream = await stack.enter_async_context(asked)
            async for event in self._events(stream, first):
                self._characters += characters_in(event)
                await self._told.text(text_in(event))
            return stream.get()

    async def _events(self, stream: StreamedResponse, first: float) -> AsyncIterator[object]:
        events = aiter(stream)
        longest = first
        while True:
            try:
                async with self._in_time(longest):
                    event = await anext(events)
            except StopAsyncIteration:
                return
            yield event
            longest = self._patience.silence

    @asynccontextmanager
    async def _in_time(self, seconds: float) -> AsyncIterator[None]:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                yield
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise TransientError(
                f"{self._wanted.model} said nothing for {seconds:g} s: it is asked again"
            ) from error

    def _see_that_it_is_whole(self, response: ModelResponse) -> None:
        model = self._wanted.model
        if self._call.streamed and is_cut_off(response):
            self._counted = None
            raise TransientError(f"the answer of {model} broke off half-way: it is asked again")
        if response.finish_reason == "error":
            raise TransientError(f"{model} says that it failed half-way: it is asked again")
        if response.finish_reason == "length" and self._reservation.lowered:
            raise BudgetExceeded(
                f"the answer of {model} was cut off after {response.usage.output_tokens:,} tokens,"
                " as the goal's budget allowed no more: hand the goal in again with a larger one"
            )
