"""What the parts of Perdure record of a goal's way; nothing where traces are off."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from perdure.models import DEFAULT_TENANT, Failure, Goal, GoalStatus, Score, Usage
from perdure.redaction import without_secrets
from perdure.telemetry.traces import conventions as names
from perdure.telemetry.traces.goal_trace import GoalTrace
from perdure.telemetry.traces.library_spans import count_step
from perdure.telemetry.traces.process import tracer
from perdure.telemetry.traces.recorded_span import OFF, RecordedSpan

AttributeValue = str | int | float | bool | None

_BILLION: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Execution:
    """The execution that the current task is part of."""

    trace: GoalTrace
    attempt: int
    sequence: int
    run_id: str


_execution: Final[ContextVar[_Execution | None]] = ContextVar("traced_execution", default=None)
_tool: Final[ContextVar[tuple[str, str | None] | None]] = ContextVar("traced_tool", default=None)


def goal_ended(
    workflow_id: str,
    goal_id: str,
    agent: str,
    tenant: str,
    trace: str | None,
    spent: Usage,
    status: GoalStatus,
    failure: Failure | None,
    ended_at: datetime,
    seconds: float,
) -> None:
    """Record a goal that has ended: called once, by whoever has closed its record.

    Args:
        workflow_id: Its run.
        goal_id: Its caller's name for it.
        agent: Its agent.
        tenant: Whose it is.
        trace: Its encoded trace.
        spent: What it has used.
        status: How it ended.
        failure: Why it failed.
        ended_at: When.
        seconds: How long it took.
    """
    if (own := tracer()) is None:
        return
    from perdure.telemetry.traces.tracer import below

    goal = GoalTrace.of(trace, workflow_id)
    end = _nanoseconds(ended_at)
    attributes = {
        names.OPERATION: names.INVOKE_WORKFLOW,
        names.AGENT_NAME: agent,
        names.CONVERSATION: workflow_id,
        names.WORKFLOW_ID: workflow_id,
        names.GOAL_ID: goal_id,
        names.TENANT: tenant if tenant != DEFAULT_TENANT else None,
        names.STATUS: status.value,
    }
    span = RecordedSpan(
        opened := own.begin(
            f"{names.INVOKE_WORKFLOW} {agent}",
            attributes,
            context=below(goal, goal.parent_id),
            span_id=goal.span_id,
            trace_id=goal.trace_id,
            at=end - int(seconds * _BILLION),
        )
    )
    span.used(spent)
    span.failed(failure)
    opened.end(end)


@contextmanager
def execution(
    goal: Goal, workflow_id: str, run_id: str, sequence: int, attempt: int
) -> Iterator[RecordedSpan]:
    """Record the block as an execution of a goal's agent.

    Args:
        goal: The goal.
        workflow_id: Its run.
        run_id: The Temporal run.
        sequence: Which of its executions it is.
        attempt: Which attempt it belongs to.
    """
    if (own := tracer()) is None:
        yield OFF
        return
    from perdure.telemetry.traces.tracer import below

    trace = GoalTrace.of(goal.trace, workflow_id)
    span = own.begin(
        f"{names.INVOKE_AGENT} {goal.agent_type}",
        _execution_attributes(goal, workflow_id, sequence) | {names.ATTEMPT: attempt},
        context=below(trace),
        span_id=trace.derived("execution", run_id, sequence),
    )
    token = _execution.set(_Execution(trace, attempt, sequence, run_id))
    try:
        with own.during(span):
            yield RecordedSpan(span)
    finally:
        _execution.reset(token)


def execution_lost(
    goal: Goal, workflow_id: str, run_id: str, sequence: int, began: int, ended: int
) -> None:
    """Record an execution whose worker is gone, in its place.

    Args:
        goal: The goal.
        workflow_id: Its run.
        run_id: The Temporal run.
        sequence: Which of its executions it was.
        began: When it was scheduled, in nanoseconds since 1970.
        ended: When its end was noticed, likewise.
    """
    if (own := tracer()) is None:
        return
    from perdure.telemetry.traces.tracer import below

    trace = GoalTrace.of(goal.trace, workflow_id)
    span = own.begin(
        f"{names.INVOKE_AGENT} {goal.agent_type}",
        _execution_attributes(goal, workflow_id, sequence) | {names.END: "lost"},
        context=below(trace),
        span_id=trace.derived("execution", run_id, sequence),
        at=began,
    )
    span.fail("LostWorker", "its worker was killed, or stopped answering")
    span.end(max(began, ended))


@contextmanager
def calling_tool(tool: str, call_id: str | None) -> Iterator[None]:
    """Record the step of the block as a call of a tool.

    Args:
        tool: The tool.
        call_id: What identifies the call, if a model has made it.
    """
    token = _tool.set((tool, call_id))
    try:
        yield
    finally:
        _tool.reset(token)


@contextmanager
def step(name: str, number: int, *identity: object) -> Iterator[RecordedSpan]:
    """Record the block as a step.

    Args:
        name: Its name.
        number: Which of that name it is in its execution.
        identity: What makes it the same step in a later execution, beside its name.
    """
    current, own = _execution.get(), tracer()
    if current is None or own is None:
        yield OFF
        return
    title = name
    attributes: dict[str, AttributeValue] = {names.STEP: name, names.STEP_NUMBER: number or None}
    if (called := _tool.get()) is not None:
        title = f"{names.EXECUTE_TOOL} {called[0]}"
        attributes |= {
            names.OPERATION: names.EXECUTE_TOOL,
            names.TOOL_NAME: called[0],
            names.TOOL_CALL_ID: called[1],
        }
    span = own.begin(title, attributes, span_id=_step_id(current, name, identity))
    token = _tool.set(None)  # steps within it are no calls
    try:
        with own.during(span):
            yield RecordedSpan(span)
    finally:
        _tool.reset(token)
        count_step(executed=True)


@contextmanager
def model_request(
    provider: str, model: str, name: str, number: int, *identity: object
) -> Iterator[RecordedSpan]:
    """Record the block as a request of a model, which is a step too; see :func:`step`."""
    current, own = _execution.get(), tracer()
    if current is None or own is None:
        yield OFF
        return
    attributes = {
        names.OPERATION: names.CHAT,
        names.PROVIDER: provider,
        names.REQUEST_MODEL: model,
        names.STEP: name,
        names.STEP_NUMBER: number or None,
    }
    span = own.begin(
        f"{names.CHAT} {model}",
        attributes,
        kind="client",
        span_id=_step_id(current, name, identity),
    )
    try:
        with own.during(span):
            yield RecordedSpan(span)
    finally:
        count_step(executed=True)


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
    current, own = _execution.get(), tracer()
    if current is None or own is None:
        return
    from perdure.telemetry.traces.tracer import below

    end = _nanoseconds(ended_at)
    attributes = {names.STEP: name, names.STEP_NUMBER: number or None, names.WAIT: kind}
    span = own.begin(
        name,
        attributes,
        context=below(current.trace),
        span_id=_step_id(current, name, identity),
        at=end - int(seconds * _BILLION),
    )
    RecordedSpan(span).failed(failure)
    span.end(end)


def tool_called(
    tool: str, call_id: str, began_at: datetime, seconds: float, *, failed: bool
) -> None:
    """Record a call of a tool that the agent's own library has made."""
    current, own = _execution.get(), tracer()
    if current is None or own is None:
        return
    attributes = {
        names.OPERATION: names.EXECUTE_TOOL,
        names.TOOL_NAME: tool,
        names.TOOL_CALL_ID: call_id,
    }
    begin = _nanoseconds(began_at)
    span = own.begin(f"{names.EXECUTE_TOOL} {tool}", attributes, at=begin)
    if failed:
        span.fail("ToolFailed")
    span.end(begin + int(seconds * _BILLION))


