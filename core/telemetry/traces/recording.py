"""What is recorded of a goal's way: its executions, its other activities, its end, its scores.

Nothing where traces are off.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime

from perdure.models import DEFAULT_TENANT, Failure, Goal, GoalStatus, Score, Usage
from perdure.redaction import without_secrets
from perdure.telemetry import conventions as names
from perdure.telemetry.traces.current_execution import (
    SECOND,
    TracedExecution,
    nanoseconds,
)
from perdure.telemetry.traces.current_execution import execution as current_execution
from perdure.telemetry.traces.goal_trace import GoalTrace
from perdure.telemetry.traces.process import tracer
from perdure.telemetry.traces.recorded_span import OFF, Attributes, RecordedSpan


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
    end = nanoseconds(ended_at)
    attributes = {
        names.OPERATION: names.INVOKE_WORKFLOW,
        names.WORKFLOW_NAME: agent,
        names.AGENT_NAME: agent,
        names.CONVERSATION: workflow_id,
        names.WORKFLOW_ID: workflow_id,
        names.GOAL_ID: goal_id,
        names.TENANT: tenant if tenant != DEFAULT_TENANT else None,
        names.STATUS: status.value,
    }
    span = own.begin(
        f"{names.INVOKE_WORKFLOW} {agent}",
        attributes,
        context=below(goal, goal.parent_id),
        span_id=goal.span_id,
        trace_id=goal.trace_id,
        at=end - int(seconds * SECOND),
    )
    span.used(spent)
    span.failed(failure)
    span.end(end)


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
        _attributes(goal, workflow_id)
        | {
            names.OPERATION: names.INVOKE_AGENT,
            names.EXECUTION: sequence,
            names.ATTEMPT: attempt,
        },
        context=below(trace),
        span_id=trace.derived("execution", run_id, sequence),
    )
    token = current_execution.set(TracedExecution(trace, workflow_id, run_id, attempt))
    try:
        with span:
            yield span
    finally:
        current_execution.reset(token)


def activity(
    goal: Goal,
    workflow_id: str,
    run_id: str,
    name: str,
    activity_id: str,
    tries: int,
    began_at: datetime,
) -> AbstractContextManager[RecordedSpan]:
    """Record a block as an activity that is no execution: what prepares, cleans up or stores.

    Args:
        goal: The goal.
        workflow_id: Its run.
        run_id: The Temporal run.
        name: The activity.
        activity_id: Which one of the Temporal run it is.
        tries: Which try at it this is, from 1; those before it are part of the span.
        began_at: When the first of them began.
    """
    if (own := tracer()) is None:
        return OFF
    from perdure.telemetry.traces.tracer import below

    trace = GoalTrace.of(goal.trace, workflow_id)
    return own.begin(
        name,
        _attributes(goal, workflow_id) | {names.TRIES: tries},
        context=below(trace),
        span_id=trace.derived("activity", run_id, name, activity_id),
        at=nanoseconds(began_at) if tries > 1 else None,
    )


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
        _attributes(goal, workflow_id)
        | {
            names.OPERATION: names.INVOKE_AGENT,
            names.EXECUTION: sequence,
            names.END: "lost",
        },
        context=below(trace),
        span_id=trace.derived("execution", run_id, sequence),
        at=began,
    )
    span.fail("LostWorker", "its worker was killed, or stopped answering")
    span.end(max(began, ended))


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

    about: Attributes = {
        names.EVALUATION_NAME: score.name,
        names.EVALUATION_VALUE: score.number,
        names.EVALUATION_LABEL: score.label,
        names.EVALUATION_EXPLANATION: without_secrets(score.comment) or None,
        names.STEP: score.step,
        names.SCORED_BY: score.by,
    }
    if score.by_agent and current_execution.get() is not None:
        own.event(names.EVALUATION_RESULT, about)
        return
    attributes = {
        names.AGENT_NAME: agent,
        names.CONVERSATION: workflow_id,
        names.WORKFLOW_ID: workflow_id,
        names.TENANT: tenant if tenant != DEFAULT_TENANT else None,
    }
    goal = GoalTrace.of(trace, workflow_id)
    with own.begin(f"score {score.name}", attributes, context=below(goal)):
        own.event(names.EVALUATION_RESULT, about)


def _attributes(goal: Goal, workflow_id: str) -> dict[str, str | int | None]:
    return {
        names.AGENT_NAME: goal.agent_type,
        names.CONVERSATION: workflow_id,
        names.WORKFLOW_ID: workflow_id,
        names.GOAL_ID: goal.goal_id,
        names.TENANT: goal.tenant if goal.tenant != DEFAULT_TENANT else None,
    }
