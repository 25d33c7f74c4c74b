"""The goal store: the record of every run, with its status."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, Unpack

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import Connection, RowMapping, bindparam, func, select, update

from perdure.models import (
    DEFAULT_POOL,
    DEFAULT_PRIORITY,
    Budget,
    Failure,
    Goal,
    GoalRecord,
    GoalStatus,
    Origin,
    Parameters,
    Progress,
    Result,
    beginning,
)
from perdure.schemas.many_goals import GoalFilter
from perdure.stores.access.audit import PendingEntry
from perdure.stores.artifacts.artifact_store import artifacts_of
from perdure.stores.audit.words import words_of_goal
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import AmbiguousName, UnknownGoal
from perdure.stores.database.goal_index import index_new_goal
from perdure.stores.database.paging import MIN_PREFIX_LENGTH, PageCursor, after_cursor, starts_with
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.events.event_store import add_event
from perdure.stores.retention.holds import hold_of
from perdure.stores.runs.goal_filter import chosen
from perdure.stores.runs.scores import scores_of
from perdure.stores.slots.shown import slot_wait_of
from perdure.telemetry.traces.goal_trace import GoalTrace

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
# Two queries: for one with OR, SQLite would read the tenant's goals one by one.
_BY_WORKFLOW_ID: Final = _NEWEST.where(schema.goals.c.workflow_id == bindparam("name"))
_BY_GOAL_ID: Final = _NEWEST.where(schema.goals.c.goal_id == bindparam("name")).limit(1)
_BY_PREFIX: Final = _NEWEST.where(
    starts_with(schema.goals.c.workflow_id, "name") | starts_with(schema.goals.c.goal_id, "name")
)
_TENANTS: Final = (
    select(schema.goals.c.workflow_id, schema.goals.c.tenant)
    .where(schema.goals.c.workflow_id.in_(bindparam("runs", expanding=True)))
    .order_by(schema.goals.c.workflow_id)
)
_RUNNING_BY_POOL: Final = (
    select(schema.goals.c.pool, func.count())
    .where(schema.goals.c.status == GoalStatus.RUNNING.value)
    .group_by(schema.goals.c.pool)
)
_SET_VERSION: Final = (
    update(schema.goals)
    .where(schema.goals.c.workflow_id == bindparam("run"), schema.goals.c.agent_version.is_(None))
    .values(agent_version=bindparam("version"))
)


class GoalStore(TenantStore):
    """The records of runs: creates, reads, lists and finds them."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
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
        entry: PendingEntry | None = None,
    ) -> None:
        """Create a run's record with its first event, unless there is one.

        A delegate's record is created without a version, which a second call adds.

        Args:
            goal: The goal.
            workflow_id: The run.
            started_at: When it was started.
            agent_version: The version of its agent.
            entry: What is put into the audit table with it, about this run.
        """
        row = goal_row(goal, workflow_id, started_at, agent_version)
        row["tenant"] = self._tenancy.tenant or goal.tenant

        def create_record(transaction: Transaction) -> None:
            if transaction.connection.execute(self._insert, row).first() is not None:
                words = words_of_goal(row)
                add_event(transaction, workflow_id, "run.started", {}, words=words)
                index_new_goal(transaction, workflow_id, goal.goal_id, goal.description)
            elif agent_version is not None:
                version = {"run": workflow_id, "version": agent_version}
                transaction.connection.execute(_SET_VERSION, version)
            if entry is not None:
                entry.add(transaction, workflow_id)

        await self._database.write(create_record)
        if entry is not None:
            entry.mark_stored()

    async def running_by_pool(self) -> Mapping[str, int]:
        """Return how many runs are running, by the pool of workers that runs them.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        query = self._tenancy.limited(_RUNNING_BY_POOL, schema.goals.c.tenant)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {pool or DEFAULT_POOL: count for pool, count in rows}

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

        def set_status(transaction: Transaction) -> None:
            self._tenancy.check_run(transaction.connection, workflow_id)
            transaction.connection.execute(change)

        await self._database.write(set_status)

    async def get(self, workflow_id: str) -> GoalRecord:
        """Return a run with all there is about it: once it has ended, its result too.

        Raises:
            UnknownGoal: There is none.
        """

        def fetch(
            connection: Connection,
        ) -> tuple[RowMapping | None, Mapping[str, object]]:
            row = connection.execute(_GET, {"run": workflow_id}).mappings().first()
            return row, {
                "artifacts": artifacts_of(connection, workflow_id),
                "scores": scores_of(connection, workflow_id),
                "hold": hold_of(connection, workflow_id),
                "slot": slot_wait_of(connection, row),
            }

        row, more = await self._database.read(fetch)
        if row is None or self._tenancy.tenant not in {None, row["tenant"]}:
            raise UnknownGoal(workflow_id)
        result = Result.model_validate_json(row["result"]) if row["result"] is not None else None
        return _record(row).model_copy(update={"result": result, **more})

    async def by_tenant(self, workflow_ids: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Return those of some runs that there are, by whose they are."""
        rows = await self._database.read(
            lambda connection: connection.execute(_TENANTS, {"runs": [*workflow_ids]}).all()
        )
        found: dict[str, list[str]] = {}
        for workflow_id, tenant in rows:
            if self._tenancy.tenant in {None, tenant}:
                found.setdefault(tenant, []).append(workflow_id)
        return found

    async def list(
        self,
        *,
        limit: int = 50,
        before: datetime | PageCursor | None = None,
        **criteria: Unpack[GoalFilter],
    ) -> list[GoalRecord]:
        """Return runs, newest first, without their results, artifacts and scores.

        Of a description, and of each parameter, that has more than 1,000 characters they show the
        beginning; :meth:`get` returns all of it.

        Args:
            limit: How many at most.
            before: Only those started before this time, or that come after this place in the list:
                the last one's :func:`cursor_of` gives the next page.
            criteria: Only those that meet these: see :class:`.GoalFilter`.
        """

        def fetch(connection: Connection) -> Sequence[RowMapping]:
            table, conditions = chosen(connection, self._database, criteria)
            goals = table.c
            query = (
                select(table)
                .order_by(goals.started_at.desc(), goals.workflow_id.desc())
                .limit(limit)
                .where(*conditions)
            )
            query = self._tenancy.limited(query, goals.tenant)
            if before is not None:
                place = before if isinstance(before, PageCursor) else PageCursor(before)
                query = query.where(after_cursor(place, goals.started_at, goals.workflow_id))
            return connection.execute(query).mappings().all()

        rows = await self._database.read(fetch)
        return [_shortened(_record(row)) for row in rows]

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
            for query in (_BY_WORKFLOW_ID, _BY_GOAL_ID, _BY_PREFIX):
                if query is _BY_PREFIX and len(name) < MIN_PREFIX_LENGTH:
                    break
                owned = self._tenancy.limited(query, schema.goals.c.tenant)
                found = connection.execute(owned, {"name": name}).all()
                if found:
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

    async def counts(self, **criteria: Unpack[GoalFilter]) -> Mapping[GoalStatus, int]:
        """Return how many runs have each status that any has.

        Args:
            criteria: Only those that meet these: see :class:`.GoalFilter`.
        """

        def fetch(connection: Connection) -> Mapping[GoalStatus, int]:
            table, conditions = chosen(connection, self._database, criteria)
            goals = table.c
            query = (
                select(goals.status, func.count())
                # All statuses there are, named, so that the index that begins with them is read.
                .where(goals.status.in_([*GoalStatus]), *conditions)
                .group_by(goals.status)
            )
            query = self._tenancy.limited(query, goals.tenant)
            found = connection.execute(query).all()
            return {GoalStatus(status): count for status, count in found}

        return await self._database.read(fetch)


