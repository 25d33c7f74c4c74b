"""Models of the OpenAI Agents SDK whose requests are steps of a run."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from agents import (
    AgentOutputSchemaBase,
    Handoff,
    Model,
    ModelProvider,
    ModelResponse,
    ModelSettings,
    ModelTracing,
    MultiProvider,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Tool,
    TResponseInputItem,
    Usage,
)
from agents.items import TResponseOutputItem, TResponseStreamEvent
from agents.models import get_default_model_settings
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseCreatedEvent,
    ResponseErrorEvent,
    ResponseFailedEvent,
    ResponseIncompleteEvent,
    ResponseReasoningSummaryTextDeltaEvent,
    ResponseReasoningTextDeltaEvent,
    ResponseTextDeltaEvent,
    ResponseUsage,
)
from openai.types.responses.response_prompt_param import ResponsePromptParam
from pydantic import JsonValue, TypeAdapter
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.openai import OpenAIResponsesModel as PydanticResponsesModel
from pydantic_core import to_jsonable_python

from perdure.adapters.conversion.goals import report_answer
from perdure.adapters.conversion.model_requests import (
    ModelAnswer,
    SentResult,
    Thinking,
    ask_model,
)
from perdure.adapters.conversion.tool_calls import ToolCall
from perdure.adapters.openai_agents.answers import (
    OUTPUT,
    model_answer,
    parse_arguments,
    response_usage,
    results_in,
)
from perdure.agents import PermanentError, Run, TransientError
from perdure.agents import Usage as RunUsage

_USAGE: Final = TypeAdapter(ResponseUsage)
_THINKING_EVENTS: Final = (ResponseReasoningTextDeltaEvent, ResponseReasoningSummaryTextDeltaEvent)


@dataclass
class RunRequests:
    """The model requests that an agent makes in one execution.

    Attributes:
        run: The run.
        usage: What they have used by now, in this execution or an earlier one.
        answer_count: How many were answered in this execution.
    """

    run: Run
    usage: RunUsage = field(default_factory=RunUsage)
    answer_count: int = 0

    async def answer(self, request: "_ModelRequest") -> dict[str, Any]:
        """Answer a request, count it, and report that it is answered."""
        answer = await ask_model(self.run, request)
        self.usage += answer.usage
        self.answer_count += 1
        content = cast("dict[str, Any]", answer.content)
        called = [item for item in content["output"] if item["type"] == "function_call"]
        await report_answer(self.run, self.answer_count, [item["name"] for item in called])
        others = request.arguments.other_agents()
        for item in called:
            if item["name"] in others:
                given = parse_arguments(item["arguments"])
                await ToolCall(self.run, item["name"], item["call_id"], given).admit()
        return content


@dataclass(frozen=True)
class _RequestArguments:
    """The arguments of the SDK's request, in its order."""

    system_instructions: str | None
    input: str | list[TResponseInputItem]
    model_settings: ModelSettings
    tools: list[Tool]
    output_schema: AgentOutputSchemaBase | None
    handoffs: list[Handoff[Any, Any]]
    tracing: ModelTracing
    previous_response_id: str | None
    conversation_id: str | None
    prompt: ResponsePromptParam | None

    def other_agents(self) -> set[str]:
        """Return the names of the tools that are other agents, whose calls are no steps."""
        own_tools = {tool.name for tool in self.tools if getattr(tool, "_agent_instance", None)}
        return own_tools | {handoff.tool_name for handoff in self.handoffs}

    def payload(self) -> JsonValue:
        """Return what the model is sent, in JSON."""
        schema = self.output_schema
        plain = schema is None or schema.is_plain_text()
        payload: JsonValue = to_jsonable_python(
            {
                "instructions": self.system_instructions,
                "input": self.input,
                "settings": self.model_settings.to_json_dict(),
                "tools": [_tool_payload(tool) for tool in self.tools],
                "handoffs": [
                    [handoff.tool_name, handoff.tool_description, handoff.input_json_schema]
                    for handoff in self.handoffs
                ],
                "output": None if plain or schema is None else schema.json_schema(),
                "previous_response_id": self.previous_response_id,
                "conversation_id": self.conversation_id,
                "prompt": self.prompt,
            },
            fallback=str,
        )
        return payload


