"""The result store: drafts of results, and the end of each run, stored once."""

from datetime import UTC, datetime
from typing import Final, NamedTuple

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import bindparam, func, select, update

from perdure.models import EventType, Failure, GoalStatus, Result, ResultReference, Usage
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import UnknownGoal
from perdure.stores.database.fencing import Claim
from perdure.stores.database.goal_index import index_ended_goal
from perdure.stores.database.retry import with_retries
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.events.event_store import add_event
from perdure.stores.journal.delegates import close_delegate_wait
from perdure.stores.spending.ledger import spending_of
from perdure.stores.spending.metrics import metric_row, metric_upsert
from perdure.telemetry.metrics import recording
from perdure.telemetry.traces.process import is_on
from perdure.telemetry.traces.recording import goal_ended

MAX_SUMMARY_CHARACTERS: Final = 200
# The metadata that a result's reference includes; the result has all of it.
REFERENCE_METADATA: Final = ("agent_type", "tokens_used")

_EVENTS: Final[dict[GoalStatus, EventType]] = {
    GoalStatus.COMPLETED: "run.completed",
    GoalStatus.FAILED: "run.failed",
    GoalStatus.CANCELLED: "run.cancelled",
    GoalStatus.TERMINATED: "run.terminated",
}
_METADATA: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])

_GOALS: Final = schema.goals.c
_RESULTS: Final = schema.results.c
_CLOSE: Final = (
    update(schema.goals)
    .where(_GOALS.workflow_id == bindparam("run"), _GOALS.ended_at.is_(None))
    .values(
        status=bindparam("status"),
        success=bindparam("success"),
        error=bindparam("error"),
        execution_time=bindparam("execution_time"),
        ended_at=bindparam("ended_at"),
    )
    .returning(_GOALS.goal_id, _GOALS.agent_type, _GOALS.tenant, _GOALS.trace)
)
_ARTIFACTS: Final = (
    select(func.count())
    .select_from(schema.artifacts)
    .where(schema.artifacts.c.workflow_id == _GOALS.workflow_id)
    .scalar_subquery()
    .label("artifacts")
)
_REFERENCE: Final = (
    select(_RESULTS.summary, _RESULTS.size, _RESULTS.metadata, _ARTIFACTS)
    .select_from(schema.goals.outerjoin(schema.results))
    .where(_GOALS.workflow_id == bindparam("run"))
)


class _Ended(NamedTuple):
    """What metrics and the run's span say, of a run whose record was closed just now."""

    goal_id: str
    agent: str
    tenant: str
    trace: str | None
    spent: Usage


class ResultStore(TenantStore):
    """Results of runs."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        upsert = database.insert(schema.results)
        columns = {
            name: upsert.excluded[name] for name in ("result", "summary", "size", "metadata")
        }
        self._upsert = upsert.on_conflict_do_update(
            index_elements=[_RESULTS.workflow_id], set_=columns
        )
        self._metric_upsert = metric_upsert(database)

    async def draft(self, claim: Claim, result: Result) -> None:
        """Store an attempt's result, whole or partial, in place of the draft before.

        Once the run has ended, its result is not changed, nor added when there was none.

        Raises:
            Fenced: Another execution has claimed the run, or it has ended.
            UnknownGoal: The run has no record.
            JournalFailed: The stores were unavailable for a minute.
        """
        text = result.model_dump_json()
        metadata = {
            key: value for key, value in result.metadata.items() if key in REFERENCE_METADATA
        }
        row = {
            "workflow_id": claim.workflow_id,
            "result": text,
            "summary": result.summary[:MAX_SUMMARY_CHARACTERS],
            "size": len(text.encode()),
            "metadata": _METADATA.dump_json(metadata).decode(),
        }

        def draft(transaction: Transaction) -> None:
            self._tenancy.check_run(transaction.connection, claim.workflow_id)
            claim.check(transaction)
            transaction.connection.execute(self._upsert, row)

        await with_retries(lambda: self._database.write(draft))

    async def store(
        self,
        workflow_id: str,
        status: GoalStatus,
        error: Failure | None,
        execution_time: float,
    ) -> ResultReference:
        """Make the run's draft its result and close its record, in one transaction.

        It is stored once: a second call returns what the first one stored.

        Args:
            workflow_id: The run.
            status: How it ended.
            error: Why it failed.
            execution_time: Seconds.

        Raises:
            UnknownGoal: The run has no record.
            ValueError: The status is not final.
        """
        if not status.final:
            raise ValueError(f"{status} is not final")
        ended_at = datetime.now(UTC)
        end = {
            "run": workflow_id,
            "status": status.value,
            "success": status is GoalStatus.COMPLETED,
            "error": error.model_dump_json() if error else None,
            "execution_time": execution_time,
            "ended_at": ended_at,
        }

        def store(transaction: Transaction) -> tuple[ResultReference, _Ended | None]:
            ended = None
            self._tenancy.check_run(transaction.connection, workflow_id)
            closed = transaction.connection.execute(_CLOSE, end).first()
            if closed is not None:
                agent = closed.agent_type
                metric = metric_row(workflow_id, agent, "execution_time", execution_time)
                spent = (
                    spending_of(transaction.connection, workflow_id).spent if is_on() else Usage()
                )
                ended = _Ended(closed.goal_id, agent, closed.tenant, closed.trace, spent)
                transaction.connection.execute(self._metric_upsert, metric)
                add_end_event(transaction, workflow_id, status, error, execution_time)
                close_delegate_wait(transaction, workflow_id)
                index_ended_goal(transaction, workflow_id)
            return _reference(transaction, workflow_id), ended

        reference, ended = await self._database.write(store)
        if ended is not None:
            recording.goal_ended(ended.agent, ended.tenant, status.value, execution_time)
            goal_ended(workflow_id, *ended, status, error, ended_at, execution_time)
        return reference


def add_end_event(
    transaction: Transaction,
    workflow_id: str,
    status: GoalStatus,
    error: Failure | None,
    execution_time: float,
) -> None:
    """Add the event of a run's end, within the transaction that closes its record."""
    event: dict[str, JsonValue] = {"execution_time": execution_time}
    if error is not None:
        event |= error.model_dump(mode="json")
    add_event(transaction, workflow_id, _EVENTS[status], event)


def _reference(transaction: Transaction, workflow_id: str) -> ResultReference:
    row = transaction.connection.execute(_REFERENCE, {"run": workflow_id}).mappings().first()
    if row is None:
        raise UnknownGoal(workflow_id)
    if row["size"] is None:
        return ResultReference(workflow_id=workflow_id, artifacts=row["artifacts"])
    return ResultReference(
        workflow_id=workflow_id,
        summary=row["summary"],
        size=row["size"],
        artifacts=row["artifacts"],
        metadata=_METADATA.validate_json(row["metadata"]),
    )
