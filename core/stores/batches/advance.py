"""One step of a batch: what has ended is taken in, and the next items are claimed."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, RowMapping, bindparam, func, select, update

from perdure.models import Failure, FailureKind, GoalStatus
from perdure.models.batches import BatchSettings, BatchStatus, ItemContent, ItemStatus
from perdure.stores.batches.shared_budget import ROUNDING
from perdure.stores.batches.tables import batch_items, batches
from perdure.stores.database import schema
from perdure.stores.database.errors import UnknownBatch

# What ends, and what is claimed, in one transaction.
MOST: Final = 1_000
_BATCHES: Final = batches.c
_ITEMS: Final = batch_items.c
_GOALS: Final = schema.goals.c
THIS: Final = _BATCHES.batch_id == bindparam("batch")
BATCH: Final = select(batches).where(THIS)
_LOCKED: Final = BATCH.with_for_update()
RUNNING: Final = (_ITEMS.batch_id == bindparam("batch")) & (
    _ITEMS.status == ItemStatus.RUNNING.value
)
# The run that a retry goes on with has an end of its own, until it has begun again.
HAS_ENDED: Final = _GOALS.ended_at.is_not(None) & (
    _ITEMS.retried_from.is_(None) | (_GOALS.ended_at != _ITEMS.retried_from)
)
WITH_RUNS: Final = batch_items.outerjoin(schema.goals, _GOALS.workflow_id == _ITEMS.workflow_id)
_SPENT: Final = (
    select(func.coalesce(func.sum(schema.spending.c.cost), 0.0))
    .where(schema.spending.c.root == _ITEMS.workflow_id)
    .correlate(batch_items)
    .scalar_subquery()
)
_ENDED: Final = (
    select(
        *(_ITEMS.number, _ITEMS.cost, _GOALS.status, _GOALS.error, _GOALS.ended_at),
        _SPENT.label("spent"),
    )
    .select_from(WITH_RUNS)
    .where(RUNNING, HAS_ENDED)
    .limit(MOST)
)
END: Final = (
    update(batch_items)
    .where(_ITEMS.batch_id == bindparam("batch"), _ITEMS.number == bindparam("nth"))
    .values(
        status=bindparam("status"),
        error=bindparam("error"),
        cost=bindparam("cost"),
        ended_at=bindparam("ended_at"),
    )
)
_NEXT: Final = (
    select(
        *(_ITEMS.number, _ITEMS.workflow_id, _ITEMS.content),
        *(_GOALS.status.label("run_status"), _GOALS.ended_at.label("run_ended_at")),
    )
    .select_from(WITH_RUNS)
    .where(_ITEMS.batch_id == bindparam("batch"), _ITEMS.status == ItemStatus.WAITING.value)
    .order_by(_ITEMS.number)
    .limit(bindparam("most"))
)
_CLAIM: Final = (
    update(batch_items)
    .where(_ITEMS.batch_id == bindparam("batch"), _ITEMS.number == bindparam("nth"))
    .values(
        status=ItemStatus.RUNNING.value,
        workflow_id=bindparam("workflow_id"),
        retried_from=bindparam("retried_from"),
        attempts=_ITEMS.attempts + 1,
        started_at=bindparam("started_at"),
    )
)
_ITEM_STATUS: Final = {
    GoalStatus.COMPLETED.value: ItemStatus.COMPLETED,
    GoalStatus.FAILED.value: ItemStatus.FAILED,
    GoalStatus.CANCELLED.value: ItemStatus.CANCELLED,
    GoalStatus.TERMINATED.value: ItemStatus.FAILED,
}


@dataclass(frozen=True, slots=True)
class ClaimedItem:
    """An item that is to be started.

    Attributes:
        number: Its place in the batch.
        workflow_id: The run that does it.
        content: What it asks for.
        is_retry: Whether the run has ended before, and goes on from its journal.
    """

    number: int
    workflow_id: str
    content: ItemContent
    is_retry: bool


@dataclass(frozen=True, slots=True)
class Fed:
    """How a batch stands.

    Attributes:
        status: Its status.
        waiting: How many items wait.
        running: How many run.
        has_ended: Whether items have ended of which the batch does not know yet.
        ended: How many it has learnt of just now.
        claimed: What is to be started now.
    """

    status: BatchStatus
    waiting: int
    running: int
    has_ended: bool = False
    ended: int = 0
    claimed: tuple[ClaimedItem, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to do before somebody adds, resumes or retries."""
        rests = self.status in {BatchStatus.PAUSED, BatchStatus.STOPPED} and self.running == 0
        return self.status.final or rests


