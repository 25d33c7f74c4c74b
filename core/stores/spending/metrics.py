"""The metric store: named numbers of runs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, Executable, func, select
from sqlalchemy.exc import IntegrityError

from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import UnknownGoal
from perdure.stores.database.tenancy import TenantStore, tenant_of

# How many threads of plain step functions a run has left running.
THREADS_LEFT_METRIC: Final = "threads_left"


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


class MetricStore(TenantStore):
    """The metrics of all runs."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
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

        def record(transaction: Transaction) -> None:
            self._tenancy.check_run(transaction.connection, workflow_id)
            transaction.connection.execute(self._upsert, row)

        try:
            await self._database.write(record)
        except IntegrityError as error:  # the only constraint that can be broken is the run's
            raise UnknownGoal(workflow_id) from error

    async def of(self, workflow_id: str) -> Mapping[str, float]:
        """Return a run's metrics by name.

        Raises:
            UnknownGoal: It is another tenant's.
        """
        metrics = schema.metrics
        query = select(metrics.c.name, metrics.c.value).where(metrics.c.workflow_id == workflow_id)

        def fetch(connection: Connection) -> Mapping[str, float]:
            self._tenancy.check_run(connection, workflow_id)
            return {row.name: row.value for row in connection.execute(query)}

        return await self._database.read(fetch)

    async def totals(self, *, since: datetime | None = None) -> list[MetricTotal]:
        """Return every metric over all runs of each agent type, sorted by agent type and name.

        Args:
            since: Leave out what was stored before.
        """
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
        query = self._tenancy.limited(query, metrics.c.tenant)
        if since is not None:
            query = query.where(metrics.c.time >= since)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [MetricTotal(*row) for row in rows]


def metric_upsert(database: Database) -> Executable:
    """Return the upsert that stores a :func:`metric_row`, in place of an earlier value."""
    insert = database.insert(schema.metrics).values(tenant=tenant_of("run"))
    return insert.on_conflict_do_update(
        index_elements=[schema.metrics.c.workflow_id, schema.metrics.c.name],
        set_={name: insert.excluded[name] for name in ("agent_type", "value", "time")},
    )


def metric_row(workflow_id: str, agent_type: str, name: str, value: float) -> dict[str, object]:
    """Return a metric of a run as a row of the table."""
    return {
        "run": workflow_id,
        "workflow_id": workflow_id,
        "agent_type": agent_type,
        "name": name,
        "value": value,
        "time": datetime.now(UTC),
    }