def scored(workflow_id: str, agent: str, tenant: str, trace: str | None, score: Score) -> None:
    """Record a score as an event: of the step that gives it, or of a span below the goal's.

    Args:
        workflow_id: The run.
        agent: Its agent.
        tenant: Whose it is.
        trace: Its encoded trace.
        score: The score.
    """
    if (own := tracer()) is None:
        return
    from perdure.telemetry.traces.tracer import below

    about: dict[str, AttributeValue] = {
        names.EVALUATION_NAME: score.name,
        names.EVALUATION_VALUE: score.number,
        names.EVALUATION_LABEL: score.label,
        names.EVALUATION_EXPLANATION: without_secrets(score.comment) or None,
        names.STEP: score.step,
        names.SCORED_BY: score.by,
    }
    if score.by_agent and _execution.get() is not None:
        own.event(names.EVALUATION_RESULT, about)
        return
    attributes = {
        names.AGENT_NAME: agent,
        names.CONVERSATION: workflow_id,
        names.WORKFLOW_ID: workflow_id,
        names.TENANT: tenant if tenant != DEFAULT_TENANT else None,
    }
    goal = GoalTrace.of(trace, workflow_id)
    with own.during(own.begin(f"score {score.name}", attributes, context=below(goal))):
        own.event(names.EVALUATION_RESULT, about)


def answered_from_journal(name: str, number: int) -> None:
    """Note, in the current span, a step or a wait whose outcome was on record."""
    own = tracer()
    if own is not None and _execution.get() is not None:
        attributes = {names.STEP: name, names.STEP_NUMBER: number or None}
        own.event(names.ANSWERED_FROM_JOURNAL, attributes)
        count_step(executed=False)


def _execution_attributes(goal: Goal, workflow_id: str, sequence: int) -> dict[str, AttributeValue]:
    return {
        names.OPERATION: names.INVOKE_AGENT,
        names.AGENT_NAME: goal.agent_type,
        names.CONVERSATION: workflow_id,
        names.WORKFLOW_ID: workflow_id,
        names.GOAL_ID: goal.goal_id,
        names.TENANT: goal.tenant if goal.tenant != DEFAULT_TENANT else None,
        names.EXECUTION: sequence,
    }


def _step_id(current: _Execution, name: str, identity: tuple[object, ...]) -> int:
    # The attempt, since only another one repeats a step that has an outcome.
    return current.trace.derived("step", current.run_id, current.attempt, name, *identity)


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1_000