class Advance:
    """One step of a batch, within a transaction.

    Args:
        connection: The transaction's.
        batch_id: The batch.

    Raises:
        UnknownBatch: There is none of that id.
    """

    def __init__(self, connection: Connection, batch_id: str) -> None:
        self._connection = connection
        self._batch_id = batch_id
        self._now = datetime.now(UTC)
        self._row = lock_batch(self._connection, batch_id)
        names = ("waiting", "running", "completed", "failed", "cancelled")
        self._counts: dict[str, int] = {name: self._row[name] for name in names}
        self._cost: float = self._row["cost"]
        self._is_budget_used = False

    def run(self, settings: BatchSettings, most: int) -> Fed:
        """Take the step, and return how the batch stands after it.

        Args:
            settings: The batch's settings.
            most: How many items may be started now.
        """
        ended = self._take_in()
        status = BatchStatus(self._row["status"])
        reason: str = self._row["reason"]
        if status is BatchStatus.RUNNING and (stop := self._reason_to_stop(settings)):
            status, reason = BatchStatus.STOPPED, stop
        claimed: tuple[ClaimedItem, ...] = ()
        if status is BatchStatus.RUNNING:
            free = settings.at_once - self._counts["running"]
            claimed = self._claim(min(most, free, MOST))
        ended_at = None
        if not self._counts["running"]:
            if status is BatchStatus.CANCELLING:
                status, ended_at = BatchStatus.CANCELLED, self._now
            elif not self._counts["waiting"] and not status.final:
                status, ended_at = BatchStatus.COMPLETED, self._now
        values: dict[str, object] = {
            **self._counts,
            "cost": self._cost,
            "status": status.value,
            "reason": reason,
            "ended_at": ended_at or self._row["ended_at"],
            "fed_at": self._now,
        }
        change = update(batches).where(THIS).values(values)
        self._connection.execute(change, {"batch": self._batch_id})
        return Fed(status, self._counts["waiting"], self._counts["running"], False, ended, claimed)

    def _take_in(self) -> int:
        rows = self._connection.execute(_ENDED, {"batch": self._batch_id}).all()
        if not rows:
            return 0
        ends = []
        for row in rows:
            status = _ITEM_STATUS[row.status]
            self._counts["running"] -= 1
            self._counts[status.value] += 1
            self._cost += row.spent - row.cost
            if status is ItemStatus.FAILED and row.error:
                failure = Failure.model_validate_json(row.error)
                self._is_budget_used |= failure.kind is FailureKind.BUDGET
            ends.append(
                {
                    "batch": self._batch_id,
                    "nth": row.number,
                    "status": status.value,
                    "error": row.error,
                    "cost": row.spent,
                    "ended_at": row.ended_at,
                }
            )
        self._connection.execute(END, ends)
        return len(rows)

    def _reason_to_stop(self, settings: BatchSettings) -> str:
        failed = self._counts["failed"] - self._row["failed_before"]
        most = settings.stop_after_failures
        if most is not None and failed >= most:
            return (
                f"{failed} of its items failed, and it was to stop after {most}: perdure batch"
                " resume goes on, perdure batch retry has them done again"
            )
        budget = self._row["budget_cost"]
        if budget is None:
            return ""
        # Without a budget of its own, an item can have met the batch's alone.
        is_used = self._is_budget_used and settings.budget is None
        if self._cost >= budget - ROUNDING or is_used:
            return (
                f"its items have used {self._cost:.4f} of the {budget:.4f} dollars that its budget"
                " allows: perdure batch resume --budget-cost goes on with a larger one"
            )
        return ""

    def _claim(self, most: int) -> tuple[ClaimedItem, ...]:
        if most <= 0 or not self._counts["waiting"]:
            return ()
        parameters = {"batch": self._batch_id, "most": most}
        claims, items = [], []
        for row in self._connection.execute(_NEXT, parameters).all():
            number, name = row.number, self._row["name"]
            # What is left of a run that was deleted is its id: another one does the item then.
            is_retry = row.run_status is not None
            workflow_id = row.workflow_id if is_retry else f"goal-{name}-{number}-{uuid.uuid4()}"
            # Somebody may have retried the run by itself, and it has completed: that end counts.
            is_done = row.run_status == GoalStatus.COMPLETED.value
            claims.append(
                {
                    "batch": self._batch_id,
                    "nth": number,
                    "workflow_id": workflow_id,
                    "retried_from": None if is_done else row.run_ended_at,
                    "started_at": self._now,
                }
            )
            content = ItemContent.model_validate_json(row.content)
            items.append(ClaimedItem(number, workflow_id, content, is_retry))
        if claims:
            self._connection.execute(_CLAIM, claims)
        self._counts["waiting"] -= len(claims)
        self._counts["running"] += len(claims)
        return tuple(items)


def lock_batch(connection: Connection, batch_id: str) -> RowMapping:
    """Return a batch's row, which nobody else changes until the transaction ends.

    Raises:
        UnknownBatch: There is none of that id.
    """
    row = connection.execute(_LOCKED, {"batch": batch_id}).mappings().first()
    if row is None:
        raise UnknownBatch(batch_id)
    return row
