"""Wrappers around the tools and models of the SDK's agents, whose calls become steps of a run.

They are wrapped in place, because the SDK's handoffs and agents that are tools keep a reference to
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

from perdure.adapters.openai_agents.models import DurableModel, RunRequests

_CURRENT: Final[ContextVar[RunRequests | None]] = ContextVar("requests", default=None)
_UNSUPPORTED_TOOLS: Final = (ApplyPatchTool, ComputerTool, CustomTool, LocalShellTool, ShellTool)


@contextmanager
def active_requests(requests: RunRequests) -> Iterator[None]:
    """Make what agents do in the block steps of one run."""
    token = _CURRENT.set(requests)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def wrap_agent(agent: Agent[Any]) -> None:
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
        _check_tools(one)
        if isinstance(one.model, Model) and not isinstance(one.model, _ModelWrapper):
            one.model = _ModelWrapper(one.model)
        one.tools = [_wrap_tool(tool) for tool in one.tools]
        pending += _reachable_agents(one)


def _check_tools(agent: Agent[Any]) -> None:
    if agent.mcp_servers:
        raise ValueError(
            f"agent {agent.name!r} has tools of MCP servers, whose calls cannot be journaled: make"
            " function tools of those it needs"
        )
    for tool in agent.tools:
        if isinstance(tool, _UNSUPPORTED_TOOLS):
            raise ValueError(  # noqa: TRY004 -- it is of a type that the SDK takes
                f"agent {agent.name!r} has the tool {tool.name!r}, whose calls cannot be journaled:"
                " make a function tool of what it needs"
            )


def _reachable_agents(agent: Agent[Any]) -> list[Agent[Any]]:
    reached: list[object] = [getattr(tool, "_agent_instance", None) for tool in agent.tools]
    for handoff in agent.handoffs:
        if isinstance(handoff, Agent):
            reached.append(handoff)
        else:
            reference = getattr(handoff, "_agent_ref", None)
            reached.append(None if reference is None else reference())
    return [other for other in reached if isinstance(other, Agent)]


def _wrap_tool(tool: Tool) -> Tool:
    if not isinstance(tool, FunctionTool) or isinstance(tool.on_invoke_tool, _ToolInvoker):
        return tool
    if getattr(tool, "_agent_instance", None) is not None:
        return tool  # what that agent does is journaled, step by step
    wrapped = copy.copy(tool)
    wrapped.on_invoke_tool = _ToolInvoker(tool)
    # Its timeout runs within the step, so that a later execution finds that it was over.
    wrapped.timeout_seconds = None
    return wrapped


class _ToolInvoker:
    """Calls a function tool, as a step where there is a run."""

    def __init__(self, tool: FunctionTool) -> None:
        self._tool = tool

    async def __call__(self, context: ToolContext[Any], arguments: str) -> Any:
        requests = _CURRENT.get()
        if requests is None:
            return await self._invoke(context, arguments)

        async def body(_: JsonValue) -> JsonValue:
            return _as_json(await self._invoke(context, arguments))

        return await requests.run.step(f"tool {self._tool.name}", body, _parse_arguments(arguments))

    async def _invoke(self, context: ToolContext[Any], arguments: str) -> Any:
        return await invoke_function_tool(
            function_tool=self._tool, context=context, arguments=arguments
        )


class _ModelWrapper(Model):
    """Asks a model, through the run where there is one."""

    def __init__(self, wrapped: Model) -> None:
        self._wrapped = wrapped

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        return await self._current_model().get_response(*args, **kwargs)

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[TResponseStreamEvent]:
        return self._current_model().stream_response(*args, **kwargs)

    async def close(self) -> None:
        await self._wrapped.close()

    def _current_model(self) -> Model:
        requests = _CURRENT.get()
        return self._wrapped if requests is None else DurableModel(self._wrapped, requests)


def _parse_arguments(arguments: str) -> JsonValue:
    try:
        parsed: JsonValue = json.loads(arguments)
    except ValueError:
        return arguments
    return parsed


def _as_json(value: object) -> JsonValue:
    """Return what the SDK would send the model of a tool's value, in JSON."""
    if value is not None and not isinstance(value, str | int | float | list | tuple | dict):
        is_output = isinstance(value, BaseModel) and type(value).__module__ == "agents.tool"
        value = value if is_output else str(value)
    plain: JsonValue = to_jsonable_python(value, fallback=str)
    return plain
