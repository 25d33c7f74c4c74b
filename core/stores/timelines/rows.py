"""The rows that a timeline is made of, read in one go."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, bindparam, func, select

from perdure.stores.database import schema

# All but what may come by the thousand and shows no step: progress, pieces of text.
_TYPES: Final = (
    "run.started",
    "run.retrying",
    "run.resumed",
    "run.waiting",
    "run.paused",
    "run.yielded",
    "run.retried",
    "run.completed",
    "run.failed",
    "run.cancelled",
    "run.terminated",
    "step.started",
    "step.completed",
    "step.failed",
    "tool.called",
    "tool.returned",
    "approval.requested",
    "planned",
    "delegated",
)
_EVENTS: Final = schema.events.c
_STEPS: Final = schema.steps.c
_SPENDING: Final = schema.spending.c
_GOALS: Final = schema.goals.c
_SELECT_EVENTS: Final = (
    select(_EVENTS.number, _EVENTS.type, _EVENTS.time, _EVENTS.data)
    .where(_EVENTS.workflow_id == bindparam("run"), _EVENTS.type.in_(_TYPES))
    .order_by(_EVENTS.number)
)
_LAST_EVENT: Final = select(func.max(_EVENTS.number), func.max(_EVENTS.time)).where(
    _EVENTS.workflow_id == bindparam("run")
)
_SELECT_STEPS: Final = (
    select(
        _STEPS.name,
        _STEPS.digest,
        _STEPS.occurrence,
        _STEPS.seconds,
        _STEPS.usage,
        _STEPS.recorded_at,
        _STEPS.failure.is_not(None).label("failed"),
    )
    .where(_STEPS.workflow_id == bindparam("run"))
    .order_by(_STEPS.recorded_at, _STEPS.name, _STEPS.digest, _STEPS.occurrence)
)
_SELECT_WAITS: Final = (
    select(schema.waits)
    .where(schema.waits.c.workflow_id == bindparam("run"))
    .order_by(schema.waits.c.opened_at, schema.waits.c.wait_id)
)
_SELECT_SPENDING: Final = (
    select(schema.spending)
    .where(_SPENDING.workflow_id == bindparam("run"))
    .order_by(_SPENDING.entry)
)
_SAVED: Final = select(
    schema.totals.c.steps,
    schema.totals.c.saved_input_tokens,
    schema.totals.c.saved_output_tokens,
    schema.totals.c.saved_cost,
).where(schema.totals.c.workflow_id == bindparam("run"))
_BELOW: Final = (
    select(_GOALS.workflow_id).where(_GOALS.parent == bindparam("run")).cte("below", recursive=True)
)
_DESCENDANTS: Final = _BELOW.union_all(
    select(_GOALS.workflow_id).where(_GOALS.parent == _BELOW.c.workflow_id)
)
_SELECT_DELEGATES: Final = (
    select(
        _GOALS.workflow_id,
        _GOALS.goal_id,
        _GOALS.description,
        _GOALS.agent_type,
        _GOALS.status,
        _GOALS.started_at,
        _GOALS.ended_at,
        _GOALS.parent,
    )
    .where(_GOALS.workflow_id.in_(select(_DESCENDANTS.c.workflow_id)))
    .order_by(_GOALS.started_at, _GOALS.workflow_id)
)
_DELEGATES_SPENDING: Final = select(
    _SPENDING.workflow_id, _SPENDING.input_tokens, _SPENDING.output_tokens, _SPENDING.cost
).where(_SPENDING.workflow_id.in_(select(_DESCENDANTS.c.workflow_id)))


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event, with its data read."""

    number: int
    type: str
    time: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TimelineRows:
    """What the stores have about a run.

    Attributes:
        events: Its events, without progress and texts.
        last_event: The number of the last of all events.
        last_at: Its time; ``None`` without events.
        steps: Its journal, without values, in order of recording.
        waits: Its waits, in order of opening.
        spending: Its ledger.
        totals: Steps executed and usage saved; ``None`` without an entry.
        delegates: The runs below it, at any depth.
        delegates_spending: Their ledgers.
    """

    events: Sequence[EventRow]
    last_event: int
    last_at: datetime | None
    steps: Sequence[RowMapping]
    waits: Sequence[RowMapping]
    spending: Sequence[RowMapping]
    totals: RowMapping | None
    delegates: Sequence[RowMapping]
    delegates_spending: Sequence[RowMapping]


def read_rows(connection: Connection, workflow_id: str) -> TimelineRows:
    """Read the rows of a run."""
    run = {"run": workflow_id}
    last_event, last_at = connection.execute(_LAST_EVENT, run).one()
    delegates = connection.execute(_SELECT_DELEGATES, run).mappings().all()
    return TimelineRows(
        events=[
            EventRow(number, type_, time, json.loads(data))
            for number, type_, time, data in connection.execute(_SELECT_EVENTS, run)
        ],
        last_event=last_event or 0,
        last_at=last_at,
        steps=connection.execute(_SELECT_STEPS, run).mappings().all(),
        waits=connection.execute(_SELECT_WAITS, run).mappings().all(),
        spending=connection.execute(_SELECT_SPENDING, run).mappings().all(),
        totals=connection.execute(_SAVED, run).mappings().first(),
        delegates=delegates,
        delegates_spending=(
            connection.execute(_DELEGATES_SPENDING, run).mappings().all() if delegates else []
        ),
    )
