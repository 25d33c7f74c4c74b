"""Delegates: creating the child run of another run and reading its outcome, in a transaction."""

from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue, TypeAdapter, ValidationError
from sqlalchemy import RowMapping, bindparam, func, insert, select, update

from perdure.agents.steps.errors import InputError, PermanentError
from perdure.agents.steps.journal import DelegateRequest, StepOutcome
from perdure.messages import WaitKind
from perdure.models import (
    DEFAULT_PRIORITY,
    Failure,
    FailureKind,
    Goal,
    GoalStatus,
    Parameters,
    Result,
)
from perdure.models.base import first_problem
from perdure.stores.audit.words import words_of_goal
from perdure.stores.database import schema
from perdure.stores.database.engine import Transaction
from perdure.stores.database.goal_index import index_new_goal
from perdure.stores.events.event_store import add_event
from perdure.stores.journal.wait_ids import child_uuid
from perdure.telemetry.traces.goal_trace import delegate_trace

MAX_DEPTH: Final = 5
_GOAL_ID_CHARACTERS: Final = 100
_SHOWN_CHARACTERS: Final = 200

_PARAMETERS: TypeAdapter[Parameters] = TypeAdapter(Parameters)

_GOALS: Final = schema.goals.c
_WAITS: Final = schema.waits.c
_PARENT: Final = select(
    _GOALS.goal_id,
    _GOALS.root,
    _GOALS.depth,
    _GOALS.tenant,
    _GOALS.priority,
    _GOALS.started_by,
    _GOALS.trace,
).where(_GOALS.workflow_id == bindparam("run"))
_DELEGATES: Final = (
    select(func.count())
    .select_from(schema.waits)
    .where(
        _WAITS.workflow_id == bindparam("run"),
        _WAITS.kind == WaitKind.DELEGATE.value,
        _WAITS.child.is_not(None),
    )
)
_CREATE: Final = insert(schema.goals)
_CHILD: Final = (
    select(schema.goals, schema.results.c.result)
    .outerjoin(schema.results, schema.results.c.workflow_id == _GOALS.workflow_id)
    .where(_GOALS.workflow_id == bindparam("run"))
)
_POOL: Final = select(schema.agents.c.pool).where(schema.agents.c.name == bindparam("agent"))
_CLOSE_WAIT: Final = (
    update(schema.waits)
    .where(_WAITS.child == bindparam("run"), _WAITS.over_at.is_(None))
    .values(over_at=bindparam("now"))
)


def create_delegate(
    transaction: Transaction, workflow_id: str, wait: str, request: DelegateRequest, now: datetime
) -> str:
    """Create the record of a delegate's run, and add an event to both runs.

    Args:
        transaction: The transaction; the wait itself is inserted after this.
        workflow_id: The run that delegates.
        wait: The wait's id, of which the delegate's workflow id is made.
        request: The goal to delegate.
        now: The time, in UTC.

    Returns:
        The delegate's workflow id.

    Raises:
        PermanentError: The run is itself five delegations deep.
        InputError: The request is not a valid goal.
    """
    execute = transaction.connection.execute
    parent = execute(_PARENT, {"run": workflow_id}).one()
    if parent.depth >= MAX_DEPTH:
        raise PermanentError(
            f"goal {workflow_id} cannot delegate: it is {parent.depth} delegations deep, and no"
            " more are allowed; let the agent do this part itself"
        )
    number = int(execute(_DELEGATES, {"run": workflow_id}).scalar_one()) + 1
    goal = _goal(f".{number}", parent.goal_id, request)
    child = f"goal-{goal.goal_id}-{child_uuid(wait)}"
    row = {
        "workflow_id": child,
        "pool": execute(_POOL, {"agent": goal.agent_type}).scalar(),
        "goal_id": goal.goal_id,
        "description": goal.description,
        "agent_type": goal.agent_type,
        "parameters": _PARAMETERS.dump_json(goal.parameters).decode(),
        "status": GoalStatus.RUNNING.value,
        "started_at": now,
        "parent": workflow_id,
        "root": parent.root or workflow_id,
        "depth": parent.depth + 1,
        "started_by": parent.started_by,
        "tenant": parent.tenant,
        "priority": parent.priority,
        "trace": delegate_trace(parent.trace, child),
    }
    execute(_CREATE, row)
    words = words_of_goal(row)
    add_event(transaction, child, "run.started", {"parent": workflow_id}, words=words)
    index_new_goal(transaction, child, goal.goal_id, goal.description)
    event = {"workflow_id": child, "goal_id": goal.goal_id, "agent_type": goal.agent_type}
    details: dict[str, JsonValue] = {"description": goal.description[:_SHOWN_CHARACTERS]}
    if request.name:
        details |= {"name": request.name, "after": [*request.after]}
    add_event(transaction, workflow_id, "delegated", event | details)
    return child


def delegate_row(transaction: Transaction, workflow_id: str) -> RowMapping:
    """Return a delegate's record, with the draft of its result."""
    return transaction.connection.execute(_CHILD, {"run": workflow_id}).mappings().one()


def delegated_goal(child: RowMapping) -> Goal:
    """Return the goal of a delegate."""
    return Goal(
        goal_id=child["goal_id"],
        description=child["description"],
        agent_type=child["agent_type"],
        parameters=_PARAMETERS.validate_json(child["parameters"]),
        pool=child["pool"],
        priority=child["priority"] or DEFAULT_PRIORITY,
        tenant=child["tenant"],
        trace=child["trace"] or "",
    )


def delegate_outcome(child: RowMapping) -> StepOutcome | None:
    """Return a delegate's outcome, without its seconds; ``None`` until it has ended."""
    if child["ended_at"] is None:
        return None
    if child["status"] == GoalStatus.COMPLETED:
        return StepOutcome(child["result"] or Result().model_dump_json())
    how = {
        GoalStatus.CANCELLED: "was cancelled",
        GoalStatus.TERMINATED: "was terminated",
    }.get(GoalStatus(child["status"]), "failed")
    error = Failure.model_validate_json(child["error"]) if child["error"] else None
    why = f" ({error.message})" if error and error.message else ""
    return StepOutcome(
        "",
        Failure(
            type="DelegateFailed",
            message=f"the goal {child['workflow_id']} that was delegated to {child['agent_type']}"
            f" {how}{why}",
            # It had its own attempts: another one of the parent would find the same failure.
            permanent=True,
            kind=FailureKind.PERMANENT,
        ),
    )


def close_delegate_wait(transaction: Transaction, workflow_id: str) -> None:
    """Close the wait for a delegate, in the transaction in which its run ends."""
    parameters = {"run": workflow_id, "now": datetime.now(UTC)}
    transaction.connection.execute(_CLOSE_WAIT, parameters)


def _goal(suffix: str, goal_id: str, request: DelegateRequest) -> Goal:
    try:
        return Goal(
            goal_id=goal_id[: _GOAL_ID_CHARACTERS - len(suffix)] + suffix,
            description=request.description,
            agent_type=request.agent_type,
            parameters=request.parameters,
        )
    except ValidationError as error:
        raise InputError(f"what is delegated is no goal: {first_problem(error)}") from error
