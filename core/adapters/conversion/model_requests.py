"""Model requests of other libraries, made as requests of pydantic-ai.

A request is wrapped as a pydantic-ai model that is asked once. So it is journaled, retried,
reserved in the budget, counted and streamed to readers by the same code as every other, see
:class:`~perdure.agents.model_calls.durable_model.DurableModel`.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
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
from perdure.agents.events.tool_events import value_text
from perdure.agents.model_calls.responses import usage_of

ANSWER: Final = "answer"


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """The answer of a model.

    Attributes:
        content: All of it, as the library that asked has it, in JSON.
        text: Its text.
        tool_calls: The tools it calls; of long arguments the beginning, for readers.
        input_tokens: What was sent, in tokens.
        output_tokens: What was received, in tokens.
    """

    content: JsonValue
    text: str = ""
    tool_calls: tuple[ToolCallPart, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Thinking:
    """A piece of a model's thinking.

    Attributes:
        text: The piece.
    """

    text: str


@dataclass(frozen=True, slots=True)
class SentResult:
    """What came of a call of a tool, as a request sends it.

    Attributes:
        call_id: What identifies the call.
        value: What it returned, or why it failed.
        failed: Whether it failed, as far as the library says.
    """

    call_id: str
    value: object
    failed: bool = False


class ForeignRequest(Protocol):
    """A request that another library is about to make.

    Attributes:
        model: The model's name.
        provider: Who serves it, such as ``openai``.
        url: Where, if that is known.
        payload: What the model is sent; it makes a request the same one in a later execution.
        max_tokens: How long the answer may be, if the agent says so.
        results: What came of the calls of tools so far, the latest last.
    """

    model: str
    provider: str
    url: str | None
    payload: JsonValue
    max_tokens: int | None
    results: Sequence[SentResult]

    def stream(self, max_tokens: int | None) -> AsyncIterator[str | Thinking | ModelAnswer]:
        """Ask, and yield pieces of text and thinking as they come, and at last the answer.

        Called again for each try. A library that does not stream yields the answer alone.

        Args:
            max_tokens: How long the answer may be by the goal's budget; ``None`` when that is as
                long as the agent says.

        Raises:
            UnexpectedModelBehavior: What came is no stream.
        """

    async def ask(self, max_tokens: int | None) -> ModelAnswer:
        """Ask without a stream, of a provider that has none; likewise."""


def tool_call(tool: str, call_id: str, arguments: object) -> ToolCallPart:
    """Return a call of a tool as readers are shown it.

    Args:
        tool: The tool's name.
        call_id: What identifies the call.
        arguments: JSON text, or anything that has a JSON form.
    """
    return ToolCallPart(tool, value_text(arguments), tool_call_id=call_id)


@dataclass(frozen=True, slots=True)
class JournaledAnswer:
    """The answer to a request, which is in the run's journal.

    Attributes:
        content: The answer's content.
        usage: What it has used, in this execution or an earlier one.
        step: The name of the step that it is.
        inputs: That step's inputs.
    """

    content: JsonValue
    usage: Usage
    step: str
    inputs: str


async def ask_model(run: Run, request: ForeignRequest) -> JournaledAnswer:
    """Answer a request from a run's journal, or make it and journal the answer.

    Raises:
        StepFailed: The request failed.
    """
    for result in {result.call_id: result for result in request.results}.values():
        await run.events.tools.sent(result.call_id, result.value, failed=result.failed)
    payload = json.dumps(request.payload, sort_keys=True)
    messages: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart(payload)])]
    settings = ModelSettings()
    if request.max_tokens is not None:
        settings["max_tokens"] = request.max_tokens
    # Its calls of tools are judged where they are made.
    model = run.durable(_ForeignModel(request)).without_judging_calls()
    parameters = ModelRequestParameters()
    response = await model.request(messages, settings, parameters)
    content: JsonValue = (response.provider_details or {}).get(ANSWER)
    step, inputs = model.step_of(messages, settings, parameters)
    return JournaledAnswer(content, usage_of(response), step, inputs)


class _ForeignModel(Model):
    """A request of another library as a model that is asked once."""

    def __init__(self, request: ForeignRequest) -> None:
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
        messages: list[ModelMessage],  # noqa: ARG002 -- the request has its own
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,  # noqa: ARG002
    ) -> ModelResponse:
        answer = await self._request.ask(self._limit(model_settings))
        return _response(self._request, answer, datetime.now(UTC))

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],  # noqa: ARG002 -- the request has its own
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[object] | None = None,  # noqa: ARG002
    ) -> AsyncGenerator[StreamedResponse]:
        limit = self._limit(model_settings)
        stream = _ForeignStream(model_request_parameters, self._request, limit)
        try:
            yield stream
        finally:
            await stream.pieces.aclose()

    def _limit(self, model_settings: ModelSettings | None) -> int | None:
        allowed = (model_settings or {}).get("max_tokens")
        return allowed if allowed != self._request.max_tokens else None


@dataclass
class _ForeignStream(StreamedResponse):
    """A stream of another library as pydantic-ai's."""

    request: ForeignRequest
    max_tokens: int | None
    answer: ModelAnswer | None = field(default=None, init=False)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC), init=False)

    def __post_init__(self) -> None:
        self.pieces = self._pieces()

    async def _pieces(self) -> AsyncGenerator[str | Thinking | ModelAnswer]:
        async for piece in self.request.stream(self.max_tokens):
            yield piece

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        async for piece in self.pieces:
            if isinstance(piece, ModelAnswer):
                self.answer = piece
            elif isinstance(piece, Thinking):
                for event in self._parts_manager.handle_thinking_delta(
                    vendor_part_id="thinking", content=piece.text
                ):
                    yield event
            else:
                for event in self._parts_manager.handle_text_delta(vendor_part_id=0, content=piece):
                    yield event

    def get(self) -> ModelResponse:
        answer = self.answer
        if answer is None:
            raise TransientError(
                f"the answer of {self.model_name} broke off half-way: it is asked again"
            )
        return _response(self.request, answer, self.started_at)

    @property
    def model_name(self) -> str:
        return self.request.model

    @property
    def provider_name(self) -> str:
        return self.request.provider

    @property
    def provider_url(self) -> str | None:
        return self.request.url

    @property
    def timestamp(self) -> datetime:
        return self.started_at


def _response(request: ForeignRequest, answer: ModelAnswer, timestamp: datetime) -> ModelResponse:
    parts: list[ModelResponsePart] = [TextPart(answer.text)] if answer.text else []
    parts += answer.tool_calls
    return ModelResponse(
        parts=parts,
        usage=RequestUsage(input_tokens=answer.input_tokens, output_tokens=answer.output_tokens),
        model_name=request.model,
        timestamp=timestamp,
        provider_name=request.provider,
        provider_url=request.url,
        provider_details={ANSWER: answer.content, "finish_reason": "stop"},
    )
