"""Wrappers around the tools and models of the SDK's agents, whose calls become steps of a run.

They are wrapped in place, because the SDK's handoffs and agents that are tools keep a reference to
the very agents they were made of. Outside of a run the wrapped ones do what they did before.
"""

import copy
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
from agents.run_context import RunContextWrapper
from agents.tool import (
    default_tool_timeout_error_message,
    invoke_function_tool,
    resolve_function_tool_failure_error_function,
    set_function_tool_failure_error_function,
)
from agents.tool_context import ToolContext
from pydantic import BaseModel, JsonValue
from pydantic_core import to_jsonable_python

from perdure.adapters.conversion.tool_calls import ToolCall
from perdure.adapters.openai_agents.answers import parse_arguments
from perdure.adapters.openai_agents.models import DurableModel, RunRequests
from perdure.agents.steps.errors import failure_from

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
            return await _invoke(self._tool, context, arguments)

        errors: list[Exception] = []
        tool = _with_noted_errors(self._tool, context, errors)

        async def body(_: JsonValue) -> JsonValue:
            return _as_json(await _invoke(tool, context, arguments))

        given = parse_arguments(arguments)
        tool_call = ToolCall(requests.run, self._tool.name, context.tool_call_id, given)
        value = await tool_call.step(body, given)
        # The model is sent what the tool, or the SDK, makes of its error; readers get the error.
        shown = failure_from(errors[-1]).message if errors else value
        await tool_call.report(shown, failed=bool(errors))
        return value


async def _invoke(tool: FunctionTool, context: ToolContext[Any], arguments: str) -> Any:
    return await invoke_function_tool(function_tool=tool, context=context, arguments=arguments)


def _with_noted_errors(
    tool: FunctionTool, context: ToolContext[Any], errors: list[Exception]
) -> FunctionTool:
    """Return a tool that also notes the errors which its model gets as a text."""
    to_text = resolve_function_tool_failure_error_function(tool, context)
    timed_out = tool.timeout_error_function
    noting = copy.copy(tool)

    def note(sdk_context: RunContextWrapper[Any], error: Exception) -> Any:
        errors.append(error)
        return None if to_text is None else to_text(sdk_context, error)

    def note_timeout(sdk_context: RunContextWrapper[Any], error: Exception) -> Any:
        errors.append(error)
        if timed_out is not None:
            return timed_out(sdk_context, error)
        return default_tool_timeout_error_message(
            tool_name=tool.name, timeout_seconds=tool.timeout_seconds or 0
        )

    if to_text is not None:
        set_function_tool_failure_error_function(noting, note)
    noting.timeout_error_function = note_timeout
    return noting


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


def _as_json(value: object) -> JsonValue:
    """Return what the SDK would send the model of a tool's value, in JSON."""
    if value is not None and not isinstance(value, str | int | float | list | tuple | dict):
        is_output = isinstance(value, BaseModel) and type(value).__module__ == "agents.tool"
        value = value if is_output else str(value)
    plain: JsonValue = to_jsonable_python(value, fallback=str)
    return plain
