"""What a run used that its batch had taken in already.

A worker that was frozen, or a goal that was terminated, may have had a request in flight, and what
it used is entered when the answer is there, or the worker is back: after the batch has summed up
the item's cost. Then the item, and its batch, cost so much more or less.
"""

from typing import Final

from sqlalchemy import Connection, bindparam, func, select, update

from perdure.models.batches import ItemStatus
from perdure.stores.batches.advance import lock_batch
from perdure.stores.batches.tables import batch_items, batches
from perdure.stores.database import schema

_ITEMS: Final = batch_items.c
_GOALS: Final = schema.goals.c
_BATCH: Final = select(_ITEMS.batch_id).where(_ITEMS.workflow_id == bindparam("root"))
# Nobody ends the run until the transaction is over.
_HELD: Final = (
    select(_GOALS.ended_at)
    .where(_GOALS.workflow_id == bindparam("root"))
    .with_for_update(read=True)
)
_TAKEN_IN: Final = select(_ITEMS.number, _ITEMS.cost).where(
    _ITEMS.workflow_id == bindparam("root"),
    _ITEMS.status.not_in([ItemStatus.WAITING.value, ItemStatus.RUNNING.value]),
)
_SPENT: Final = select(func.coalesce(func.sum(schema.spending.c.cost), 0.0)).where(
    schema.spending.c.root == bindparam("root")
)
_SET_COST: Final = (
    update(batch_items)
    .where(_ITEMS.batch_id == bindparam("batch"), _ITEMS.number == bindparam("nth"))
    .values(cost=bindparam("new_cost"))
)
_ADD_COST: Final = (
    update(batches)
    .where(batches.c.batch_id == bindparam("batch"))
    .values(cost=batches.c.cost + bindparam("more"))
)


def batch_of_ended(connection: Connection, root: str) -> str | None:
    """Return the batch of a run that has ended, within the write that enters what the run used.

    One that has not ended does not until the transaction is over, so that its batch sums up all of
    it: call it before anything of the run is locked.

    Args:
        connection: The transaction's.
        root: The run at the top of the tree of delegates.
    """
    batch_id: str | None = connection.execute(_BATCH, {"root": root}).scalar()
    if batch_id is None:
        return None
    has_ended = connection.execute(_HELD, {"root": root}).scalar() is not None
    return batch_id if has_ended else None


def take_in_late_cost(connection: Connection, batch_id: str, root: str) -> None:
    """Have a batch count what an item has used by now, if it counted the item before."""
    lock_batch(connection, batch_id)
    item = connection.execute(_TAKEN_IN, {"root": root}).first()
    if item is None:  # it is counted when the batch takes in that it has ended
        return
    spent = float(connection.execute(_SPENT, {"root": root}).scalar_one())
    this = {"batch": batch_id}
    connection.execute(_SET_COST, {**this, "nth": item.number, "new_cost": spent})
    connection.execute(_ADD_COST, {**this, "more": spent - item.cost})
