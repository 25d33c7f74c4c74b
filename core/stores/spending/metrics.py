"""The metric store: named numbers of runs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Executable, func, select
from sqlalchemy.exc import IntegrityError

from perdure.stores.database import schema
from perdure.stores.database.engine import Database
from perdure.stores.database.errors import UnknownGoal


@dataclass(frozen=True, slots=True)
class MetricTotal:
    """One metric over all runs of an agent type.

    Attributes:
        agent_type: The agent type.
        name: The metric, such as ``execution_time``.
        count: How many runs have it.
        total: The sum of its values.
        maximum: The largest value.
    """

    agent_type: str
    name: str
    count: int
    total: float
    maximum: float


class MetricStore:
    """The metrics of all runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._upsert = metric_upsert(database)

    async def record(self, workflow_id: str, agent_type: str, name: str, value: float) -> None:
        """Store a metric of a run, in place of an earlier value.

        Raises:
            UnknownGoal: The run has no record.
            ValueError: The number is not finite.
        """
        if not math.isfinite(value):
            raise ValueError(f"the metric {name!r} of {workflow_id} is {value}: give a number")
        row = metric_row(workflow_id, agent_type, name, value)
        try:
            await self._database.write(
                lambda transaction: transaction.connection.execute(self._upsert, row)
            )
        except IntegrityError as error:  # the only constraint that can be broken is the run's
            raise UnknownGoal(workflow_id) from error

    async def of(self, workflow_id: str) -> Mapping[str, float]:
        """Return a run's metrics by name."""
        metrics = schema.metrics
        query = select(metrics.c.name, metrics.c.value).where(metrics.c.workflow_id == workflow_id)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {row.name: row.value for row in rows}

    async def totals(self) -> list[MetricTotal]:
        """Return every metric over all runs of each agent type, sorted by agent type and name."""
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
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [MetricTotal(*row) for row in rows]


def metric_upsert(database: Database) -> Executable:
    """Return the upsert that stores a :func:`metric_row`, in place of an earlier value."""
    insert = database.insert(schema.metrics)
    return insert.on_conflict_do_update(
        index_elements=[schema.metrics.c.workflow_id, schema.metrics.c.name],
        set_={name: insert.excluded[name] for name in ("agent_type", "value", "time")},
    )


def metric_row(workflow_id: str, agent_type: str, name: str, value: float) -> dict[str, object]:
    """Return a metric of a run as a row of the table."""
    return {
        "workflow_id": workflow_id,
        "agent_type": agent_type,
        "name": name,
        "value": value,
        "time": datetime.now(UTC),
    }
