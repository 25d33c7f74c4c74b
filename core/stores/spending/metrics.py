"""The metric store: numbers about runs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Executable, func, select

from perdure.stores.database import schema
from perdure.stores.database.engine import Database
from perdure.stores.database.errors import known_run


@dataclass(frozen=True, slots=True)
class MetricTotal:
    """One metric over all runs of an agent.

    Attributes:
        agent_type: The agent.
        name: The metric, such as ``execution_time``.
        count: How many runs have it.
        total: Their sum.
        maximum: The largest.
    """

    agent_type: str
    name: str
    count: int
    total: float
    maximum: float


class MetricStore:
    """Metrics of runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keep = keeping_metric(database)

    async def record(self, workflow_id: str, agent_type: str, name: str, value: float) -> None:
        """Keep a number about a run, in place of an earlier one of that name.

        Raises:
            UnknownGoal: The run's record was never opened.
            ValueError: The number is not finite.
        """
        if not math.isfinite(value):
            raise ValueError(f"the metric {name!r} of {workflow_id} is {value}: give a number")
        row = metric_row(workflow_id, agent_type, name, value)
        with known_run(workflow_id):
            await self._database.write(lambda writing: writing.connection.execute(self._keep, row))

    async def of(self, workflow_id: str) -> Mapping[str, float]:
        """Return a run's metrics by name."""
        metrics = schema.metrics
        query = select(metrics.c.name, metrics.c.value).where(metrics.c.workflow_id == workflow_id)
        rows = await self._database.read(lambda found: found.execute(query).all())
        return {row.name: row.value for row in rows}

    async def totals(self) -> list[MetricTotal]:
        """Return every metric over all runs of each agent, sorted by agent and name."""
        metrics = schema.metrics
        query = (
            select(
                metrics.c.agent_type,
                metrics.c.name,
                func.count(),
                func.sum(metrics.c.value),
                func.max(metrics.c.value),
            )
            .group_by(metrics.c.agent_type, metrics.c.name)
            .order_by(metrics.c.agent_type, metrics.c.name)
        )
        rows = await self._database.read(lambda found: found.execute(query).all())
        return [MetricTotal(*row) for row in rows]


def keeping_metric(database: Database) -> Executable:
    """Return the statement that keeps a :func:`metric_row`, in place of an earlier one."""
    keep = database.insert(schema.metrics)
    return keep.on_conflict_do_update(
        index_elements=[schema.metrics.c.workflow_id, schema.metrics.c.name],
        set_={name: keep.excluded[name] for name in ("agent_type", "value", "time")},
    )


def metric_row(workflow_id: str, agent_type: str, name: str, value: float) -> dict[str, object]:
    """Return a number about a run as the table holds it."""
    return {
        "workflow_id": workflow_id,
        "agent_type": agent_type,
        "name": name,
        "value": value,
        "time": datetime.now(UTC),
    }
