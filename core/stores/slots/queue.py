"""The queues before the limits: who is next, in the transaction that decides it.

A goal that has to wait is in the queue of the first of its limits that is reached. It leaves it in
the order of priorities; of those with one priority each tenant's goals get their turn, and one
tenant's go in the order in which they asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, RowMapping

from perdure.concurrency import ConcurrencyLimits, Limit
from perdure.stores.slots import statements

# How long a signal may take until it is sent again; twice as long each time.
WAKE_AFTER: Final = timedelta(seconds=5)
_MAX_WAKES: Final = 10
# So many that cannot begin are looked at before the rest is left for the next pass.
_MAX_LOOKED_AT: Final = 200


@dataclass(frozen=True, slots=True)
class Queues:
    """The queues, within one transaction that has the lock.

    Attributes:
        connection: Its connection.
        limits: The limits that count.
        pool: The pool of the worker that decides, which is there.
        now: The time.
    """

    connection: Connection
    limits: ConcurrencyLimits
    pool: str
    now: datetime

    def blocking(self, limits: tuple[Limit, ...]) -> Limit | None:
        """Return the first limit that is reached; ``None`` when there is room."""
        return next((limit for limit in limits if self.room(limit) < 1), None)

    def room(self, limit: Limit) -> int:
        """Return how many more goals may begin; negative after a limit was lowered."""
        query = statements.HELD[limit.kind]
        held = self.connection.execute(query, {"name": limit.name}).scalar_one()
        return limit.most - int(held)

    def has_others(self, limits: tuple[Limit, ...]) -> Limit | None:
        """Return the first limit before which goals wait, though it is not reached."""
        for limit in limits:
            if self.connection.execute(statements.IS_QUEUED, {"queue": limit.key}).first():
                return limit
        return None

    def turn(self, queue: str, tenant: str, priority: int, *, has_begun: bool) -> int:
        """Return the turn of a goal that joins a queue; what has begun comes before the others."""
        of = {"queue": queue, "of_priority": priority, "of_tenant": tenant}
        if has_begun:
            begun = self.connection.execute(statements.LAST_TURN_OF_BEGUN, of).scalar()
            return (statements.FIRST_TURN_OF_BEGUN if begun is None else begun) + 1
        next_turn: int = self.connection.execute(statements.NEXT_TURN, of).scalar() or 0
        last: int | None = self.connection.execute(statements.LAST_TURN, of).scalar()
        return next_turn if last is None else max(next_turn, last + 1)

    def fill(self, queue: str) -> list[str]:
        """Give slots to those who are next in a queue, as long as there is room.

        Returns:
            The runs that got one, which are to be woken.
        """
        limit = self.limits.limit(queue)
        room = _MAX_LOOKED_AT if limit is None else self.room(limit)
        granted: list[str] = []
        for row in self._first(queue) if room > 0 else ():
            if row["ended_at"] is not None:
                self.connection.execute(statements.DELETE, {"run": row["workflow_id"]})
                continue
            other = self.blocking(self.limits.of(row["tenant"], row["agent_type"], row["pool"]))
            if other is not None:
                self._move(row, other)
                continue
            wake = {"run": row["workflow_id"], "at": self.now + WAKE_AFTER}
            self.connection.execute(statements.GRANT, wake)
            granted.append(row["workflow_id"])
            if len(granted) >= room:
                break
        return granted

    def _first(self, queue: str) -> Iterator[RowMapping]:
        alive = {"alive": self.now - statements.LOST_AFTER}
        pools = {*self.connection.execute(statements.POOLS, alive).scalars(), self.pool}
        count = 1
        looked_at = 0
        # One, which is nearly always the one; more where that could not begin. Each that was
        # looked at has left the queue.
        while looked_at < _MAX_LOOKED_AT:
            of = {"queue": queue, "pools": [*pools], "count": count}
            rows = self.connection.execute(statements.FIRST, of).mappings().all()
            yield from rows
            if len(rows) < count:
                return
            looked_at += len(rows)
            count = min(count * 4, 50)

    def _move(self, row: RowMapping, limit: Limit) -> None:
        turn = self.turn(limit.key, row["tenant"], row["priority"], has_begun=row["turn"] < 0)
        move = {"run": row["workflow_id"], "queue": limit.key, "limit": limit.most}
        self.connection.execute(statements.MOVE, move | {"its_turn": turn})


def pause_before_waking_again(wakes: int) -> timedelta:
    """Return how long a run that was woken so many times may take: Temporal limits signals."""
    return WAKE_AFTER * 2.0 ** min(wakes + 1, _MAX_WAKES)
