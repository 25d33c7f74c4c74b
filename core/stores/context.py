"""The context store: the journal of each run's finished steps."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue
from sqlalchemy import Executable, bindparam, delete, select

from holdfast.agents.journal import Answer, Journal, StepKey
from holdfast.models import EventType, Failure
from holdfast.stores import schema
from holdfast.stores.database import Database, Transaction
from holdfast.stores.errors import known_run
from holdfast.stores.events import add_event

_LOAD: Final = select(schema.steps).where(schema.steps.c.workflow_id == bindparam("run"))


class ContextStore:
    """Journals of runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._record = (
            database.insert(schema.steps).on_conflict_do_nothing().returning(schema.steps.c.name)
        )

    def journal(self, workflow_id: str) -> Journal:
        """Return the journal of one run.

        A step that is recorded twice keeps its first answer and is told once. Recording raises
        :class:`UnknownGoal` when the run's record was never opened.
        """
        return _StoredJournal(self._database, workflow_id, self._record)


class _StoredJournal:
    def __init__(self, database: Database, workflow_id: str, record: Executable) -> None:
        self._database = database
        self._workflow_id = workflow_id
        self._record = record

    async def load(self) -> Mapping[StepKey, Answer]:
        asked = {"run": self._workflow_id}
        rows = await self._database.read(lambda found: found.execute(_LOAD, asked).mappings().all())
        return {
            StepKey(row["name"], row["digest"], row["occurrence"]): Answer(
                row["value"],
                Failure.model_validate_json(row["failure"]) if row["failure"] else None,
                row["seconds"],
            )
            for row in rows
        }

    async def record(self, key: StepKey, answer: Answer) -> None:
        row = {
            "workflow_id": self._workflow_id,
            "name": key.name,
            "digest": key.digest,
            "occurrence": key.occurrence,
            "value": answer.value,
            "failure": answer.failure.model_dump_json() if answer.failure else None,
            "seconds": answer.seconds,
            "recorded_at": datetime.now(UTC),
        }
        told: dict[str, JsonValue] = {"step": key.name, "seconds": answer.seconds}
        if answer.failure is not None:
            told["error"] = answer.failure.model_dump(mode="json")
        type_: EventType = "step.failed" if answer.failure else "step.completed"

        def write(transaction: Transaction) -> None:
            # A step that is in the journal was told when it came there.
            if transaction.connection.execute(self._record, row).first() is not None:
                add_event(transaction, self._workflow_id, type_, told)

        with known_run(self._workflow_id):
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
