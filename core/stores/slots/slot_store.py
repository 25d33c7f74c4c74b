"""The slot store: which goals may run, where only so many at once may, and who is next."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import RowMapping, select

from perdure.concurrency import ConcurrencyLimits
from perdure.models import DEFAULT_POOL, DEFAULT_TENANT
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.events.event_store import add_event
from perdure.stores.slots import statements
from perdure.stores.slots.holders import is_seen_dead, worker_of
from perdure.stores.slots.queue import Queues, pause_before_waking_again
from perdure.stores.slots.tables import goal_slots

# By the index: rows that are gone lie at the beginning of the table.
_QUEUED: Final = select(goal_slots.c.workflow_id).order_by(goal_slots.c.workflow_id).limit(1)


@dataclass(frozen=True, slots=True)
class Asker:
    """A run that needs a slot.

    Attributes:
        workflow_id: The run.
        agent_type: Its agent.
        tenant: Whose it is.
        pool: The pool of workers that runs it.
        priority: Before which others it goes.
        has_begun: Whether it has been executed before: then it comes before those that have not.
    """

    workflow_id: str
    agent_type: str
    tenant: str = DEFAULT_TENANT
    pool: str = DEFAULT_POOL
    priority: int = 3
    has_begun: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a decision about slots.

    Attributes:
        has_slot: Whether the run that asked has one.
        granted: Other runs that got one, which are to be woken.
    """

    has_slot: bool
    granted: tuple[str, ...] = ()


