"""The budget that all items of a batch share, checked before each request to a paid model."""

from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from perdure.agents.steps.errors import BudgetExceeded
from perdure.models.batches import ItemStatus
from perdure.stores.batches.tables import batch_items, batches
from perdure.stores.database import schema

# Sums of dollars are sums of binary fractions.
ROUNDING: Final = 1e-9

_BATCHES: Final = batches.c
_ITEMS: Final = batch_items.c
_BATCH: Final = (
    select(_BATCHES.batch_id)
    .join_from(batch_items, batches, _BATCHES.batch_id == _ITEMS.batch_id)
    .where(_ITEMS.workflow_id == bindparam("root"), _BATCHES.budget_cost.is_not(None))
)
_LOCKED: Final = (
    select(_BATCHES.name, _BATCHES.budget_cost, _BATCHES.cost)
    .where(_BATCHES.batch_id == bindparam("batch"))
    .with_for_update()
)
_RUNNING: Final = (_ITEMS.batch_id == bindparam("batch")) & (
    _ITEMS.status == ItemStatus.RUNNING.value
)
_IN_FLIGHT: Final = (
    select(func.coalesce(func.sum(schema.spending.c.cost), 0.0))
    .join_from(batch_items, schema.spending, schema.spending.c.root == _ITEMS.workflow_id)
    .where(_RUNNING)
)
# Of an item that is being retried the batch has counted what it cost before.
_COUNTED: Final = select(func.coalesce(func.sum(_ITEMS.cost), 0.0)).where(_RUNNING)


def check_shared_budget(connection: Connection, root: str, cost: float) -> None:
    """Check, within the write that reserves it, that a run's batch may spend so much more.

    A run that is in no batch, or in one without a budget, may. What the items have spent that run
    is summed up: as many rows as there are requests in flight, however large the batch is.

    Args:
        connection: The transaction's.
        root: The run at the top of the tree of delegates.
        cost: US dollars that the next request may cost.

    Raises:
        BudgetExceeded: It may not.
    """
    batch_id = connection.execute(_BATCH, {"root": root}).scalar()
    if batch_id is None:
        return
    parameters = {"batch": batch_id}
    # The items check it one at a time.
    name, budget, settled = connection.execute(_LOCKED, parameters).one()
    in_flight = connection.execute(_IN_FLIGHT, parameters).scalar_one()
    spent = settled + in_flight - connection.execute(_COUNTED, parameters).scalar_one()
    if spent + cost > budget + ROUNDING:
        raise BudgetExceeded(
            f"the batch {name!r} has used {spent:.4f} of the {budget:.4f} dollars that its budget"
            " allows: perdure batch resume goes on with a larger one"
        )
