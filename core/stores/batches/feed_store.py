"""The feed store: which items of a batch have ended, and which are to be started next."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, RowMapping, bindparam, func, or_, select, update

from perdure.models import Failure, FailureKind, GoalStatus
from perdure.models.batches import BatchSettings, BatchStatus, ItemContent, ItemStatus
from perdure.stores.batches.tables import batch_items, batches
from perdure.stores.database import schema
from perdure.stores.database.columns import UtcDateTime
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import UnknownBatch

# What ends, and what is claimed, in one transaction.
_MOST: Final = 1_000
_UNFED: Final = timedelta(minutes=1)
_BATCHES: Final = batches.c
_ITEMS: Final = batch_items.c
_GOALS: Final = schema.goals.c
_THIS: Final = _BATCHES.batch_id == bindparam("batch")
_BATCH: Final = select(batches).where(_THIS)
_LOCKED: Final = _BATCH.with_for_update()
_RUNNING: Final = (_ITEMS.batch_id == bindparam("batch")) & (
    _ITEMS.status == ItemStatus.RUNNING.value
)
# The run that a retry goes on with has an end of its own, until it has begun again.
_HAS_ENDED: Final = _GOALS.ended_at.is_not(None) & (
    _ITEMS.retried_from.is_(None) | (_GOALS.ended_at != _ITEMS.retried_from)
)
_WITH_RUNS: Final = batch_items.outerjoin(schema.goals, _GOALS.workflow_id == _ITEMS.workflow_id)
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
    .select_from(_WITH_RUNS)
    .where(_RUNNING, _HAS_ENDED)
    .limit(_MOST)
)
_ANY_ENDED: Final = (
    select(_ITEMS.number).select_from(_WITH_RUNS).where(_RUNNING, _HAS_ENDED).limit(1)
)
_END: Final = (
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
    .select_from(_WITH_RUNS)
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
_UNSTARTED: Final = (
    select(_ITEMS.number, _ITEMS.workflow_id, _ITEMS.content, _ITEMS.retried_from)
    .select_from(_WITH_RUNS)
    .where(_RUNNING, or_(_GOALS.workflow_id.is_(None), _GOALS.ended_at == _ITEMS.retried_from))
    .order_by(_ITEMS.number)
    .limit(_MOST)
)
_OPEN: Final = (
    select(_ITEMS.number, _ITEMS.workflow_id)
    .select_from(_WITH_RUNS)
    .where(_RUNNING, ~_HAS_ENDED)
    .limit(_MOST)
)
_TOUCH: Final = update(batches).where(_THIS).values(fed_at=bindparam("now", type_=UtcDateTime()))
_LEFT: Final = (
    select(_BATCHES.batch_id)
    .where(
        _BATCHES.status.in_([status.value for status in BatchStatus if not status.final]),
        _BATCHES.fed_at < bindparam("before", type_=UtcDateTime()),
        or_(
            _BATCHES.status.in_([BatchStatus.RUNNING.value, BatchStatus.CANCELLING.value]),
            _BATCHES.running > 0,
        ),
    )
    .limit(100)
)
_ITEM_STATUS: Final = {
    GoalStatus.COMPLETED.value: ItemStatus.COMPLETED,
    GoalStatus.FAILED.value: ItemStatus.FAILED,
    GoalStatus.CANCELLED.value: ItemStatus.CANCELLED,
    GoalStatus.TERMINATED.value: ItemStatus.FAILED,
}


@dataclass(frozen=True, slots=True)
class FedBatch:
    """What the feeder knows of its batch.

    Attributes:
        name: Its name, with which its goals' ids begin.
        tenant: Whose it is.
        settings: What its items share.
    """

    name: str
    tenant: str
    settings: BatchSettings


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


class FeedStore:
    """What feeds batches; workers alone do it, for the batches of all tenants.

    Whatever changes a batch or its items locks the batch first, so that two who feed it at once, as
    when one was believed dead, take different items.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def batch(self, batch_id: str) -> FedBatch:
        """Return a batch's settings.

        Raises:
            UnknownBatch: There is none of that id.
            StoreUnavailable: The database does not answer.
        """
        row = await self._database.read(
            lambda connection: connection.execute(_BATCH, {"batch": batch_id}).mappings().first()
        )
        if row is None:
            raise UnknownBatch(batch_id)
        settings = BatchSettings.model_validate_json(row["settings"])
        return FedBatch(row["name"], row["tenant"], settings)

    async def look(self, batch_id: str) -> Fed:
        """Return how a batch stands, which changes nothing.

        Raises:
            UnknownBatch: There is none of that id.
            StoreUnavailable: The database does not answer.
        """
        parameters = {"batch": batch_id}

        def fetch(connection: Connection) -> tuple[RowMapping | None, bool]:
            row = connection.execute(_BATCH, parameters).mappings().first()
            return row, connection.execute(_ANY_ENDED, parameters).first() is not None

        row, has_ended = await self._database.read(fetch)
        if row is None:
            raise UnknownBatch(batch_id)
        return Fed(BatchStatus(row["status"]), row["waiting"], row["running"], has_ended)

    async def advance(self, batch_id: str, settings: BatchSettings, most: int) -> Fed:
        """Take in which items have ended, and claim the next ones, in one transaction.

        Args:
            batch_id: The batch.
            settings: Its settings.
            most: How many items may be started now.

        Raises:
            UnknownBatch: There is none of that id.
            StoreUnavailable: The database does not answer; nothing was changed.
        """
        return await self._database.write(
            lambda transaction: _Advance(transaction, batch_id).run(settings, most)
        )

    async def unstarted(self, batch_id: str) -> Sequence[ClaimedItem]:
        """Return the items that were claimed and perhaps never started, as when a worker died."""
        rows = await self._database.read(
            lambda connection: connection.execute(_UNSTARTED, {"batch": batch_id}).all()
        )
        return [
            ClaimedItem(
                row.number,
                row.workflow_id,
                ItemContent.model_validate_json(row.content),
                row.retried_from is not None,
            )
            for row in rows
        ]

    async def open_runs(self, batch_id: str) -> Sequence[tuple[int, str]]:
        """Return the items that run, with the runs that do them."""
        rows = await self._database.read(
            lambda connection: connection.execute(_OPEN, {"batch": batch_id}).all()
        )
        return [(row.number, row.workflow_id) for row in rows]

    async def end(
        self, batch_id: str, number: int, status: ItemStatus, error: Failure | None
    ) -> None:
        """End an item that has no run."""
        end = {
            "batch": batch_id,
            "nth": number,
            "status": status.value,
            "error": error.model_dump_json() if error else None,
            "ended_at": datetime.now(UTC),
        }

        def end_item(transaction: Transaction) -> None:
            connection = transaction.connection
            batch = _locked(connection, batch_id)
            query = select(_ITEMS.cost).where(_RUNNING, _ITEMS.number == bindparam("nth"))
            row = connection.execute(query, {"batch": batch_id, "nth": number}).first()
            if row is None:  # another feeder was quicker
                return
            connection.execute(_END, end | {"cost": row.cost})
            counts = {
                "running": batch["running"] - 1,
                status.value: batch[status.value] + 1,
            }
            connection.execute(update(batches).where(_THIS).values(counts), {"batch": batch_id})

        await self._database.write(end_item)

    async def touch(self, batch_id: str) -> None:
        """Say that somebody looks after a batch."""
        values = {"batch": batch_id, "now": datetime.now(UTC)}
        await self._database.write(
            lambda transaction: transaction.connection.execute(_TOUCH, values)
        )

    async def unfed(self, silence: timedelta = _UNFED) -> Sequence[str]:
        """Return batches that should go on and that nobody has looked after for so long."""
        before = datetime.now(UTC) - silence
        return await self._database.read(
            lambda connection: connection.execute(_LEFT, {"before": before}).scalars().all()
        )