class SlotStore:
    """The slots of an installation, decided upon in one transaction at a time.

    Workers alone ask and decide, about the runs of all tenants.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        insert = database.insert(goal_slots)
        given = ("blocked_by", "most", "turn", "held_at", "worker", "fence", "wake_at", "wakes")
        self._upsert = insert.on_conflict_do_update(
            index_elements=["workflow_id"], set_={name: insert.excluded[name] for name in given}
        )

    async def take(self, workflow_id: str, fence: str, holder: str) -> bool:
        """Let an execution have the slot that its run was given; return whether there is one.

        Args:
            workflow_id: The run.
            fence: The execution.
            holder: Who executes it: a :func:`.holder_name`.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        values = {"run": workflow_id, "execution": fence, "holder": holder}

        def take(transaction: Transaction) -> bool:
            taken = values | {"now": datetime.now(UTC)}
            if transaction.connection.execute(statements.TAKE, taken).first() is None:
                return False
            _set_running(transaction, workflow_id)
            return True

        return await self._database.write(take)

    async def ask(
        self,
        asker: Asker,
        limits: ConcurrencyLimits,
        *,
        worker_pool: str,
        execution: tuple[str, str] | None = None,
    ) -> Answer:
        """Ask for a slot; where there is none, the run waits in a queue, and says so.

        Args:
            asker: The run.
            limits: The limits.
            worker_pool: The pool of the worker that asks.
            execution: The execution that takes it at once, and its holder, as of :meth:`take`.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        of = limits.of(asker.tenant, asker.agent_type, asker.pool)

        def ask(transaction: Transaction) -> Answer:
            connection = transaction.connection
            connection.execute(statements.LOCK)
            queues = Queues(connection, limits, worker_pool, datetime.now(UTC))
            own = connection.execute(statements.OWN, {"run": asker.workflow_id}).mappings().first()
            granted: list[str] = []
            if own is not None and own["blocked_by"] is not None:
                # It was woken too early, or by a signal that came twice: it keeps its place.
                granted = queues.fill(own["blocked_by"])
            elif own is None:
                reached = queues.blocking(of)
                # Those that wait there come first, as after a limit was raised.
                before = reached or queues.has_others(of)
                row = _row(asker, queues.now)
                if before is not None:
                    turn = queues.turn(
                        before.key, asker.tenant, asker.priority, has_begun=asker.has_begun
                    )
                    row |= {"blocked_by": before.key, "most": before.most, "turn": turn}
                connection.execute(self._upsert, row)
                if before is not None and reached is None:
                    granted = queues.fill(before.key)
            own = connection.execute(statements.OWN, {"run": asker.workflow_id}).mappings().one()
            if own["blocked_by"] is not None:
                _set_waiting(transaction, asker.workflow_id)
                return Answer(has_slot=False, granted=tuple(granted))
            if execution is not None:
                fence, holder = execution
                taken = {"run": asker.workflow_id, "execution": fence, "holder": holder}
                connection.execute(statements.TAKE, taken | {"now": queues.now})
                _set_running(transaction, asker.workflow_id)
            others = tuple(run for run in granted if run != asker.workflow_id)
            return Answer(has_slot=True, granted=others)

        return await self._database.write(ask)

    async def keep(self, workflow_id: str, fence: str) -> None:
        """Keep the slot of an execution that has ended for the next one of its run."""
        values = {"run": workflow_id, "execution": fence}
        await self._database.write(
            lambda transaction: transaction.connection.execute(statements.KEEP, values)
        )

    async def release(
        self, workflow_id: str, fence: str, limits: ConcurrencyLimits, *, worker_pool: str
    ) -> tuple[str, ...]:
        """Release the slot of an execution that has ended, unless another one has it by now.

        Returns:
            The runs that got one, which are to be woken.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        values = {"run": workflow_id, "execution": fence}

        def release(transaction: Transaction) -> tuple[str, ...]:
            connection = transaction.connection
            connection.execute(statements.LOCK)
            row = connection.execute(statements.RELEASE, values).mappings().first()
            if row is None:
                return ()
            queues = Queues(connection, limits, worker_pool, datetime.now(UTC))
            of = limits.of(row["tenant"], row["agent_type"], row["pool"])
            return tuple(run for limit in of for run in queues.fill(limit.key))

        return await self._database.write(release)

    async def forget(self, workflow_id: str) -> None:
        """Forget a run that has ended: it waits for no slot any more."""

        def forget(transaction: Transaction) -> None:
            # SQLite commits nothing while a statement still has rows to return.
            transaction.connection.execute(statements.DELETE, {"run": workflow_id}).close()

        await self._database.write(forget)

    async def balance(self, limits: ConcurrencyLimits, *, worker_pool: str) -> tuple[str, ...]:
        """Do what nobody else has done: see to lost slots, changed limits and lost signals.

        Returns:
            The runs that are to be woken.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        any_row = await self._database.read(
            lambda connection: connection.execute(_QUEUED).first() is not None
        )
        if not any_row:
            return ()

        def balance(transaction: Transaction) -> tuple[str, ...]:
            connection = transaction.connection
            connection.execute(statements.LOCK)
            queues = Queues(connection, limits, worker_pool, datetime.now(UTC))
            woken = _see_to_slots(queues)
            for queue in connection.execute(statements.QUEUES).scalars().all():
                limit = limits.limit(queue)
                if limit is not None:
                    of_queue = {"queue": queue}
                    if connection.execute(statements.SHOWN_MOST, of_queue).scalar() != limit.most:
                        changed = of_queue | {"limit": limit.most}
                        connection.execute(statements.SET_MOST, changed)
                woken += queues.fill(queue)
            return tuple(woken)

        return await self._database.write(balance)


def _see_to_slots(queues: Queues) -> list[str]:
    """Free the slots of goals that have ended or cannot use them, and wake those that are late."""
    execute, now = queues.connection.execute, queues.now
    alive = execute(statements.POOLS, {"alive": now - statements.LOST_AFTER}).scalars().all()
    pools = {*alive, queues.pool}
    late = []
    for row in execute(statements.WITH_SLOT).mappings().all():
        run = {"run": row["workflow_id"]}
        if row["ended_at"] is not None or _is_lost(row, queues):
            execute(statements.FREE, run | {"holder": row["worker"] or ""})
        elif row["worker"] is None and (row["pool"] not in pools or row["request"] == "pause"):
            # Nobody could take it: those who can may have it, and it waits again.
            of = queues.limits.of(row["tenant"], row["agent_type"], row["pool"])
            if not of:
                execute(statements.FREE, run | {"holder": ""})
                continue
            move = {"queue": of[0].key, "limit": of[0].most, "its_turn": row["turn"]}
            execute(statements.TAKE_BACK, run | move)
        elif row["wake_at"] is not None and row["wake_at"] <= now:
            again = now + pause_before_waking_again(row["wakes"])
            execute(statements.WAKE_AGAIN, run | {"at": again})
            late.append(row["workflow_id"])
    return late


def _is_lost(row: RowMapping, queues: Queues) -> bool:
    if row["worker"] is None:
        return False
    if is_seen_dead(row["worker"]):
        return True
    # It may have begun a moment before it said for the first time that it is there.
    oldest = queues.now - statements.LOST_AFTER
    seen_at = row["seen_at"] if row["worker_id"] == worker_of(row["worker"]) else None
    return row["held_at"] < oldest and (seen_at is None or seen_at < oldest)


def _row(asker: Asker, now: datetime) -> dict[str, object]:
    return {
        "workflow_id": asker.workflow_id,
        "tenant": asker.tenant,
        "agent_type": asker.agent_type,
        "pool": asker.pool,
        "priority": asker.priority,
        "blocked_by": None,
        "most": 0,
        "turn": statements.FIRST_TURN_OF_BEGUN if asker.has_begun else 0,
        "asked_at": now,
        "held_at": None,
        "worker": None,
        "fence": None,
        "wake_at": None,
        "wakes": 0,
    }


def _set_waiting(transaction: Transaction, workflow_id: str) -> None:
    changed = transaction.connection.execute(statements.SET_WAITING, {"run": workflow_id}).first()
    if changed is not None:
        add_event(transaction, workflow_id, "run.waiting", {"for": ["slot"]})


def _set_running(transaction: Transaction, workflow_id: str) -> None:
    changed = transaction.connection.execute(statements.SET_RUNNING, {"run": workflow_id}).first()
    if changed is not None:
        add_event(transaction, workflow_id, "run.resumed", {"after": "slot"})
