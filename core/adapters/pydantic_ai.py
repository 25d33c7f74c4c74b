"""Any pydantic-ai ``Agent`` as a durable agent.

Each model request is a step, and so is each call of a tool: made once, answered from the journal in
every later execution. Text is streamed to whoever follows the goal, usage is counted, and a tool
that needs an approval asks for it through the run, which holds no worker meanwhile.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Literal, TypeVar, cast

from pydantic import BaseModel, JsonValue

from perdure.adapters.conversion.goals import (
    MESSAGES_FILE,
    Prompt,
    denial_message,
    prompt_for,
    report_answer,
    result_for,
)
from perdure.adapters.conversion.tool_calls import ToolCall
from perdure.agents import AgentSpec, Goal, Result, Run, Usage
from perdure.agents.model_calls.model_factory import import_model
from perdure.agents.steps.encoding import to_json

try:
    from pydantic_ai import Agent, CallDeferred, ModelRetry, RunContext
    from pydantic_ai.capabilities import AbstractCapability
    from pydantic_ai.exceptions import ApprovalRequired, ToolFailed
    from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart, ToolReturn
    from pydantic_ai.models import ModelRequestContext
    from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults, ToolDenied
    from pydantic_ai.toolsets import AbstractToolset, WrapperToolset
    from pydantic_ai.toolsets.abstract import ToolsetTool

    from perdure.agents.model_calls.responses import usage_of
    from perdure.agents.model_calls.tool_parts import returned_text
except ImportError as error:
    raise ImportError(
        f"perdure.adapters.pydantic_ai needs pydantic-ai, which cannot be loaded ({error}): run"
        " pip install 'perdure[models]'"
    ) from error

D = TypeVar("D")
Out = TypeVar("Out")

UNJOURNALED: Final = "durable"
"""A tool with this as ``False`` in its metadata is no step: it always runs again, and may wait."""


def durable(
    agent: Agent[D, Out],
    *,
    name: str,
    description: str,
    parameters: type[BaseModel] | None = None,
    prompt: Prompt | None = None,
    deps: Callable[[Run, Goal], D] | None = None,
    examples: Sequence[str] = (),
    streamed: bool = True,
) -> AgentSpec:
    """Make a durable agent of a pydantic-ai agent.

    ::

        agent = pydantic_ai.Agent(instructions="Answer in one sentence.")
        ANSWER = durable(agent, name="answer", description="Answers a question.")

    The agent's own model is asked, or the one that ``PERDURE_MODEL`` names where it has none. Its
    output is the result: text as its summary, anything else as its data. The messages are an
    artifact, ``messages.json``.

    A tool is done once, whatever happens afterwards: what it returns, or asks to be tried again
    for, is journaled. A failure that is known to pass is tried again in place. A tool that itself
    waits, with a run that it has from its ``deps``, is kept out of the journal with
    ``metadata={"durable": False}``.

    A tool that requires approval asks with ``run.approve``, and the model is told when the answer
    is no. The result of a tool that is done elsewhere (``CallDeferred``) comes as a signal with the
    tool's name.

    Args:
        agent: A pydantic-ai agent; it is not changed.
        name: The agent's name: lower-case words joined by hyphens.
        description: What it does, in one sentence.
        parameters: The Pydantic model of its parameters.
        prompt: Returns what it is told; the goal's description and parameters when not given.
        deps: Returns what its tools and instructions are given; the checked parameters when not
            given.
        examples: Descriptions of goals it is good at.
        streamed: Whether its model is asked for streams, so that text is emitted as it comes.

    Raises:
        ValueError: The name is none.
    """

    async def execute(run: Run, goal: Goal) -> Result:
        agent_deps: Any = None
        if deps is not None:
            agent_deps = deps(run, goal)
        elif parameters is not None:
            agent_deps = parameters.model_validate(goal.parameters)
        if isinstance(agent.model, str):
            await import_model(agent.model)
        model = run.model if agent.model is None else run.durable(agent.model)
        model = model.without_judging_calls()  # the toolset below does that
        agent_result = await agent.run(
            prompt_for(goal, prompt),
            model=model if streamed else model.unstreamed(),
            deps=agent_deps,
            capabilities=[_RunCapability(run)],
            event_stream_handler=agent.event_stream_handler or (_drain if streamed else None),
        )
        await run.artifact(MESSAGES_FILE, _reproducible(agent_result.all_messages_json()))
        return result_for(agent_result.output, _usage_of_messages(agent_result.new_messages()))

    return AgentSpec(
        name=name,
        description=description,
        agent=execute,
        parameters=parameters,
        examples=tuple(examples),
    )


@dataclass
class _RunCapability(AbstractCapability[Any]):
    """Connects an agent to a run: its tools are journaled, and its approvals asked for."""

    run: Run
    answer_count: int = 0

    async def after_model_request(
        self,
        ctx: RunContext[Any],  # noqa: ARG002 -- it is given by name
        *,
        request_context: ModelRequestContext,  # noqa: ARG002
        response: ModelResponse,
    ) -> ModelResponse:
        self.answer_count += 1
        await report_answer(
            self.run, self.answer_count, [call.tool_name for call in response.tool_calls]
        )
        return response

    def get_wrapper_toolset(self, toolset: AbstractToolset[Any]) -> AbstractToolset[Any]:
        return _JournaledToolset(toolset, self.run)

    async def handle_deferred_tool_calls(
        self,
        ctx: RunContext[Any],  # noqa: ARG002 -- it is given by name
        *,
        requests: DeferredToolRequests,
    ) -> DeferredToolResults:
        for call in requests.calls:
            await ToolCall(self.run, call.tool_name, call.tool_call_id, call.args).admit()
        approvals = [self._approval(call) for call in requests.approvals]
        signals = [self.run.wait_for(call.tool_name) for call in requests.calls]
        answers = await asyncio.gather(*approvals, *signals)
        return DeferredToolResults(
            approvals={
                call.tool_call_id: answer
                for call, answer in zip(requests.approvals, answers, strict=False)
            },
            calls={
                call.tool_call_id: answer
                for call, answer in zip(requests.calls, answers[len(approvals) :], strict=True)
            },
        )

    async def _approval(self, call: ToolCallPart) -> Any:
        question = f"Call the tool {call.tool_name}?"
        decision = await self.run.approve(question, call.args_as_dict())
        if decision:
            return True
        return ToolDenied(denial_message(decision))


class _ToolOutcome(BaseModel):
    """The outcome of a call of a tool, as the journal keeps it."""

    kind: Literal["returned", "retry", "failed", "approval", "deferred"]
    plain: bool = True
    returned: ToolReturn | None = None
    message: str = ""
    metadata: dict[str, JsonValue] | None = None

    def unwrap(self) -> object:
        match self.kind:
            case "retry":
                raise ModelRetry(self.message)
            case "failed":
                raise ToolFailed(self.message)
            case "approval":
                raise ApprovalRequired(self.metadata)
            case "deferred":
                raise CallDeferred(self.metadata)
        if self.plain and self.returned is not None:
            return self.returned.return_value
        return self.returned


@dataclass
class _JournaledToolset(WrapperToolset[Any]):
    """Makes each call of a tool a step of a run."""

    run: Run

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        call = super().call_tool
        tool_call = ToolCall(self.run, name, ctx.tool_call_id, tool_args)
        if (tool.tool_def.metadata or {}).get(UNJOURNALED) is False:
            await tool_call.admit()
            return await call(name, tool_args, ctx, tool)

        async def body(arguments: dict[str, Any]) -> _ToolOutcome:
            outcome = await _tool_outcome(partial(call, name, arguments, ctx, tool))
            # The model is sent JSON, whatever the tool returned.
            sent = to_json(outcome, what=f"what the tool {name!r} returned")
            return _ToolOutcome.model_validate_json(json.dumps(sent))

        outcome = await tool_call.step(body, tool_args)
        if outcome.returned is not None:
            await tool_call.report(returned_text(name, outcome.returned.return_value))
        elif outcome.kind in {"retry", "failed"}:
            await tool_call.report(outcome.message, failed=True)
        return outcome.unwrap()


async def _tool_outcome(call: Callable[[], Any]) -> _ToolOutcome:
    try:
        value = await call()
    except ModelRetry as error:
        return _ToolOutcome(kind="retry", message=error.message)
    except ToolFailed as error:
        return _ToolOutcome(kind="failed", message=error.message)
    except ApprovalRequired as error:
        return _ToolOutcome(kind="approval", metadata=error.metadata)
    except CallDeferred as error:
        return _ToolOutcome(kind="deferred", metadata=error.metadata)
    if isinstance(value, ToolReturn):
        returned = replace(value, return_value=_without_bytes(value.return_value))
        return _ToolOutcome(kind="returned", plain=False, returned=returned)
    return _ToolOutcome(kind="returned", returned=ToolReturn(_without_bytes(value)))


def _without_bytes(value: object) -> object:
    """Return a tool's value with bytes as the text that pydantic-ai sends a model for them."""
    if isinstance(value, bytes | bytearray):
        return base64.urlsafe_b64encode(value).decode()
    if isinstance(value, Mapping):
        return {name: _without_bytes(item) for name, item in value.items()}
    # A tuple with names has no constructor that takes its items.
    if type(value) in (list, tuple):
        return [_without_bytes(item) for item in cast("list[object]", value)]
    return value


async def _drain(_: RunContext[Any], events: AsyncIterable[object]) -> None:
    async for _event in events:
        pass


def _usage_of_messages(messages: Sequence[ModelMessage]) -> Usage:
    responses = [message for message in messages if isinstance(message, ModelResponse)]
    return sum((usage_of(response) for response in responses), Usage())


def _reproducible(messages: bytes) -> str:
    """Leave out what differs between executions: when a request was put together, and in which."""
    document: list[dict[str, Any]] = json.loads(messages)
    for message in document:
        timed = [message, *message["parts"]] if message["kind"] == "request" else []
        for part in timed:
            part.pop("timestamp", None)
        for name in ("conversation_id", "run_id"):
            message.pop(name, None)
    return json.dumps(document, indent=1, ensure_ascii=False)