def _tool_payload(tool: Tool) -> list[object]:
    about = [getattr(tool, name, None) for name in ("description", "params_json_schema")]
    return [tool.name, *about]


@dataclass
class _ModelRequest:
    """A request of the SDK, as the run sends it."""

    model: str
    provider: str
    url: str | None
    payload: JsonValue
    max_tokens: int | None
    results: Sequence[SentResult]
    wrapped: Model
    arguments: _RequestArguments

    async def stream(self, max_tokens: int | None) -> AsyncIterator[str | Thinking | ModelAnswer]:
        """Ask for a stream, and yield its text, its thinking and the whole answer."""
        events = self.wrapped.stream_response(**self._arguments(max_tokens, streamed=True))
        has_begun = False
        async for event in events:
            if isinstance(event, ResponseTextDeltaEvent):
                yield event.delta
            elif isinstance(event, _THINKING_EVENTS):
                yield Thinking(event.delta)
            elif isinstance(event, ResponseCompletedEvent):
                response = event.response
                if not has_begun and not response.output and response.usage is None:
                    raise UnexpectedModelBehavior("what came is no stream")
                yield model_answer(response.output, response.usage, response.id)
            else:
                self._raise_if_ended(event)
            has_begun |= not isinstance(event, ResponseCreatedEvent)

    async def ask(self, max_tokens: int | None) -> ModelAnswer:
        """Ask without a stream."""
        arguments = self._arguments(max_tokens, streamed=False)
        response = await self.wrapped.get_response(**arguments)
        usage = response_usage(response.usage)
        return model_answer(response.output, usage, response.response_id)

    def _arguments(self, max_tokens: int | None, *, streamed: bool) -> dict[str, Any]:
        """Return the arguments of the SDK's request."""
        arguments, settings = self.arguments, self.arguments.model_settings
        if streamed and settings.include_usage is None:
            settings = replace(settings, include_usage=True)
        if max_tokens is not None:
            settings = replace(settings, max_tokens=max_tokens)
        return {
            "system_instructions": arguments.system_instructions,
            "input": arguments.input,
            "model_settings": settings,
            "tools": arguments.tools,
            "output_schema": arguments.output_schema,
            "handoffs": arguments.handoffs,
            "tracing": ModelTracing.DISABLED,
            "previous_response_id": arguments.previous_response_id,
            "conversation_id": arguments.conversation_id,
            "prompt": arguments.prompt,
        }

    def _raise_if_ended(self, event: TResponseStreamEvent) -> None:
        if isinstance(event, ResponseIncompleteEvent):
            details = event.response.incomplete_details
            reason = details.reason if details is not None else "no reason"
            raise PermanentError(f"the answer of {self.model} is not whole ({reason})")
        if isinstance(event, ResponseFailedEvent | ResponseErrorEvent):
            raise TransientError(f"{self.model} says that it failed half-way: it is asked again")


