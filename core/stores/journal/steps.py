"""Finished steps as the table holds them: the journal's, and what a run has waited for."""

from datetime import datetime
from typing import Final

from pydantic import JsonValue
from sqlalchemy import ColumnElement, Executable, RowMapping, Table, and_, bindparam

from perdure.agents.steps.journal import StepOutcome
from perdure.agents.steps.keys import StepKey
from perdure.models import EventType, Failure, Usage
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.events.event_store import add_event


def this_step(table: Table) -> ColumnElement[bool]:
    """Return the condition that a row is that of a step; :func:`named` gives its values."""
    return and_(
        table.c.workflow_id == bindparam("run"),
        table.c.name == bindparam("step"),
        table.c.digest == bindparam("input"),
        table.c.occurrence == bindparam("nth"),
    )


def named(workflow_id: str, key: StepKey) -> dict[str, object]:
    """Return the values that :func:`this_step` asks for."""
    return {
        "run": workflow_id,
        "step": key.name,
        "input": key.digest,
        "nth": key.occurrence,
    }


def step_row(workflow_id: str, key: StepKey) -> dict[str, object]:
    """Return the columns that say which step a row belongs to."""
    return {
        "workflow_id": workflow_id,
        "name": key.name,
        "digest": key.digest,
        "occurrence": key.occurrence,
    }


def outcome_in(row: RowMapping) -> StepOutcome:
    """Return what a step came to, from its row."""
    return StepOutcome(
        row["value"],
        Failure.model_validate_json(row["failure"]) if row["failure"] else None,
        row["seconds"],
        Usage.model_validate_json(row["usage"]) if row["usage"] else Usage(),
    )


class Recording:
    """Puts what steps came to into the journal, each once, and tells the readers of their runs."""

    def __init__(self, database: Database) -> None:
        self._insert: Final[Executable] = (
            database.insert(schema.steps).on_conflict_do_nothing().returning(schema.steps.c.name)
        )

    def record(
        self,
        transaction: Transaction,
        workflow_id: str,
        key: StepKey,
        outcome: StepOutcome,
        at: datetime,
    ) -> bool:
        """Keep what a step came to, and tell of it; one that is in the journal stays as it is.

        Args:
            transaction: Where it is written.
            workflow_id: The run.
            key: The step.
            outcome: What it came to.
            at: When, in UTC.

        Returns:
            Whether it was not in the journal before.
        """
        row = step_row(workflow_id, key) | {
            "value": outcome.value,
            "failure": outcome.failure.model_dump_json() if outcome.failure else None,
            "seconds": outcome.seconds,
            "usage": outcome.usage.model_dump_json() if outcome.usage != Usage() else None,
            "recorded_at": at,
        }
        if transaction.connection.execute(self._insert, row).first() is None:
            return False
        told: dict[str, JsonValue] = {"step": key.name, "seconds": outcome.seconds}
        if outcome.failure is not None:
            told["error"] = outcome.failure.model_dump(mode="json")
        type_: EventType = "step.failed" if outcome.failure else "step.completed"
        add_event(transaction, workflow_id, type_, told)
        return True
