"""Models of the OpenAI Agents SDK whose requests are steps of a run."""

from collections.abc import AsyncIterator
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
    ResponseErrorEvent,
    ResponseFailedEvent,
    ResponseFunctionToolCall,
    ResponseIncompleteEvent,
    ResponseOutputMessage,
    ResponseTextDeltaEvent,
    ResponseUsage,
)
from openai.types.responses.response_prompt_param import ResponsePromptParam
from pydantic import JsonValue, TypeAdapter
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.openai import OpenAIResponsesModel as PydanticResponsesModel
from pydantic_core import to_jsonable_python

from perdure.adapters.asking import Answered, ask
from perdure.adapters.goals import tell_answer
from perdure.agents import PermanentError, Run, TransientError
from perdure.agents import Usage as Spent

_OUTPUT: Final[TypeAdapter[list[TResponseOutputItem]]] = TypeAdapter(list[TResponseOutputItem])
_USAGE: Final = TypeAdapter(ResponseUsage)


@dataclass
class Asking:
    """The requests of one pass of a run.

    Attributes:
        run: The run.
        usage: What its requests have used by now, in this pass or an earlier one.
        answers: How many there were in this pass.
    """

    run: Run
    usage: Spent = field(default_factory=Spent)
    answers: int = 0

    async def answer(self, request: "_Request") -> dict[str, Any]:
        """Answer a request, count it, and tell that it is answered."""
        made = await ask(self.run, request)
        self.usage += made.usage
        self.answers += 1
        said = cast("dict[str, Any]", made.content)
        called = [item["name"] for item in said["output"] if item["type"] == "function_call"]
        await tell_answer(self.run, self.answers, called)
        return said


@dataclass(frozen=True)
class _Call:
    """What the SDK hands a model, in the order in which it does."""

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

    def shown(self) -> JsonValue:
        """Return what the model is shown, in JSON."""
        schema = self.output_schema
        plain = schema is None or schema.is_plain_text()
        shown: JsonValue = to_jsonable_python(
            {
                "instructions": self.system_instructions,
                "input": self.input,
                "settings": self.model_settings.to_json_dict(),
                "tools": [_described(tool) for tool in self.tools],
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
        return shown


def _described(tool: Tool) -> list[object]:
    about = [getattr(tool, name, None) for name in ("description", "params_json_schema")]
    return [tool.name, *about]


@dataclass
class _Request:
    """A request of the SDK's, as it is asked by the run."""

    model: str
    provider: str
    url: str | None
    shown: JsonValue
    max_tokens: int | None
    asked: Model
    call: _Call

    async def send(self, max_tokens: int | None) -> AsyncIterator[str | Answered]:
        """Ask for a stream, and yield its text and the whole answer."""
        call, settings = self.call, self.call.model_settings
        if settings.include_usage is None:
            settings = replace(settings, include_usage=True)
        if max_tokens is not None:
            settings = replace(settings, max_tokens=max_tokens)
        events = self.asked.stream_response(
            call.system_instructions,
            call.input,
            settings,
            call.tools,
            call.output_schema,
            call.handoffs,
            ModelTracing.DISABLED,
            previous_response_id=call.previous_response_id,
            conversation_id=call.conversation_id,
            prompt=call.prompt,
        )
        async for event in events:
            if isinstance(event, ResponseTextDeltaEvent):
                yield event.delta
            elif isinstance(event, ResponseCompletedEvent):
                yield _answered(event.response)
            else:
                self._see_that_it_goes_on(event)

    def _see_that_it_goes_on(self, event: TResponseStreamEvent) -> None:
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

    def __init__(self, wrapped: Model, asking: Asking, *, implicit: bool = False) -> None:
        """Bind a model to a run.

        Args:
            wrapped: The model that is asked.
            asking: The run's requests.
            implicit: Whether the agent named no model, so that the settings that the SDK chooses
                for its own default model do not fit.
        """
        self._wrapped = wrapped
        self._asking = asking
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
        """Answer from the journal, or ask the model and journal what it says.

        Raises:
            StepFailed: The request failed.
        """
        call = _Call(
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
        output, usage, response_id = await self._answer(call)
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
        call = _Call(
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
        output, usage, response_id = await self._answer(call)
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
        self, call: _Call
    ) -> tuple[list[TResponseOutputItem], ResponseUsage | None, str | None]:
        if self._implicit and call.model_settings == get_default_model_settings():
            call = replace(call, model_settings=ModelSettings())
        request = _Request(
            model=_name_of(self._wrapped),
            provider="openai",
            url=_url_of(self._wrapped),
            shown=call.shown(),
            max_tokens=call.model_settings.max_tokens,
            asked=self._wrapped,
            call=call,
        )
        said = await self._asking.answer(request)
        usage = None if said["usage"] is None else _USAGE.validate_python(said["usage"])
        return _OUTPUT.validate_python(said["output"]), usage, said["id"]


class Provider(ModelProvider):
    """Finds the models that agents name; one that names none gets what ``PERDURE_MODEL`` names."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._named = MultiProvider()

    def get_model(self, model_name: str | None) -> Model:
        """Return a model by name.

        Raises:
            PermanentError: None is named anywhere, or it speaks none of OpenAI's protocols.
        """
        if model_name is not None:
            return DurableModel(self._named.get_model(model_name), self._asking)
        return DurableModel(_chosen(self._asking.run), self._asking, implicit=True)

    async def aclose(self) -> None:
        """Let go of the connections of models that agents name."""
        await self._named.aclose()


def _chosen(run: Run) -> Model:
    """Return the model that ``PERDURE_MODEL`` names, with the client that pydantic-ai made."""
    chosen = run.model.wrapped
    # Tries are counted, waited for and paid for by the run, not once more in the client.
    if isinstance(chosen, OpenAIChatModel):
        client = chosen.client.with_options(max_retries=0)
        return OpenAIChatCompletionsModel(chosen.model_name, client)
    if isinstance(chosen, PydanticResponsesModel):
        client = chosen.client.with_options(max_retries=0)
        return OpenAIResponsesModel(chosen.model_name, client)
    raise PermanentError(
        f"PERDURE_MODEL names {chosen.system}:{chosen.model_name}, which speaks none of OpenAI's"
        " protocols: name another, or give the agent a model of its own"
    )


def _answered(response: Response) -> Answered:
    usage = response.usage
    messages = [item for item in response.output if isinstance(item, ResponseOutputMessage)]
    said = [getattr(part, "text", "") for message in messages for part in message.content]
    called = [item for item in response.output if isinstance(item, ResponseFunctionToolCall)]
    return Answered(
        content={
            "output": _OUTPUT.dump_python(response.output, mode="json", exclude_unset=True),
            "usage": None if usage is None else usage.model_dump(mode="json"),
            "id": response.id,
        },
        text="".join(said),
        tools=tuple((call.name, call.call_id) for call in called),
        input_tokens=0 if usage is None else usage.input_tokens,
        output_tokens=0 if usage is None else usage.output_tokens,
    )


def _name_of(model: Model) -> str:
    return str(getattr(model, "model", None) or type(model).__name__)


def _url_of(model: Model) -> str | None:
    client: object = getattr(model, "_client", None)
    url: object = getattr(client, "base_url", None)
    return None if url is None else str(url)
