"""The goal store: the record of every run, with its status."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, RowMapping, bindparam, func, select, update

from perdure.models import (
    Artifact,
    Budget,
    Failure,
    Goal,
    GoalRecord,
    GoalStatus,
    Parameters,
    Progress,
    Result,
)
from perdure.stores.artifacts.artifact_store import artifacts_of
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import AmbiguousName, UnknownGoal
from perdure.stores.database.paging import MIN_PREFIX_LENGTH, PageCursor, after_cursor, starts_with
from perdure.stores.events.event_store import add_event

_PARAMETERS: TypeAdapter[Parameters] = TypeAdapter(Parameters)

_GET: Final = (
    select(schema.goals, schema.results.c.result)
    # A draft may be large, and is not shown until the run has ended.
    .outerjoin(
        schema.results,
        (schema.results.c.workflow_id == schema.goals.c.workflow_id)
        & schema.goals.c.ended_at.is_not(None),
    )
    .where(schema.goals.c.workflow_id == bindparam("run"))
)
_NEWEST: Final = (
    select(schema.goals.c.workflow_id, schema.goals.c.goal_id)
    .order_by(schema.goals.c.started_at.desc(), schema.goals.c.workflow_id.desc())
    .limit(20)
)
_BY_NAME: Final = _NEWEST.where(
    (schema.goals.c.workflow_id == bindparam("name"))
    | (schema.goals.c.goal_id == bindparam("name"))
).limit(1)
_BY_PREFIX: Final = _NEWEST.where(
    starts_with(schema.goals.c.workflow_id, "name") | starts_with(schema.goals.c.goal_id, "name")
)
_SET_VERSION: Final = (
    update(schema.goals)
    .where(schema.goals.c.workflow_id == bindparam("run"), schema.goals.c.agent_version.is_(None))
    .values(agent_version=bindparam("version"))
)


class GoalStore:
    """The records of runs: creates, reads, lists and finds them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = (
            database.insert(schema.goals)
            .on_conflict_do_nothing()
            .returning(schema.goals.c.workflow_id)
        )

    async def create(
        self,
        goal: Goal,
        workflow_id: str,
        started_at: datetime,
        agent_version: str | None = None,
    ) -> None:
        """Create a run's record with its first event, unless there is one.

        A delegate's record is created without a version, which a second call adds.
        """
        row = {
            "workflow_id": workflow_id,
            "goal_id": goal.goal_id,
            "description": goal.description,
            "agent_type": goal.agent_type,
            "parameters": _PARAMETERS.dump_json(goal.parameters).decode(),
            "agent_version": agent_version,
            "budget": goal.budget.model_dump_json() if goal.budget else None,
            "status": GoalStatus.RUNNING.value,
            "started_at": started_at,
        }

        def create_record(transaction: Transaction) -> None:
            if transaction.connection.execute(self._insert, row).first() is not None:
                add_event(transaction, workflow_id, "run.started", {})
            elif agent_version is not None:
                version = {"run": workflow_id, "version": agent_version}
                transaction.connection.execute(_SET_VERSION, version)

        await self._database.write(create_record)

    async def set_status(self, workflow_id: str, status: GoalStatus) -> None:
        """Set the status of a run that has not ended.

        Raises:
            ValueError: The status is final: :meth:`.ResultStore.store` sets those.
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
        """Return a run with its artifacts and, once it has ended, its result.

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
        before: datetime | PageCursor | None = None,
        delegated: bool | None = None,
    ) -> list[GoalRecord]:
        """Return runs, newest first, without their results and artifacts.

        Args:
            limit: How many at most.
            status: Only those of this status.
            agent_type: Only those of this agent.
            before: Only those started before this time, or that come after this place in the list:
                the last one's :func:`cursor_of` gives the next page.
            delegated: Only those that another run delegated, or only those that none did.
        """
        goals = schema.goals.c
        query = (
            select(schema.goals)
            .order_by(goals.started_at.desc(), goals.workflow_id.desc())
            .limit(limit)
        )
        if status is not None:
            query = query.where(goals.status == status.value)
        if agent_type is not None:
            query = query.where(goals.agent_type == agent_type)
        if before is not None:
            place = before if isinstance(before, PageCursor) else PageCursor(before)
            query = query.where(after_cursor(place, goals.started_at, goals.workflow_id))
        if delegated is not None:
            query = query.where(goals.parent.is_not(None) if delegated else goals.parent.is_(None))
        rows = await self._database.read(
            lambda connection: connection.execute(query).mappings().all()
        )
        return [_record(row) for row in rows]

    async def find(self, name: str) -> str:
        """Return the workflow id of the run that a name stands for.

        Args:
            name: A workflow id; a goal id, for its newest run; or the first characters of one of
                them, at least 6.

        Raises:
            UnknownGoal: There is none.
            AmbiguousName: Several goals start with these characters.
        """

        def fetch(connection: Connection) -> list[tuple[str, str]]:
            for query in (_BY_NAME, _BY_PREFIX):
                found = connection.execute(query, {"name": name}).all()
                if found or len(name) < MIN_PREFIX_LENGTH:
                    return [(row.workflow_id, row.goal_id) for row in found]
            return []

        found = await self._database.read(fetch)
        if not found:
            raise UnknownGoal(name)
        if len({goal_id for _, goal_id in found}) > 1 or (
            len(found) > 1 and not found[0][1].startswith(name)
        ):
            raise AmbiguousName(name, [workflow_id for workflow_id, _ in found])
        return found[0][0]

    async def counts(self) -> Mapping[GoalStatus, int]:
        """Return how many runs have each status."""
        query = select(schema.goals.c.status, func.count()).group_by(schema.goals.c.status)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
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
        budget=Budget.model_validate_json(row["budget"]) if row["budget"] else None,
        parent=row["parent"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )


def cursor_of(record: GoalRecord) -> PageCursor:
    """Return the cursor of a run in :meth:`GoalStore.list`."""
    return PageCursor(record.started_at, record.workflow_id)
