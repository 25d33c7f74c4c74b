"""Tools and models of agents of the OpenAI Agents SDK, made steps of whichever run uses them.

They are wrapped where they stand, because the SDK's handoffs and agents that are tools hold on to
the very agents they were made of. Outside of a run the wrapped ones do what they did before.
"""

import copy
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from agents import (
    Agent,
    ApplyPatchTool,
    ComputerTool,
    CustomTool,
    FunctionTool,
    LocalShellTool,
    Model,
    ModelResponse,
    ShellTool,
    Tool,
)
from agents.items import TResponseStreamEvent
from agents.tool import invoke_function_tool
from agents.tool_context import ToolContext
from pydantic import BaseModel, JsonValue
from pydantic_core import to_jsonable_python

from perdure.adapters.openai_agents_models import Asking, DurableModel

_ASKING: Final[ContextVar[Asking | None]] = ContextVar("asking", default=None)
_UNJOURNALED: Final = (ApplyPatchTool, ComputerTool, CustomTool, LocalShellTool, ShellTool)


@contextmanager
def asking_now(asking: Asking) -> Iterator[None]:
    """Make steps of one run of what agents do in the block."""
    token = _ASKING.set(asking)
    try:
        yield
    finally:
        _ASKING.reset(token)


def wrap(agent: Agent[Any]) -> None:
    """Wrap the tools and models of an agent, and of every agent that it reaches, once.

    Raises:
        ValueError: One of them has tools that cannot be journaled.
    """
    pending, seen = [agent], set[int]()
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        _see_that_it_can_be_journaled(one)
        if isinstance(one.model, Model) and not isinstance(one.model, _WrappedModel):
            one.model = _WrappedModel(one.model)
        one.tools = [_wrapped(tool) for tool in one.tools]
        pending += _reached_from(one)


def _see_that_it_can_be_journaled(agent: Agent[Any]) -> None:
    if agent.mcp_servers:
        raise ValueError(
            f"agent {agent.name!r} has tools of MCP servers, whose calls cannot be journaled: make"
            " function tools of those it needs"
        )
    for tool in agent.tools:
        if isinstance(tool, _UNJOURNALED):
            raise ValueError(  # noqa: TRY004 -- it is of a type that the SDK takes
                f"agent {agent.name!r} has the tool {tool.name!r}, whose calls cannot be journaled:"
                " make a function tool of what it needs"
            )


def _reached_from(agent: Agent[Any]) -> list[Agent[Any]]:
    reached: list[object] = [getattr(tool, "_agent_instance", None) for tool in agent.tools]
    for handoff in agent.handoffs:
        if isinstance(handoff, Agent):
            reached.append(handoff)
        else:
            reference = getattr(handoff, "_agent_ref", None)
            reached.append(None if reference is None else reference())
    return [other for other in reached if isinstance(other, Agent)]


def _wrapped(tool: Tool) -> Tool:
    if not isinstance(tool, FunctionTool) or isinstance(tool.on_invoke_tool, _Invoker):
        return tool
    if getattr(tool, "_agent_instance", None) is not None:
        return tool  # what that agent does is journaled, step by step
    wrapped = copy.copy(tool)
    wrapped.on_invoke_tool = _Invoker(tool)
    # Its time runs within the step, so that a later pass finds that it was over.
    wrapped.timeout_seconds = None
    return wrapped


class _Invoker:
    """Calls a function tool, as a step where there is a run."""

    def __init__(self, tool: FunctionTool) -> None:
        self._tool = tool

    async def __call__(self, context: ToolContext[Any], arguments: str) -> Any:
        asking = _ASKING.get()
        if asking is None:
            return await self._invoke(context, arguments)

        async def body(_: JsonValue) -> JsonValue:
            return _plain(await self._invoke(context, arguments))

        return await asking.run.step(f"tool {self._tool.name}", body, _parsed(arguments))

    async def _invoke(self, context: ToolContext[Any], arguments: str) -> Any:
        return await invoke_function_tool(
            function_tool=self._tool, context=context, arguments=arguments
        )


class _WrappedModel(Model):
    """Asks a model, through the run where there is one."""

    def __init__(self, wrapped: Model) -> None:
        self._wrapped = wrapped

    async def get_response(self, *given: Any, **named: Any) -> ModelResponse:
        return await self._now().get_response(*given, **named)

    def stream_response(self, *given: Any, **named: Any) -> AsyncIterator[TResponseStreamEvent]:
        return self._now().stream_response(*given, **named)

    async def close(self) -> None:
        await self._wrapped.close()

    def _now(self) -> Model:
        asking = _ASKING.get()
        return self._wrapped if asking is None else DurableModel(self._wrapped, asking)


def _parsed(arguments: str) -> JsonValue:
    try:
        parsed: JsonValue = json.loads(arguments)
    except ValueError:
        return arguments
    return parsed


def _plain(value: object) -> JsonValue:
    """Return what the SDK would tell the model of a tool's value, in JSON."""
    if value is not None and not isinstance(value, str | int | float | list | tuple | dict):
        is_output = isinstance(value, BaseModel) and type(value).__module__ == "agents.tool"
        value = value if is_output else str(value)
    plain: JsonValue = to_jsonable_python(value, fallback=str)
    return plain
