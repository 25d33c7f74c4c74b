"""The metric store: numbers about runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from holdfast.stores import schema
from holdfast.stores.database import Database
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite


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

    async def record(self, workflow_id: str, agent_type: str, name: str, value: float) -> None:
        """Keep a number about a run, in place of an earlier one of that name."""
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        row = {"agent_type": agent_type, "value": value, "time": datetime.now(UTC)}
        metrics = schema.metrics
        statement = (
            insert(metrics)
            .values(workflow_id=workflow_id, name=name, **row)
            .on_conflict_do_update(index_elements=[metrics.c.workflow_id, metrics.c.name], set_=row)
        )
        await self._database.write(lambda transaction: transaction.connection.execute(statement))

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