class _Advance:
    """One step of a batch, within a transaction."""

    def __init__(self, transaction: Transaction, batch_id: str) -> None:
        self._connection = transaction.connection
        self._batch_id = batch_id
        self._now = datetime.now(UTC)
        self._row = _locked(self._connection, batch_id)
        names = ("waiting", "running", "completed", "failed", "cancelled")
        self._counts: dict[str, int] = {name: self._row[name] for name in names}
        self._cost: float = self._row["cost"]
        self._is_budget_used = False

    def run(self, settings: BatchSettings, most: int) -> Fed:
        ended = self._take_in()
        status = BatchStatus(self._row["status"])
        reason: str = self._row["reason"]
        if status is BatchStatus.RUNNING and (stop := self._reason_to_stop(settings)):
            status, reason = BatchStatus.STOPPED, stop
        claimed: tuple[ClaimedItem, ...] = ()
        if status is BatchStatus.RUNNING:
            free = settings.at_once - self._counts["running"]
            claimed = self._claim(min(most, free, _MOST))
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
        change = update(batches).where(_THIS).values(values)
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
        self._connection.execute(_END, ends)
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
        if self._cost >= budget or is_used:
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


def _locked(connection: Connection, batch_id: str) -> RowMapping:
    row = connection.execute(_LOCKED, {"batch": batch_id}).mappings().first()
    if row is None:
        raise UnknownBatch(batch_id)
    return row
