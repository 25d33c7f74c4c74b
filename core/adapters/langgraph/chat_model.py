"""A chat model of LangChain that asks the model that ``PERDURE_MODEL`` names, of any vendor."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.chat_models import agenerate_from_stream
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from perdure.adapters.langgraph.calls import GraphCalls, current_calls
from perdure.agents import PermanentError
from perdure.agents.model_calls.responses import text_in, thinking_in


class PerdureChat(BaseChatModel):
    """Asks the model that ``PERDURE_MODEL`` names, within a goal; text and tools.

    Attributes:
        temperature: How free its answers are; the model's own when not given.
        max_tokens: How long an answer may be.
    """

    temperature: float | None = None
    max_tokens: int | None = None

    @property
    def _llm_type(self) -> str:
        return "perdure"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"temperature": self.temperature, "max_tokens": self.max_tokens}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        about = super()._get_ls_params(stop=stop, **kwargs)
        model = _calls().configured_model
        about.update({"ls_provider": model.system, "ls_model_name": model.model_name})
        return about

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return this model with tools.

        Args:
            tools: Whatever LangChain can make a tool of.
            tool_choice: The name of the one to call; ``any`` when one has to be called.
            **kwargs: Further arguments of the request.
        """
        converted = [convert_to_openai_tool(tool) for tool in tools]
        return self.bind(tools=converted, tool_choice=tool_choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 -- it cannot stream
        **kwargs: Any,
    ) -> ChatResult:
        generate = partial(self._agenerate, messages, stop, None, **kwargs)
        return _calls().run_from_thread(type(self).__name__, generate)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return await agenerate_from_stream(self._astream(messages, stop, run_manager, **kwargs))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 -- emitted outside
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        settings = self._settings(stop, kwargs)
        tools = [_tool_definition(tool["function"]) for tool in kwargs.get("tools", [])]
        parameters = ModelRequestParameters(function_tools=tools)
        # The request is journaled, retried and counted already, as that of any chat model.
        model = _calls().configured_model
        async with model.request_stream(_history(messages), settings, parameters) as stream:
            async for event in stream:
                if thinking := thinking_in(event):
                    reasoning = {"reasoning_content": thinking}
                    yield ChatGenerationChunk(
                        message=AIMessageChunk(content="", additional_kwargs=reasoning)
                    )
                if text := text_in(event):
                    yield ChatGenerationChunk(message=AIMessageChunk(content=text))
            yield _last_chunk(stream.get())

    def _settings(self, stop: list[str] | None, kwargs: dict[str, Any]) -> ModelSettings:
        settings = ModelSettings()
        # Retries are counted, waited for and paid for by the run, not in the provider's library.
        cast("dict[str, object]", settings)["max_retries"] = 0
        max_tokens = kwargs.get("max_tokens") or self.max_tokens
        if max_tokens is not None:
            settings["max_tokens"] = max_tokens
        if self.temperature is not None:
            settings["temperature"] = self.temperature
        if stop:
            settings["stop_sequences"] = stop
        choice = kwargs.get("tool_choice")
        if choice in {"any", "required"}:
            settings["tool_choice"] = "required"
        elif choice in {"auto", "none"}:
            settings["tool_choice"] = choice
        elif choice:
            settings["tool_choice"] = [choice]
        return settings


def _calls() -> GraphCalls:
    calls = current_calls()
    if calls is None:
        raise PermanentError(
            "PerdureChat asks the model of a goal, and there is none here: execute the graph as a"
            " durable agent"
        )
    return calls


def _tool_definition(function: dict[str, Any]) -> ToolDefinition:
    return ToolDefinition(
        name=function["name"],
        description=function.get("description"),
        parameters_json_schema=function.get("parameters") or {"type": "object", "properties": {}},
    )


def _history(messages: Iterable[BaseMessage]) -> list[ModelMessage]:
    history: list[ModelMessage] = []
    for message in messages:
        if isinstance(message, AIMessage):
            history.append(ModelResponse(parts=list(_response_parts(message))))
        elif history and isinstance(history[-1], ModelRequest):
            history[-1].parts = [*history[-1].parts, _request_part(message)]
        else:
            history.append(ModelRequest(parts=[_request_part(message)]))
    return history


def _response_parts(message: AIMessage) -> Iterable[ModelResponsePart]:
    if text := str(message.text):
        yield TextPart(text)
    for call in message.tool_calls:
        yield ToolCallPart(call["name"], call["args"], tool_call_id=call["id"] or "")


def _request_part(message: BaseMessage) -> ModelRequestPart:
    text = str(message.text)
    if isinstance(message, SystemMessage):
        return SystemPromptPart(text)
    if isinstance(message, ToolMessage):
        return ToolReturnPart(message.name or "tool", text, tool_call_id=message.tool_call_id)
    return UserPromptPart(text)


def _last_chunk(response: ModelResponse) -> ChatGenerationChunk:
    """Return the last chunk of an answer: the tools it calls, and what it has used."""
    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    sent, received = response.usage.input_tokens, response.usage.output_tokens
    message = AIMessageChunk(
        content="",
        tool_call_chunks=[
            tool_call_chunk(
                name=call.tool_name,
                args=json.dumps(call.args_as_dict()),
                id=call.tool_call_id,
                index=index,
            )
            for index, call in enumerate(calls)
        ],
        usage_metadata=UsageMetadata(
            input_tokens=sent, output_tokens=received, total_tokens=sent + received
        ),
        response_metadata={"finish_reason": response.finish_reason},
        chunk_position="last",
    )
    return ChatGenerationChunk(message=message)