def goal_row(
    goal: Goal, workflow_id: str, started_at: datetime, agent_version: str | None
) -> dict[str, object]:
    """Return the columns of a new run's record."""
    return {
        "workflow_id": workflow_id,
        "goal_id": goal.goal_id,
        "description": goal.description,
        "agent_type": goal.agent_type,
        "parameters": _PARAMETERS.dump_json(goal.parameters).decode(),
        "agent_version": agent_version,
        "budget": goal.budget.model_dump_json() if goal.budget else None,
        "status": GoalStatus.RUNNING.value,
        "started_at": started_at,
        "pool": stored_pool(goal.pool),
        "priority": None if goal.priority == DEFAULT_PRIORITY else goal.priority,
        "tenant": goal.tenant,
        "trace": goal.trace or None,
        "schedule": goal.schedule or None,
        "scheduled_at": goal.scheduled_at,
        "following": goal.following.model_dump_json() if goal.following else None,
    }


def stored_pool(pool: str | None) -> str | None:
    """Return the column of a goal's pool: nothing for the default one."""
    return None if pool == DEFAULT_POOL else pool


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
        pool=row["pool"] or DEFAULT_POOL,
        priority=row["priority"] or DEFAULT_PRIORITY,
        parent=row["parent"],
        schedule=row["schedule"],
        scheduled_at=row["scheduled_at"],
        tenant=row["tenant"],
        origin=_origin(row),
        trace_id=_trace_id(row["trace"]),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )


def _trace_id(text: str | None) -> str | None:
    trace = GoalTrace.decode(text or "")
    return f"{trace.trace_id:032x}" if trace is not None else None


def _origin(row: RowMapping) -> Origin | None:
    if row["made_from"] is None:
        return None
    return Origin(workflow_id=row["made_from"], step=row["made_from_step"], by=row["made_by"] or "")


def _shortened(record: GoalRecord) -> GoalRecord:
    parameters = {name: _beginning(value) for name, value in record.parameters.items()}
    description = beginning(record.description)
    return record.model_copy(update={"description": description, "parameters": parameters})


def _beginning(value: JsonValue) -> JsonValue:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    shown = beginning(text)
    return value if shown == text else shown


def cursor_of(record: GoalRecord) -> PageCursor:
    """Return the cursor of a run in :meth:`GoalStore.list`."""
    return PageCursor(record.started_at, record.workflow_id)
