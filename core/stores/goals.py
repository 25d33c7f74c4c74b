"""The goal store: every run ever started, and where it stands."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, RowMapping, bindparam, func, select, update

from holdfast.models import (
    Artifact,
    Failure,
    Goal,
    GoalRecord,
    GoalStatus,
    Parameters,
    Progress,
    Result,
)
from holdfast.stores import schema
from holdfast.stores.artifacts import artifacts_of
from holdfast.stores.database import Database, Transaction
from holdfast.stores.errors import UnknownGoal
from holdfast.stores.events import add_event

_PARAMETERS: TypeAdapter[Parameters] = TypeAdapter(Parameters)

_GET: Final = (
    select(schema.goals, schema.results.c.result)
    # A draft may be large, and is nobody's business until the run has ended.
    .outerjoin(
        schema.results,
        (schema.results.c.workflow_id == schema.goals.c.workflow_id)
        & schema.goals.c.ended_at.is_not(None),
    )
    .where(schema.goals.c.workflow_id == bindparam("run"))
)


class GoalStore:
    """Runs of goals."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open = (
            database.insert(schema.goals)
            .on_conflict_do_nothing()
            .returning(schema.goals.c.workflow_id)
        )

    async def begin(
        self,
        goal: Goal,
        workflow_id: str,
        started_at: datetime,
        agent_version: str | None = None,
    ) -> None:
        """Open a run's record, with its first event; a second call changes nothing."""
        row = {
            "workflow_id": workflow_id,
            "goal_id": goal.goal_id,
            "description": goal.description,
            "agent_type": goal.agent_type,
            "parameters": _PARAMETERS.dump_json(goal.parameters).decode(),
            "agent_version": agent_version,
            "status": GoalStatus.RUNNING.value,
            "started_at": started_at,
        }

        def open_record(transaction: Transaction) -> None:
            if transaction.connection.execute(self._open, row).first() is not None:
                add_event(transaction, workflow_id, "run.started", {})

        await self._database.write(open_record)

    async def mark(self, workflow_id: str, status: GoalStatus) -> None:
        """Say that a run that has not ended is running or waiting.

        Raises:
            ValueError: The status is a final one: a result store says those.
        """
        if status.final:
            raise ValueError(f"{status} is final")
        change = (
            update(schema.goals)
            .where(schema.goals.c.workflow_id == workflow_id)
            .where(schema.goals.c.ended_at.is_(None))
            .values(status=status.value)
        )
        await self._database.write(lambda transaction: transaction.connection.execute(change))

    async def get(self, workflow_id: str) -> GoalRecord:
        """Return a run with its result, as far as it has one.

        Raises:
            UnknownGoal: There is none.
        """

        def fetch(connection: Connection) -> tuple[RowMapping | None, tuple[Artifact, ...]]:
            row = connection.execute(_GET, {"run": workflow_id}).mappings().first()
            return row, artifacts_of(connection, workflow_id)

        row, artifacts = await self._database.read(fetch)
        if row is None:
            raise UnknownGoal(workflow_id)
        result = Result.model_validate_json(row["result"]) if row["result"] is not None else None
        return _record(row).model_copy(update={"result": result, "artifacts": artifacts})

    async def list(
        self,
        *,
        limit: int = 50,
        status: GoalStatus | None = None,
        agent_type: str | None = None,
        before: datetime | None = None,
    ) -> list[GoalRecord]:
        """Return runs, newest first, without their results and artifacts.

        Args:
            limit: How many at most.
            status: Only those that stand so.
            agent_type: Only those of this agent.
            before: Only those started before this time: the last one's ``started_at`` gives the
                next page.
        """
        query = select(schema.goals).order_by(schema.goals.c.started_at.desc()).limit(limit)
        if status is not None:
            query = query.where(schema.goals.c.status == status.value)
        if agent_type is not None:
            query = query.where(schema.goals.c.agent_type == agent_type)
        if before is not None:
            query = query.where(schema.goals.c.started_at < before)
        rows = await self._database.read(lambda found: found.execute(query).mappings().all())
        return [_record(row) for row in rows]

    async def find(self, name: str) -> str:
        """Return the workflow id that a person means: the id itself, or a goal id's newest run.

        Raises:
            UnknownGoal: There is none.
        """
        goals = schema.goals
        query = (
            select(goals.c.workflow_id)
            .where((goals.c.workflow_id == name) | (goals.c.goal_id == name))
            .order_by(goals.c.started_at.desc())
            .limit(1)
        )
        found: str | None = await self._database.read(lambda goals: goals.execute(query).scalar())
        if found is None:
            raise UnknownGoal(name)
        return found

    async def counts(self) -> Mapping[GoalStatus, int]:
        """Return how many runs stand in each status."""
        query = select(schema.goals.c.status, func.count()).group_by(schema.goals.c.status)
        rows = await self._database.read(lambda found: found.execute(query).all())
        return {GoalStatus(status): count for status, count in rows}


def _record(row: RowMapping) -> GoalRecord:
    return GoalRecord(
        workflow_id=row["workflow_id"],
        goal_id=row["goal_id"],
        description=row["description"],
        agent_type=row["agent_type"],
        parameters=_PARAMETERS.validate_json(row["parameters"]),
        status=GoalStatus(row["status"]),
        success=row["success"],
        error=Failure.model_validate_json(row["error"]) if row["error"] else None,
        execution_time=row["execution_time"],
        progress=Progress.model_validate_json(row["progress"]) if row["progress"] else None,
        agent_version=row["agent_version"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )
