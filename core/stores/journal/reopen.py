"""Reopening a run that has ended, so that it can be retried with its journal; and undoing it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import bindparam, case, delete, null, select, update

from perdure.agents.steps.keys import StepKey
from perdure.messages import WaitKind
from perdure.models import GoalStatus
from perdure.stores.database import schema
from perdure.stores.database.engine import Transaction
from perdure.stores.events.event_store import add_event
from perdure.stores.journal.signals import EXPIRED, signal_wait
from perdure.stores.journal.wait_ids import step_wait, wait_id
from perdure.stores.retention.holds import check_not_being_deleted
from perdure.telemetry.traces.goal_trace import delegate_trace, retried_trace

RETRIABLE: Final = (GoalStatus.FAILED, GoalStatus.CANCELLED, GoalStatus.TERMINATED)

_GOALS: Final = schema.goals.c
_WAITS: Final = schema.waits.c
_SIGNALS: Final = schema.signals.c
_STEPS: Final = schema.steps.c
_END_COLUMNS: Final = (
    _GOALS.status,
    _GOALS.success,
    _GOALS.error,
    _GOALS.execution_time,
    _GOALS.ended_at,
    # A retry has a span of its own.
    _GOALS.trace,
)
_PARENT: Final = schema.goals.alias("parent")
_LOCK: Final = (
    select(*_END_COLUMNS, _GOALS.following, _PARENT.c.trace.label("parent_trace"))
    .outerjoin_from(schema.goals, _PARENT, _PARENT.c.workflow_id == _GOALS.parent)
    .where(_GOALS.workflow_id == bindparam("run"))
    .with_for_update(of=schema.goals)
)
_REOPEN: Final = (
    update(schema.goals)
    .where(_GOALS.workflow_id == bindparam("run"))
    .values(
        status=GoalStatus.RUNNING.value,
        success=null(),
        error=null(),
        execution_time=null(),
        ended_at=null(),
        request=null(),
        trace=bindparam("new_trace"),
        # The execution that had the claim when the run ended must not write any more. The time of
        # the claim stays: what Temporal schedules from now on is later.
        fence=case((_GOALS.fence.is_(None), null()), else_="reopened"),
    )
)
_TAKE_UP_CALLBACK: Final = (
    update(schema.callbacks)
    .where(schema.callbacks.c.workflow_id == bindparam("run"))
    .values(over_at=null())
)
_JOURNALED: Final = select(_STEPS.name, _STEPS.digest, _STEPS.occurrence).where(
    _STEPS.workflow_id == bindparam("run")
)
_CHILD: Final = schema.goals.alias("child")
_FAILED_DELEGATES: Final = (
    select(_WAITS.wait_id, _WAITS.step)
    .join(_CHILD, _CHILD.c.workflow_id == _WAITS.child)
    .where(
        _WAITS.workflow_id == bindparam("run"),
        _WAITS.kind == WaitKind.DELEGATE.value,
        _WAITS.over_at.is_not(None),
        _CHILD.c.status.in_([status.value for status in RETRIABLE]),
    )
)
_REOPEN_WAITS: Final = (
    update(schema.waits)
    .where(_WAITS.wait_id.in_(bindparam("waits", expanding=True)))
    .values(over_at=null(), taken_at=null())
)
_CLOSE_WAITS: Final = (
    update(schema.waits)
    .where(_WAITS.wait_id.in_(bindparam("waits", expanding=True)), _WAITS.over_at.is_(None))
    .values(over_at=bindparam("now"), taken_at=bindparam("now"))
)
_EXPIRED_SIGNALS: Final = (
    select(_WAITS.wait_id, _WAITS.step, _SIGNALS.name, _SIGNALS.number)
    .join(schema.signals, _SIGNALS.workflow_id == _WAITS.workflow_id)
    .where(
        _WAITS.workflow_id == bindparam("run"),
        _WAITS.kind == WaitKind.SIGNAL.value,
        _SIGNALS.data == EXPIRED,
    )
)
_DELETE_SIGNAL: Final = delete(schema.signals).where(
    _SIGNALS.workflow_id == bindparam("run"),
    _SIGNALS.name == bindparam("signal"),
    _SIGNALS.number == bindparam("nth"),
)
_DELETE_WAIT: Final = delete(schema.waits).where(_WAITS.wait_id == bindparam("wait"))
_RESTORE_END: Final = (
    update(schema.goals)
    .where(_GOALS.workflow_id == bindparam("run"), _GOALS.ended_at.is_(None))
    .values({column.name: bindparam(f"old_{column.name}") for column in _END_COLUMNS})
)


@dataclass(frozen=True, slots=True)
class PreviousEnd:
    """The end of a run before it was reopened.

    Attributes:
        columns: The columns of its record that describe the end.
        trace: The encoded trace that the run has from now on.
        delegates: The ids of the waits for delegates that are retried with it.
        following: What is started when the run has completed, as JSON.
    """

    columns: Mapping[str, Any]
    trace: str | None
    delegates: tuple[str, ...]
    following: str | None = None


def reopen(transaction: Transaction, workflow_id: str) -> PreviousEnd | None:
    """Reopen a run that failed, was cancelled or terminated; its journal and its draft stay.

    Delegates that did not complete are retried with it, and signals that came too late are waited
    for again, unless the agent went on without them.

    Returns:
        Its previous end; ``None`` when it has not ended, or has completed.

    Raises:
        StateConflict: It is being deleted.
    """
    execute = transaction.connection.execute
    ended = execute(_LOCK, {"run": workflow_id}).mappings().first()
    if ended is None or ended["ended_at"] is None or ended["status"] not in RETRIABLE:
        return None
    check_not_being_deleted(transaction.connection, workflow_id)
    old = dict(ended)
    following: str | None = old.pop("following")
    parent = old.pop("parent_trace")  # whoever has delegated it was reopened before
    trace = delegate_trace(parent, workflow_id) if parent else retried_trace(old["trace"])
    execute(_REOPEN, {"run": workflow_id, "new_trace": trace})
    execute(_TAKE_UP_CALLBACK, {"run": workflow_id})
    journaled = {step_wait(StepKey(*row)) for row in execute(_JOURNALED, {"run": workflow_id})}
    failed = execute(_FAILED_DELEGATES, {"run": workflow_id}).all()
    delegates = tuple(wait for wait, step in failed if step not in journaled)
    if delegates:
        execute(_REOPEN_WAITS, {"waits": list(delegates)})
    for wait, step, name, number in execute(_EXPIRED_SIGNALS, {"run": workflow_id}).all():
        if step not in journaled and wait == wait_id(workflow_id, signal_wait(name, number)):
            execute(_DELETE_WAIT, {"wait": wait})
            execute(_DELETE_SIGNAL, {"run": workflow_id, "signal": name, "nth": number})
    add_event(transaction, workflow_id, "run.retried", {"was": ended["status"]})
    return PreviousEnd(old, trace, delegates, following)


def undo_reopen(transaction: Transaction, workflow_id: str, previous: PreviousEnd) -> bool:
    """Close a run again as it was before :func:`reopen`, because it could not be started.

    Returns:
        Whether the run was still open.
    """
    execute = transaction.connection.execute
    old = {f"old_{name}": value for name, value in previous.columns.items()}
    if execute(_RESTORE_END, {"run": workflow_id} | old).rowcount == 0:
        return False
    if previous.delegates:
        execute(_CLOSE_WAITS, {"waits": list(previous.delegates), "now": datetime.now(UTC)})
    return True
