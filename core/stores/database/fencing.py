"""Claims: of a run's executions only the latest that Temporal scheduled may write.

A worker that was frozen, or had lost its connection, continues where it stopped while another one
has taken over its run. All of its writes must be refused.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Row, Select, bindparam, select, update

from perdure.agents.steps.run_closed import Ended, Fenced
from perdure.models import DEFAULT_TENANT, Budget
from perdure.stores.database import schema
from perdure.stores.database.engine import Transaction
from perdure.stores.database.errors import UnknownGoal

_GOALS: Final = schema.goals.c
_HOLDER: Final = select(_GOALS.fence, _GOALS.fence_time, _GOALS.ended_at).where(
    _GOALS.workflow_id == bindparam("run")
)
# Locks the run's row on PostgreSQL until the write that is fenced has been committed.
_LOCK_HOLDER: Final = _HOLDER.with_for_update()
_ACQUIRE: Final = (
    update(schema.goals)
    .where(_GOALS.workflow_id == bindparam("run"))
    .values(fence=bindparam("fence"), fence_time=bindparam("time"))
)


@dataclass(frozen=True, slots=True)
class Claim:
    """One execution's claim to a run.

    Attributes:
        workflow_id: The run.
        run_id: The Temporal run that scheduled it.
        sequence: Which of the Temporal run's executions it is.
        scheduled_at: When Temporal scheduled it.
        started_at: When Temporal handed it to its worker; when it was scheduled if not given.
        continued_from: The Temporal run before this one.
        root: The run at the top of the tree of delegates, whose budget all of them share.
        budget: That budget.
        tenant: Whose the run is.
    """

    workflow_id: str
    run_id: str
    sequence: int
    scheduled_at: datetime
    continued_from: str | None = None
    root: str = ""
    budget: Budget | None = None
    started_at: datetime | None = None
    tenant: str = DEFAULT_TENANT
    _created: float = field(default_factory=time.monotonic, compare=False)

    def now(self) -> datetime:
        """Return the time by the clock of Temporal, whose timers end a run's waits.

        By its own clock, a worker that is an hour fast would end every sleep an hour late, and for
        one that is slow Temporal's timers would fire too early.
        """
        elapsed = timedelta(seconds=time.monotonic() - self._created)
        return (self.started_at or self.scheduled_at) + elapsed

    @property
    def fence(self) -> str:
        """The fencing token: what the run's record has while this execution has the claim."""
        return f"{self.run_id}:{self.sequence}"

    def acquire(self, transaction: Transaction) -> bool:
        """Take over the run.

        Returns:
            Whether another execution had the claim before.

        Raises:
            Ended: The run has ended.
            Fenced: A later execution has the claim.
            UnknownGoal: The run has no record.
        """
        holder = self._holder(transaction.connection, _LOCK_HOLDER)
        if holder.ended_at is not None:
            raise self._ended()
        if not self._is_later_than(holder):
            raise self._fenced()
        values = {"run": self.workflow_id, "fence": self.fence, "time": self.scheduled_at}
        transaction.connection.execute(_ACQUIRE, values)
        return holder.fence is not None

    def check(self, transaction: Transaction) -> None:
        """Check, within a write, that this execution still has the claim, and lock the run.

        Raises:
            Ended: It does, and somebody has ended the run meanwhile.
            Fenced: It does not.
            UnknownGoal: The run has no record.
        """
        self._check(self._holder(transaction.connection, _LOCK_HOLDER))

    def check_without_lock(self, connection: Connection) -> None:
        """Check the same before an effect, in a read.

        Raises:
            Ended: It does, and somebody has ended the run meanwhile.
            Fenced: It does not.
            UnknownGoal: The run has no record.
        """
        self._check(self._holder(connection, _HOLDER))

    def _check(self, holder: Row[tuple[str | None, datetime, datetime]]) -> None:
        if holder.fence != self.fence:
            raise self._fenced()
        if holder.ended_at is not None:
            raise self._ended()

    def _holder(
        self, connection: Connection, query: Select[tuple[str | None, datetime, datetime]]
    ) -> Row[tuple[str | None, datetime, datetime]]:
        holder = connection.execute(query, {"run": self.workflow_id}).first()
        if holder is None:
            raise UnknownGoal(self.workflow_id)
        return holder

    def _is_later_than(self, holder: Row[tuple[str | None, datetime, datetime]]) -> bool:
        if holder.fence is None:
            return True
        run_id, _, sequence = holder.fence.rpartition(":")
        # Within one Temporal run the order does not depend on any clock.
        if run_id == self.run_id:
            return self.sequence >= int(sequence)
        is_later: bool = self.scheduled_at >= holder.fence_time
        return run_id == self.continued_from or is_later

    def _fenced(self) -> Fenced:
        return Fenced(f"another execution of {self.workflow_id} has taken over")

    def _ended(self) -> Ended:
        return Ended(
            f"{self.workflow_id} has ended and its result is stored: hand the goal in again to"
            " have it done anew"
        )