class DurableModel(Model):
    """A model of the SDK that a run asks.

    A streamed request is received to its end, and journaled, before the agent sees any of it.
    """

    def __init__(self, wrapped: Model, requests: RunRequests, *, implicit: bool = False) -> None:
        """Bind a model to a run.

        Args:
            wrapped: The model that is asked.
            requests: The run's requests.
            implicit: Whether the agent named no model, so that the settings that the SDK chooses
                for its own default model do not fit.
        """
        self._wrapped = wrapped
        self._requests = requests
        self._implicit = implicit

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002 -- the SDK's name
        model_settings: ModelSettings,
        tools: list[Tool],
        output_schema: AgentOutputSchemaBase | None,
        handoffs: list[Handoff[Any, Any]],
        tracing: ModelTracing,
        *,
        previous_response_id: str | None,
        conversation_id: str | None,
        prompt: ResponsePromptParam | None,
    ) -> ModelResponse:
        """Answer from the journal, or ask the model and journal its answer.

        Raises:
            StepFailed: The request failed.
        """
        arguments = _RequestArguments(
            system_instructions,
            input,
            model_settings,
            tools,
            output_schema,
            handoffs,
            tracing,
            previous_response_id,
            conversation_id,
            prompt,
        )
        output, usage, response_id = await self._answer(arguments)
        counted = Usage(requests=1)
        if usage is not None:
            counted = Usage(
                requests=1,
                input_tokens=usage.input_tokens,
                input_tokens_details=usage.input_tokens_details,
                output_tokens=usage.output_tokens,
                output_tokens_details=usage.output_tokens_details,
                total_tokens=usage.total_tokens,
            )
        return ModelResponse(output=output, usage=counted, response_id=response_id)

    async def stream_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002 -- the SDK's name
        model_settings: ModelSettings,
        tools: list[Tool],
        output_schema: AgentOutputSchemaBase | None,
        handoffs: list[Handoff[Any, Any]],
        tracing: ModelTracing,
        *,
        previous_response_id: str | None,
        conversation_id: str | None,
        prompt: ResponsePromptParam | None,
    ) -> AsyncIterator[TResponseStreamEvent]:
        """Do the same for a stream; its one event is the whole answer.

        Raises:
            StepFailed: See :meth:`get_response`.
        """
        arguments = _RequestArguments(
            system_instructions,
            input,
            model_settings,
            tools,
            output_schema,
            handoffs,
            tracing,
            previous_response_id,
            conversation_id,
            prompt,
        )
        output, usage, response_id = await self._answer(arguments)
        response = Response(
            id=response_id or "",
            created_at=0,
            model=_name_of(self._wrapped),
            object="response",
            output=output,
            parallel_tool_calls=True,
            tool_choice="auto",
            tools=[],
            usage=usage,
        )
        yield ResponseCompletedEvent(
            response=response, sequence_number=0, type="response.completed"
        )

    async def _answer(
        self, arguments: _RequestArguments
    ) -> tuple[list[TResponseOutputItem], ResponseUsage | None, str | None]:
        if self._implicit and arguments.model_settings == get_default_model_settings():
            arguments = replace(arguments, model_settings=ModelSettings())
        request = _ModelRequest(
            model=_name_of(self._wrapped),
            provider="openai",
            url=_url_of(self._wrapped),
            payload=arguments.payload(),
            max_tokens=arguments.model_settings.max_tokens,
            results=results_in(arguments.input),
            wrapped=self._wrapped,
            arguments=arguments,
        )
        content = await self._requests.answer(request)
        usage = None if content["usage"] is None else _USAGE.validate_python(content["usage"])
        return OUTPUT.validate_python(content["output"]), usage, content["id"]


class DurableModelProvider(ModelProvider):
    """Finds the models that agents name; one that names none gets what ``PERDURE_MODEL`` names."""

    def __init__(self, requests: RunRequests) -> None:
        self._requests = requests
        self._named = MultiProvider()

    def get_model(self, model_name: str | None) -> Model:
        """Return a model by name.

        Raises:
            PermanentError: None is named anywhere, or it speaks none of OpenAI's protocols.
        """
        if model_name is not None:
            return DurableModel(self._named.get_model(model_name), self._requests)
        return DurableModel(_configured_model(self._requests.run), self._requests, implicit=True)

    async def aclose(self) -> None:
        """Close the connections of models that agents name."""
        await self._named.aclose()


def _configured_model(run: Run) -> Model:
    """Return the model that ``PERDURE_MODEL`` names, with the client that pydantic-ai made."""
    model = run.model.wrapped
    # Retries are counted, waited for and paid for by the run, not once more in the client.
    if isinstance(model, OpenAIChatModel):
        client = model.client.with_options(max_retries=0)
        return OpenAIChatCompletionsModel(model.model_name, client)
    if isinstance(model, PydanticResponsesModel):
        client = model.client.with_options(max_retries=0)
        return OpenAIResponsesModel(model.model_name, client)
    raise PermanentError(
        f"PERDURE_MODEL names {model.system}:{model.model_name}, which speaks none of OpenAI's"
        " protocols: name another, or give the agent a model of its own"
    )


def _name_of(model: Model) -> str:
    return str(getattr(model, "model", None) or type(model).__name__)


def _url_of(model: Model) -> str | None:
    client: object = getattr(model, "_client", None)
    url: object = getattr(client, "base_url", None)
    return None if url is None else str(url)
