"""What is said of a run that waits for a slot."""

from typing import Final

from sqlalchemy import Connection, RowMapping, bindparam, select

from perdure.concurrency import Limit
from perdure.models import SlotWait
from perdure.stores.slots import statements

_WAITING: Final = select(statements.SLOTS.blocked_by, statements.SLOTS.most).where(
    statements.SLOTS.workflow_id == bindparam("run"), statements.SLOTS.blocked_by.is_not(None)
)


def slot_wait_of(connection: Connection, goal: RowMapping | None) -> SlotWait | None:
    """Return what a run waits for, if it is a slot.

    Args:
        connection: A connection.
        goal: The run's record.
    """
    if goal is None or goal["status"] not in {"waiting", "paused"}:
        return None
    row = connection.execute(_WAITING, {"run": goal["workflow_id"]}).first()
    if row is None:
        return None
    kind, _, name = row.blocked_by.partition(":")
    limit = Limit(kind, name, row.most)
    running = int(connection.execute(statements.HELD[kind], {"name": name}).scalar_one())
    message = f"{running:,} of {row.most:,} goals {limit.described} are running"
    return SlotWait(limit=row.blocked_by, running=running, most=row.most, message=message)
