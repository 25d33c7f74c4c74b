"""The statements about slots, each built once."""

from datetime import timedelta
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)

from perdure.models import GoalStatus
from perdure.stores.database import schema
from perdure.stores.slots.tables import goal_slots

# A worker that has not said for so long that it is there counts as lost, as by its heartbeats.
LOST_AFTER: Final = timedelta(seconds=30)

SLOTS: Final = goal_slots.c
_GOALS: Final = schema.goals.c
_WORKERS: Final = schema.workers.c
HAS_SLOT: Final = SLOTS.blocked_by.is_(None)
_IS_RUN: Final = SLOTS.workflow_id == bindparam("run")
COLUMNS: Final = {"tenant": SLOTS.tenant, "agent": SLOTS.agent_type, "pool": SLOTS.pool}

# One decision at a time: without it two workers would both find the last slot free.
LOCK: Final = select(schema.installation.c.stores_id).with_for_update()

OWN: Final = select(goal_slots).where(_IS_RUN)
DELETE: Final = delete(goal_slots).where(_IS_RUN).returning(SLOTS.blocked_by)
TAKE: Final = (
    update(goal_slots)
    .where(_IS_RUN, HAS_SLOT)
    .values(
        worker=bindparam("holder"),
        fence=bindparam("execution"),
        held_at=bindparam("now"),
        wake_at=None,
        wakes=0,
    )
    .returning(SLOTS.workflow_id)
)
KEEP: Final = (
    update(goal_slots)
    .where(_IS_RUN, SLOTS.fence == bindparam("execution"), HAS_SLOT)
    .values(worker=None)
)
RELEASE: Final = (
    delete(goal_slots)
    .where(_IS_RUN, SLOTS.fence == bindparam("execution"), HAS_SLOT)
    .returning(SLOTS.tenant, SLOTS.agent_type, SLOTS.pool)
)
SET_WAITING: Final = (
    update(schema.goals)
    .where(
        _GOALS.workflow_id == bindparam("run"),
        _GOALS.ended_at.is_(None),
        _GOALS.status == GoalStatus.RUNNING.value,
    )
    .values(status=GoalStatus.WAITING.value)
    .returning(_GOALS.workflow_id)
)
SET_RUNNING: Final = (
    update(schema.goals)
    .where(
        _GOALS.workflow_id == bindparam("run"),
        _GOALS.status.in_([GoalStatus.WAITING.value, GoalStatus.PAUSED.value]),
    )
    .values(status=GoalStatus.RUNNING.value)
    .returning(_GOALS.workflow_id)
)


def _held(column: ColumnElement[str]) -> Select[int]:
    return select(func.count()).select_from(goal_slots).where(HAS_SLOT, column == bindparam("name"))


# How many goals of a tenant, of an agent or in a pool have a slot.
HELD: Final = {kind: _held(column) for kind, column in COLUMNS.items()}

_IN_QUEUE: Final = SLOTS.blocked_by == bindparam("queue")
# In the order of the index, which finds one at once: else PostgreSQL may look for it in the table.
IS_QUEUED: Final = (
    select(SLOTS.workflow_id)
    .where(_IN_QUEUE)
    .order_by(SLOTS.priority, SLOTS.turn, SLOTS.asked_at)
    .limit(1)
)
# Those of goals that have begun before are negative: they come before the others.
FIRST_TURN_OF_BEGUN: Final = -(2**40)
LAST_TURN_OF_BEGUN: Final = select(func.max(SLOTS.turn)).where(
    _IN_QUEUE, SLOTS.priority == bindparam("of_priority"), SLOTS.turn < 0
)
# Of those with its priority: the turn that is next, and the last one of the tenant's own.
NEXT_TURN: Final = select(func.min(SLOTS.turn)).where(
    _IN_QUEUE, SLOTS.priority == bindparam("of_priority"), SLOTS.turn >= 0
)
LAST_TURN: Final = select(func.max(SLOTS.turn)).where(
    _IN_QUEUE, SLOTS.priority == bindparam("of_priority"), SLOTS.tenant == bindparam("of_tenant")
)
# Those that could begin: not paused, and some worker of their pool is there.
FIRST: Final = (
    select(goal_slots, _GOALS.ended_at)
    .join(schema.goals, _GOALS.workflow_id == SLOTS.workflow_id)
    .where(
        _IN_QUEUE,
        or_(
            _GOALS.ended_at.is_not(None),
            and_(
                or_(_GOALS.request.is_(None), _GOALS.request != literal("pause")),
                SLOTS.pool.in_(bindparam("pools", expanding=True)),
            ),
        ),
    )
    .order_by(SLOTS.priority, SLOTS.turn, SLOTS.asked_at)
    .limit(bindparam("count"))
)
POOLS: Final = select(_WORKERS.pool).where(_WORKERS.seen_at > bindparam("alive")).distinct()
GRANT: Final = (
    update(goal_slots)
    .where(_IS_RUN)
    .values(
        blocked_by=None, wake_at=bindparam("at"), wakes=0, worker=None, held_at=None, fence=None
    )
)
MOVE: Final = (
    update(goal_slots)
    .where(_IS_RUN)
    .values(blocked_by=bindparam("queue"), most=bindparam("limit"), turn=bindparam("its_turn"))
)

# Unless an execution has taken it meanwhile.
TAKE_BACK: Final = MOVE.where(HAS_SLOT, SLOTS.worker.is_(None))

# From one queue to the next by the index: a distinct would read all that wait, of which there may
# be a million, and there are as many queues as limits.
_first_queue: Final = select(func.min(SLOTS.blocked_by).label("name")).cte("queues", recursive=True)
_queues: Final = _first_queue.union_all(
    select(
        select(func.min(SLOTS.blocked_by))
        .where(SLOTS.blocked_by > _first_queue.c.name)
        .scalar_subquery()
    ).where(_first_queue.c.name.is_not(None))
)
QUEUES: Final = select(_queues.c.name).where(_queues.c.name.is_not(None))
# They all have the same; the first in the queue is the oldest.
SHOWN_MOST: Final = (
    select(SLOTS.most)
    .where(_IN_QUEUE)
    .order_by(SLOTS.priority, SLOTS.turn, SLOTS.asked_at)
    .limit(1)
)
SET_MOST: Final = (
    update(goal_slots)
    .where(_IN_QUEUE, SLOTS.most != bindparam("limit"))
    .values(most=bindparam("limit"))
)
# All that have one, with what may take it away from them; there are as many as the limits allow.
WITH_SLOT: Final = (
    select(goal_slots, _GOALS.ended_at, _GOALS.request, _WORKERS.seen_at, _WORKERS.worker_id)
    .join(schema.goals, _GOALS.workflow_id == SLOTS.workflow_id)
    .outerjoin(
        schema.workers,
        and_(
            SLOTS.worker.is_not(None),
            # The last part of a holder's name; see holders.py.
            func.substr(SLOTS.worker, func.length(SLOTS.worker) - 31) == _WORKERS.worker_id,
        ),
    )
    .where(HAS_SLOT)
)
FREE: Final = delete(goal_slots).where(
    _IS_RUN, HAS_SLOT, func.coalesce(SLOTS.worker, "") == bindparam("holder")
)
WAKE_AGAIN: Final = (
    update(goal_slots)
    .where(_IS_RUN, SLOTS.wake_at.is_not(None))
    .values(wake_at=bindparam("at"), wakes=SLOTS.wakes + 1)
    .returning(SLOTS.workflow_id)
)
