"""Which runs a list, a count, or what is done with many of them is about."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, TextClause, false

from perdure.models import GoalStatus
from perdure.schemas.many_goals import GoalFilter
from perdure.stores.database import schema
from perdure.stores.database.engine import Database
from perdure.stores.database.goal_index import found_by


def conditions(
    database: Database, criteria: GoalFilter
) -> Iterator[ColumnElement[bool] | TextClause]:
    """Yield the conditions on ``goals`` that a filter stands for."""
    goals = schema.goals.c
    status, delegated = criteria.get("status"), criteria.get("delegated")
    if status is not None:
        statuses = [status] if isinstance(status, GoalStatus) else [*status]
        yield goals.status.in_([each.value for each in statuses])
    if (agent_type := criteria.get("agent_type")) is not None:
        yield goals.agent_type == agent_type
    if (since := criteria.get("since")) is not None:
        yield goals.started_at >= since
    if (until := criteria.get("until")) is not None:
        yield goals.started_at < until
    if (ended_since := criteria.get("ended_since")) is not None:
        yield goals.ended_at >= ended_since
    if delegated is not None:
        yield goals.parent.is_not(None) if delegated else goals.parent.is_(None)
    if (parent := criteria.get("parent")) is not None:
        yield goals.parent == parent
    if (started_by := criteria.get("started_by")) is not None:
        yield goals.started_by == started_by
    if search := (criteria.get("search") or "").strip():
        found = found_by(database, search)
        yield false() if found is None else found
