"""The result store: how each run ended, stored once."""

from datetime import UTC, datetime
from typing import Final

from holdfast.models import EventType, Failure, GoalStatus, Result, ResultReference
from holdfast.stores import schema
from holdfast.stores.database import Database, Transaction
from holdfast.stores.events import add_event
from holdfast.stores.goals import UnknownGoal
from pydantic import JsonValue, TypeAdapter
from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

SUMMARY_CHARACTERS: Final = 200

_EVENTS: Final[dict[GoalStatus, EventType]] = {
    GoalStatus.COMPLETED: "run.completed",
    GoalStatus.FAILED: "run.failed",
    GoalStatus.CANCELLED: "run.cancelled",
}
_METADATA: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class ResultStore:
    """Results of runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def draft(self, workflow_id: str, result: Result) -> None:
        """Keep what an attempt came to, whole or in part, in place of the attempt's before it.

        A result that is stored already stays as it is.
        """
        text = result.model_dump_json()
        row = {
            "result": text,
            "summary": result.summary[:SUMMARY_CHARACTERS],
            "size": len(text.encode()),
            "metadata": _METADATA.dump_json(result.metadata).decode(),
        }
        insert_ = sqlite.insert if self._database.is_sqlite else postgresql.insert
        statement = (
            insert_(schema.results)
            .values(workflow_id=workflow_id, **row)
            .on_conflict_do_update(
                index_elements=[schema.results.c.workflow_id],
                set_=row,
                where=schema.results.c.stored_at.is_(None),
            )
        )
        await self._database.write(lambda transaction: transaction.connection.execute(statement))

    async def store(
        self,
        workflow_id: str,
        status: GoalStatus,
        error: Failure | None,
        execution_time: float,
    ) -> ResultReference:
        """Make the run's draft its result and close its record, in one transaction.

        Delivered twice, it is stored once: the second call returns what the first stored.

        Args:
            workflow_id: The run.
            status: How it ended.
            error: Why it failed.
            execution_time: Seconds.

        Raises:
            UnknownGoal: The run's record was never opened.
        """
        goals = schema.goals
        close = (
            update(goals)
            .where(goals.c.workflow_id == workflow_id, goals.c.ended_at.is_(None))
            .values(
                status=status.value,
                success=status is GoalStatus.COMPLETED,
                error=error.model_dump_json() if error else None,
                execution_time=execution_time,
                ended_at=datetime.now(UTC),
            )
            .returning(goals.c.agent_type)
        )
        told: dict[str, JsonValue] = {"execution_time": execution_time}
        if error is not None:
            told |= error.model_dump(mode="json")

        def store(transaction: Transaction) -> ResultReference:
            agent_type: str | None = transaction.connection.execute(close).scalar()
            if agent_type is not None:
                _seal_draft(transaction, workflow_id)
                _count(transaction, workflow_id, agent_type, execution_time)
                add_event(transaction, workflow_id, _EVENTS[status], told)
            return _reference(transaction, workflow_id)

        return await self._database.write(store)


def _seal_draft(transaction: Transaction, workflow_id: str) -> None:
    transaction.connection.execute(
        update(schema.results)
        .where(schema.results.c.workflow_id == workflow_id)
        .values(stored_at=datetime.now(UTC))
    )


def _count(
    transaction: Transaction, workflow_id: str, agent_type: str, execution_time: float
) -> None:
    transaction.connection.execute(
        insert(schema.metrics).values(
            workflow_id=workflow_id,
            agent_type=agent_type,
            name="execution_time",
            value=execution_time,
            time=datetime.now(UTC),
        )
    )


def _reference(transaction: Transaction, workflow_id: str) -> ResultReference:
    made = (
        select(func.count())
        .select_from(schema.artifacts)
        .where(schema.artifacts.c.workflow_id == workflow_id)
        .scalar_subquery()
    )
    query = (
        select(schema.results, made.label("artifacts"))
        .select_from(schema.goals.outerjoin(schema.results))
        .where(schema.goals.c.workflow_id == workflow_id)
    )
    row = transaction.connection.execute(query).mappings().first()
    if row is None:
        raise UnknownGoal(workflow_id)
    if row["result"] is None:
        return ResultReference(workflow_id=workflow_id, artifacts=row["artifacts"])
    return ResultReference(
        workflow_id=workflow_id,
        summary=row["summary"],
        size=row["size"],
        artifacts=row["artifacts"],
        metadata=_METADATA.validate_json(row["metadata"]),
    )
