"""What is recorded of an execution's steps and waits; nothing where traces are off."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, Token
from datetime import datetime
from types import TracebackType
from typing import Final, NamedTuple

from perdure.models import Failure
from perdure.telemetry import conventions as names
from perdure.telemetry.traces.current_execution import SECOND, execution, nanoseconds
from perdure.telemetry.traces.library_spans import count_step
from perdure.telemetry.traces.process import tracer
from perdure.telemetry.traces.recorded_span import OFF, RecordedSpan


class _ToolCall(NamedTuple):
    """The call of a tool that the next step is."""

    tool: str
    call_id: str | None


_tool: Final[ContextVar[_ToolCall | None]] = ContextVar("traced_tool", default=None)


class _Step:
    """The block of a step: its span is the current one, and pydantic-ai counts it as executed.

    No generator, as a step waits for it.
    """

    __slots__ = ("_span", "_token")

    def __init__(self, span: RecordedSpan, token: Token[_ToolCall | None] | None = None) -> None:
        self._span = span
        self._token = token

    def __enter__(self) -> RecordedSpan:
        return self._span.__enter__()

    def __exit__(
        self,
        type_: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._span.__exit__(type_, error, traceback)
        if self._token is not None:
            _tool.reset(self._token)
        count_step(executed=True)


@contextmanager
def calling_tool(tool: str, call_id: str | None) -> Iterator[None]:
    """Record the step of the block as a call of a tool.

    Args:
        tool: The tool.
        call_id: What identifies the call, if a model has made it.
    """
    token = _tool.set(_ToolCall(tool, call_id))
    try:
        yield
    finally:
        _tool.reset(token)


def step(name: str, number: int, *identity: object) -> AbstractContextManager[RecordedSpan]:
    """Record a block as a step.

    Args:
        name: Its name.
        number: Which of that name it is in its execution.
        identity: What makes it the same step in a later execution, beside its name.
    """
    current, own = execution.get(), tracer()
    if current is None or own is None:
        return OFF
    called = _tool.get()
    attributes = {names.STEP: name, names.STEP_NUMBER: number or None}
    span_id = current.step_id(name, identity)
    if called is None:
        return _Step(own.begin(name, attributes, span_id=span_id))
    attributes |= {
        names.OPERATION: names.EXECUTE_TOOL,
        names.TOOL_NAME: called.tool,
        names.TOOL_CALL_ID: called.call_id,
    }
    span = own.begin(f"{names.EXECUTE_TOOL} {called.tool}", attributes, span_id=span_id)
    return _Step(span, _tool.set(None))  # steps within it are no calls


def model_request(
    provider: str, model: str, name: str, number: int, *identity: object
) -> AbstractContextManager[RecordedSpan]:
    """Record a block as a request of a model, which is a step too; see :func:`step`."""
    current, own = execution.get(), tracer()
    if current is None or own is None:
        return OFF
    attributes = {
        names.OPERATION: names.CHAT,
        names.PROVIDER: provider,
        names.REQUEST_MODEL: model,
        names.CONVERSATION: current.workflow_id,
        names.STEP: name,
        names.STEP_NUMBER: number or None,
    }
    span_id = current.step_id(name, identity)
    return _Step(own.begin(f"{names.CHAT} {model}", attributes, kind="client", span_id=span_id))


def wait_ended(
    name: str,
    number: int,
    kind: str,
    ended_at: datetime,
    seconds: float,
    failure: Failure | None,
    *identity: object,
) -> None:
    """Record a wait that is over, in the execution that takes its outcome.

    Args:
        name: Its name as a step.
        number: Which of that name it is in its execution.
        kind: What was waited for.
        ended_at: When it was over.
        seconds: How long it took.
        failure: Why it has no outcome but this.
        identity: What makes it the same wait in a later execution, beside its name.
    """
    current, own = execution.get(), tracer()
    if current is None or own is None:
        return
    from perdure.telemetry.traces.tracer import below

    end = nanoseconds(ended_at)
    attributes = {names.STEP: name, names.STEP_NUMBER: number or None, names.WAIT: kind}
    span = own.begin(
        name,
        attributes,
        context=below(current.trace),
        span_id=current.step_id(name, identity),
        at=end - int(seconds * SECOND),
    )
    span.failed(failure)
    span.end(end)


def tool_called(
    tool: str, call_id: str, began_at: datetime, seconds: float, *, failed: bool
) -> None:
    """Record a call of a tool that the agent's own library has made."""
    current, own = execution.get(), tracer()
    if current is None or own is None:
        return
    attributes = {
        names.OPERATION: names.EXECUTE_TOOL,
        names.TOOL_NAME: tool,
        names.TOOL_CALL_ID: call_id,
    }
    begin = nanoseconds(began_at)
    span = own.begin(f"{names.EXECUTE_TOOL} {tool}", attributes, at=begin)
    if failed:
        span.fail("ToolFailed")
    span.end(begin + int(seconds * SECOND))


def answered_from_journal(name: str, number: int) -> None:
    """Note, in the current span, a step or a wait whose outcome was on record."""
    own = tracer()
    if own is not None and execution.get() is not None:
        attributes = {names.STEP: name, names.STEP_NUMBER: number or None}
        own.event(names.ANSWERED_FROM_JOURNAL, attributes)
        count_step(executed=False)
