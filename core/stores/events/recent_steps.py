"""The last steps of a run, as its events tell of them, for people who look at it."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import Connection, bindparam, select

from perdure.schemas.steps import RecentStep, StepStatus
from perdure.stores.database import schema

SHOWN_STEPS: Final = 10


_STATUSES: Final[Mapping[str, StepStatus]] = {
    "step.started": "started",
    "step.completed": "completed",
    "step.failed": "failed",
}
_DATA: Final[TypeAdapter[dict[str, JsonValue]]] = TypeAdapter(dict[str, JsonValue])
_EVENTS: Final = schema.events.c
# A step has two events at most, and one more when it is tried again.
_LAST: Final = (
    select(_EVENTS.type, _EVENTS.data)
    .where(
        _EVENTS.workflow_id == bindparam("run"),
        _EVENTS.type.in_(list(_STATUSES)),
    )
    .order_by(_EVENTS.number.desc())
    .limit(3 * SHOWN_STEPS)
)


def recent_steps(connection: Connection, workflow_id: str) -> list[RecentStep]:
    """Return the last ten steps of a run of which there are events, the oldest first."""
    rows = connection.execute(_LAST, {"run": workflow_id}).all()
    steps: dict[tuple[str, int], RecentStep] = {}
    for row in rows:  # the newest first: what is found first is how it stands now
        step = _step(row.type, _DATA.validate_json(row.data))
        steps.setdefault((step.step, step.number), step)
    return list(steps.values())[:SHOWN_STEPS][::-1]


def _step(type_: str, data: dict[str, JsonValue]) -> RecentStep:
    number, seconds = data.get("number"), data.get("seconds")
    return RecentStep(
        step=str(data.get("step")),
        number=number if isinstance(number, int) else 1,
        status=_STATUSES[type_],
        seconds=seconds if isinstance(seconds, int | float) else None,
    )
