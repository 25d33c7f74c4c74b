"""Which runs a list, a count, or what is done with many of them is about."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, FromClause, TextClause, false, select

from perdure.models import GoalStatus
from perdure.schemas.many_goals import GoalFilter
from perdure.stores.database import schema
from perdure.stores.database.engine import Database
from perdure.stores.database.goal_index import found_by, rarely_found


def chosen(
    connection: Connection, database: Database, criteria: GoalFilter
) -> tuple[FromClause, list[ColumnElement[bool] | TextClause]]:
    """Return the runs that a filter chooses from, as a table, and its conditions on them.

    Args:
        connection: Where they will be read.
        database: The database.
        criteria: The filter.
    """
    search = (criteria.get("search") or "").strip()
    few = rarely_found(connection, database, search)
    if few is None:
        return schema.goals, [*_conditions(database, criteria, search, schema.goals)]
    # A limit, even one of nothing, keeps SQLite from looking for them in another order.
    goals = select(schema.goals).where(schema.goals.c.workflow_id.in_(few)).limit(-1)
    found = goals.subquery("found")
    return found, [*_conditions(database, criteria, "", found)]


def _conditions(
    database: Database, criteria: GoalFilter, search: str, table: FromClause
) -> Iterator[ColumnElement[bool] | TextClause]:
    goals = table.c
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
    if (schedule := criteria.get("schedule")) is not None:
        yield goals.schedule == schedule
    if search:
        found = found_by(database, search)
        yield false() if found is None else found
