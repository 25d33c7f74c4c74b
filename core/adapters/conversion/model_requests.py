"""Model requests of other libraries, made as requests of pydantic-ai.

A request is wrapped as a pydantic-ai model that is asked once. So it is journaled, retried,
reserved in the budget, counted and streamed to readers by the same code as every other, see
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
class ModelAnswer:
    """The answer of a model.

    Attributes:
        content: All of it, as the library that asked has it, in JSON.
        text: Its text.
        tool_calls: The tools it calls: the name and the call's id.
        input_tokens: What was sent, in tokens.
        output_tokens: What was received, in tokens.
    """

    content: JsonValue
    text: str = ""
    tool_calls: tuple[tuple[str, str], ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0


class ForeignRequest(Protocol):
    """A request that another library is about to make.

    Attributes:
        model: The model's name.
        provider: Who serves it, such as ``openai``.
        url: Where, if that is known.
        payload: What the model is sent; it makes a request the same one in a later execution.
        max_tokens: How long the answer may be, if the agent says so.
    """

    model: str
    provider: str
    url: str | None
    payload: JsonValue
    max_tokens: int | None

    def send(self, max_tokens: int | None) -> AsyncIterator[str | ModelAnswer]:
        """Ask, and yield pieces of the answer's text as they come, and at last the answer.

        Called again for each try.

        Args:
            max_tokens: How long the answer may be by the goal's budget; ``None`` when that is as
                long as the agent says.
        """


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
    payload = json.dumps(request.payload, sort_keys=True)
    messages: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart(payload)])]
    settings = ModelSettings(first_event_timeout=FIRST_PIECE_SECONDS)
    if request.max_tokens is not None:
        settings["max_tokens"] = request.max_tokens
    model, parameters = run.durable(_ForeignModel(request)), ModelRequestParameters()
    async with model.request_stream(messages, settings, parameters) as stream:
        response = stream.get()
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
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        streaming = self.request_stream(messages, model_settings, model_request_parameters)
        async with streaming as stream:
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
        limit = allowed if allowed != self._request.max_tokens else None
        stream = _ForeignStream(model_request_parameters, self._request, limit)
        try:
            yield stream
        finally:
            await stream.pieces.aclose()


@dataclass
class _ForeignStream(StreamedResponse):
    """A stream of another library as pydantic-ai's."""

    request: ForeignRequest
    max_tokens: int | None
    answer: ModelAnswer | None = field(default=None, init=False)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC), init=False)

    def __post_init__(self) -> None:
        self.pieces = self._pieces()

    async def _pieces(self) -> AsyncGenerator[str | ModelAnswer]:
        async for piece in self.request.send(self.max_tokens):
            yield piece

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        async for piece in self.pieces:
            if isinstance(piece, ModelAnswer):
                self.answer = piece
                continue
            for event in self._parts_manager.handle_text_delta(vendor_part_id=0, content=piece):
                yield event

    def get(self) -> ModelResponse:
        answer = self.answer
        if answer is None:
            raise TransientError(
                f"the answer of {self.model_name} broke off half-way: it is asked again"
            )
        parts: list[ModelResponsePart] = [TextPart(answer.text)] if answer.text else []
        parts += [ToolCallPart(tool, tool_call_id=call_id) for tool, call_id in answer.tool_calls]
        return ModelResponse(
            parts=parts,
            usage=RequestUsage(
                input_tokens=answer.input_tokens, output_tokens=answer.output_tokens
            ),
            model_name=self.model_name,
            timestamp=self.started_at,
            provider_name=self.provider_name,
            provider_url=self.provider_url,
            provider_details={ANSWER: answer.content, "finish_reason": "stop"},
        )

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
