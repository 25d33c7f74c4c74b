"""What a run has done and saved so far, summed up row by row."""

from typing import Final

from sqlalchemy import Connection, Executable, bindparam, func, select

from perdure.models import Usage
from perdure.stores.database import schema
from perdure.stores.database.engine import Database

_TOTALS: Final = schema.totals.c
_ADDED: Final = ("steps", "seconds", "saved_input_tokens", "saved_output_tokens", "saved_cost")
_STEPS_AND_SECONDS: Final = select(
    func.coalesce(func.sum(_TOTALS.steps), 0), func.coalesce(func.sum(_TOTALS.seconds), 0.0)
).where(_TOTALS.root == bindparam("root"))


def adding_totals(database: Database) -> Executable:
    """Return the statement that adds a :func:`totals_row` to what a run has done so far."""
    add = database.insert(schema.totals)
    return add.on_conflict_do_update(
        index_elements=[_TOTALS.workflow_id],
        set_={name: _TOTALS[name] + add.excluded[name] for name in _ADDED},
    )


def totals_row(
    workflow_id: str, root: str, *, steps: int = 0, seconds: float = 0.0, saved: Usage | None = None
) -> dict[str, object]:
    """Return what is to be added: steps done, seconds at work, usage that was saved."""
    saved = saved or Usage()
    return {
        "workflow_id": workflow_id,
        "root": root or workflow_id,
        "steps": steps,
        "seconds": seconds,
        "saved_input_tokens": saved.input_tokens,
        "saved_output_tokens": saved.output_tokens,
        "saved_cost": saved.cost,
    }


def steps_and_seconds(connection: Connection, root: str) -> tuple[int, float]:
    """Return the steps done and the seconds at work of a run and of all it delegated."""
    steps, seconds = connection.execute(_STEPS_AND_SECONDS, {"root": root}).one()
    return int(steps), float(seconds)
