"""The context store: the journal of each run's finished steps."""

from collections.abc import Mapping
from datetime import UTC, datetime

from holdfast.agents.journal import Answer, Journal, StepKey
from holdfast.models import EventType, Failure
from holdfast.stores import schema
from holdfast.stores.database import Database, Transaction
from holdfast.stores.events import add_event
from pydantic import JsonValue
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite


class ContextStore:
    """Journals of runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def journal(self, workflow_id: str) -> Journal:
        """Return the journal of one run."""
        return _StoredJournal(self._database, workflow_id)


class _StoredJournal:
    def __init__(self, database: Database, workflow_id: str) -> None:
        self._database = database
        self._workflow_id = workflow_id

    async def load(self) -> Mapping[StepKey, Answer]:
        query = select(schema.steps).where(schema.steps.c.workflow_id == self._workflow_id)
        rows = await self._database.read(lambda found: found.execute(query).mappings().all())
        return {
            StepKey(row["name"], row["digest"], row["occurrence"]): Answer(
                row["value"],
                Failure.model_validate_json(row["failure"]) if row["failure"] else None,
                row["seconds"],
            )
            for row in rows
        }

    async def record(self, key: StepKey, answer: Answer) -> None:
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        statement = (
            insert(schema.steps)
            .values(
                workflow_id=self._workflow_id,
                name=key.name,
                digest=key.digest,
                occurrence=key.occurrence,
                value=answer.value,
                failure=answer.failure.model_dump_json() if answer.failure else None,
                seconds=answer.seconds,
                recorded_at=datetime.now(UTC),
            )
            .on_conflict_do_nothing()
        )
        told: dict[str, JsonValue] = {"step": key.name, "seconds": answer.seconds}
        if answer.failure is not None:
            told["error"] = answer.failure.model_dump(mode="json")
        type_: EventType = "step.failed" if answer.failure else "step.completed"

        def write(transaction: Transaction) -> None:
            transaction.connection.execute(statement)
            add_event(transaction, self._workflow_id, type_, told)

        await self._database.write(write)

    async def withdraw(self, key: StepKey) -> None:
        steps = schema.steps
        forget = delete(steps).where(
            steps.c.workflow_id == self._workflow_id,
            steps.c.name == key.name,
            steps.c.digest == key.digest,
            steps.c.occurrence == key.occurrence,
            steps.c.failure.is_not(None),
        )
        await self._database.write(lambda transaction: transaction.connection.execute(forget))
