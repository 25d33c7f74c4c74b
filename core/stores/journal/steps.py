"""Rows of the journal: reading a step's outcome, and recording one with its event."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from pydantic import JsonValue
from sqlalchemy import ColumnElement, Executable, RowMapping, Table, and_, bindparam

from perdure.agents.steps.journal import StepOutcome
from perdure.agents.steps.keys import StepKey, named_step
from perdure.models import NO_USAGE, EventType, Failure, Usage
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.events.event_store import add_event
from perdure.stores.journal.large_values import LargeValue


def is_step(table: Table) -> ColumnElement[bool]:
    """Return the condition that selects a step's row; see :func:`step_parameters`."""
    return and_(
        table.c.workflow_id == bindparam("run"),
        table.c.name == bindparam("step"),
        table.c.digest == bindparam("input"),
        table.c.occurrence == bindparam("nth"),
    )


def step_parameters(workflow_id: str, key: StepKey) -> dict[str, object]:
    """Return the parameters of :func:`is_step`."""
    return {
        "run": workflow_id,
        "step": key.name,
        "input": key.digest,
        "nth": key.occurrence,
    }


def step_row(workflow_id: str, key: StepKey) -> dict[str, object]:
    """Return the columns of a row that identify its step."""
    return {
        "workflow_id": workflow_id,
        "name": key.name,
        "digest": key.digest,
        "occurrence": key.occurrence,
    }


def step_outcome(row: RowMapping) -> StepOutcome:
    """Return a step's outcome from its row."""
    return StepOutcome(
        row["value"],
        Failure.model_validate_json(row["failure"]) if row["failure"] else None,
        row["seconds"],
        Usage.model_validate_json(row["usage"]) if row["usage"] else NO_USAGE,
    )


class StepRecorder:
    """Records outcomes in the journal, each once, with an event."""

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
        large: LargeValue | None = None,
    ) -> bool:
        """Record a step's outcome with its event, unless the journal already has one.

        Args:
            transaction: The transaction.
            workflow_id: The run.
            key: The step.
            outcome: Its outcome.
            at: The time, in UTC.
            large: Where its value lies, if that is too large for the journal.

        Returns:
            Whether it was recorded.
        """
        if not self._insert_row(transaction, workflow_id, key, outcome, at, large):
            return False
        event: dict[str, JsonValue] = {**named_step(key), "seconds": outcome.seconds}
        if key.within:
            event["within"] = key.within
        if outcome.failure is not None:
            event["error"] = outcome.failure.model_dump(mode="json")
        type_: EventType = "step.failed" if outcome.failure else "step.completed"
        words = {"input": key.digest}
        if outcome.failure is None:
            words["output"] = large.digest if large is not None else outcome.value or ""
        add_event(transaction, workflow_id, type_, event, words=words)
        return True

    def record_decision(
        self,
        transaction: Transaction,
        workflow_id: str,
        key: StepKey,
        data: Mapping[str, JsonValue] | None,
        at: datetime,
    ) -> None:
        """Record a decision of the policy with its event, unless the journal already has it.

        Args:
            transaction: The transaction.
            workflow_id: The run.
            key: What was decided.
            data: That of its event; no event without.
            at: The time, in UTC.
        """
        decided = StepOutcome(json.dumps(data))
        is_new = self._insert_row(transaction, workflow_id, key, decided, at, None)
        if is_new and data is not None:
            add_event(transaction, workflow_id, "policy.decided", data)

    def _insert_row(
        self,
        transaction: Transaction,
        workflow_id: str,
        key: StepKey,
        outcome: StepOutcome,
        at: datetime,
        large: LargeValue | None,
    ) -> bool:
        row = step_row(workflow_id, key) | {
            "value": outcome.value if large is None else "",
            "content": large.digest if large is not None else None,
            "content_size": large.size if large is not None else None,
            "failure": outcome.failure.model_dump_json() if outcome.failure else None,
            "seconds": outcome.seconds,
            "usage": outcome.usage.model_dump_json() if outcome.usage != NO_USAGE else None,
            "recorded_at": at,
        }
        return transaction.connection.execute(self._insert, row).first() is not None
