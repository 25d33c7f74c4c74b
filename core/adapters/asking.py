"""Requests that another library makes of a model, asked as pydantic-ai's are.

A request is wrapped as a pydantic-ai model that is asked once. So it is journaled, tried again,
reserved in the budget, counted and told to readers by the same code as every other, see
:class:`~perdure.agents.model_calls.durable_model.DurableModel`.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

from pydantic import JsonValue
from pydantic_ai import RunContext
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponsePart,
    ModelResponseStreamEvent,
    TextPart,
    ToolCallPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from perdure.agents import Run, TransientError, Usage
from perdure.agents.model_calls.responses import usage_of

ANSWER: Final = "answer"
# Not every library streams, and then the first piece is the whole answer.
FIRST_PIECE_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Answered:
    """What a model said.

    Attributes:
        content: All of it, as the library that asked has it, in JSON.
        text: Its text.
        tools: The tools it calls: the name and the call's id.
        input_tokens: What was sent, in tokens.
        output_tokens: What was received, in tokens.
    """

    content: JsonValue
    text: str = ""
    tools: tuple[tuple[str, str], ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0


class ModelRequestOf(Protocol):
    """A request that another library is about to make.

    Attributes:
        model: The model's name.
        provider: Who serves it, such as ``openai``.
        url: Where, if that is known.
        shown: What the model is shown; it is what makes a request the same on a later pass.
        max_tokens: How long the answer may be, if the agent says so.
    """

    model: str
    provider: str
    url: str | None
    shown: JsonValue
    max_tokens: int | None

    def send(self, max_tokens: int | None) -> AsyncIterator[str | Answered]:
        """Ask, and yield pieces of the answer's text as they come, and at last the answer.

        Called anew for each try.

        Args:
            max_tokens: How long the answer may be by the goal's budget; ``None`` when that is as
                long as the agent says.
        """


@dataclass(frozen=True, slots=True)
class Made:
    """A request that was answered.

    Attributes:
        content: The answer's content.
        usage: What it has used, in this pass or an earlier one.
        step: The name of the step that it is.
        given: That step's input.
    """

    content: JsonValue
    usage: Usage
    step: str
    given: str


async def ask(run: Run, request: ModelRequestOf) -> Made:
    """Answer a request from a run's journal, or make it and journal what is said.

    Raises:
        StepFailed: The request failed.
    """
    shown = json.dumps(request.shown, sort_keys=True)
    messages: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart(shown)])]
    settings = ModelSettings(first_event_timeout=FIRST_PIECE_SECONDS)
    if request.max_tokens is not None:
        settings["max_tokens"] = request.max_tokens
    model, parameters = run.durable(_Once(request)), ModelRequestParameters()
    async with model.request_stream(messages, settings, parameters) as stream:
        response = stream.get()
    content: JsonValue = (response.provider_details or {}).get(ANSWER)
    return Made(content, usage_of(response), *model.step_of(messages, settings, parameters))


class _Once(Model):
    """A request of another library as a model that is asked once."""

    def __init__(self, request: ModelRequestOf) -> None:
        super().__init__()
        self._request = request

    @property
    def model_name(self) -> str:
        return self._request.model

    @property
    def system(self) -> str:
        return self._request.provider

    @property
    def base_url(self) -> str | None:
        return self._request.url

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        asked = self.request_stream(messages, model_settings, model_request_parameters)
        async with asked as stream:
            async for _ in stream:
                pass
            return stream.get()

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],  # noqa: ARG002 -- the request has its own
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[object] | None = None,  # noqa: ARG002
    ) -> AsyncGenerator[StreamedResponse]:
        allowed = (model_settings or {}).get("max_tokens")
        lowered = allowed if allowed != self._request.max_tokens else None
        stream = _Pieces(model_request_parameters, self._request, lowered)
        try:
            yield stream
        finally:
            await stream.pieces.aclose()


@dataclass
class _Pieces(StreamedResponse):
    """A stream of another library as pydantic-ai's."""

    asked: ModelRequestOf
    max_tokens: int | None
    answered: Answered | None = field(default=None, init=False)
    begun: datetime = field(default_factory=lambda: datetime.now(UTC), init=False)

    def __post_init__(self) -> None:
        self.pieces = self._pieces()

    async def _pieces(self) -> AsyncGenerator[str | Answered]:
        async for piece in self.asked.send(self.max_tokens):
            yield piece

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        async for piece in self.pieces:
            if isinstance(piece, Answered):
                self.answered = piece
                continue
            for event in self._parts_manager.handle_text_delta(vendor_part_id=0, content=piece):
                yield event

    def get(self) -> ModelResponse:
        said = self.answered
        if said is None:
            raise TransientError(
                f"the answer of {self.model_name} broke off half-way: it is asked again"
            )
        parts: list[ModelResponsePart] = [TextPart(said.text)] if said.text else []
        parts += [ToolCallPart(tool, tool_call_id=call_id) for tool, call_id in said.tools]
        return ModelResponse(
            parts=parts,
            usage=RequestUsage(input_tokens=said.input_tokens, output_tokens=said.output_tokens),
            model_name=self.model_name,
            timestamp=self.begun,
            provider_name=self.provider_name,
            provider_url=self.provider_url,
            provider_details={ANSWER: said.content, "finish_reason": "stop"},
        )

    @property
    def model_name(self) -> str:
        return self.asked.model

    @property
    def provider_name(self) -> str:
        return self.asked.provider

    @property
    def provider_url(self) -> str | None:
        return self.asked.url

    @property
    def timestamp(self) -> datetime:
        return self.begun
