"""The totals of a run: steps executed, seconds worked, usage saved."""

from typing import Final

from sqlalchemy import Connection, Executable, bindparam, func, select

from perdure.models import Usage
from perdure.stores.database import schema
from perdure.stores.database.engine import Database
from perdure.stores.database.tenancy import tenant_of

_TOTALS: Final = schema.totals.c
_ADDED: Final = ("steps", "seconds", "saved_input_tokens", "saved_output_tokens", "saved_cost")
_STEPS_AND_SECONDS: Final = select(
    func.coalesce(func.sum(_TOTALS.steps), 0), func.coalesce(func.sum(_TOTALS.seconds), 0.0)
).where(_TOTALS.root == bindparam("root"))


def totals_upsert(database: Database) -> Executable:
    """Return the upsert that adds a :func:`totals_row` to a run's totals."""
    insert = database.insert(schema.totals).values(tenant=tenant_of("run"))
    return insert.on_conflict_do_update(
        index_elements=[_TOTALS.workflow_id],
        set_={name: _TOTALS[name] + insert.excluded[name] for name in _ADDED},
    )


def totals_row(
    workflow_id: str, root: str, *, steps: int = 0, seconds: float = 0.0, saved: Usage | None = None
) -> dict[str, object]:
    """Return the row to be added to a run's totals."""
    saved = saved or Usage()
    return {
        "run": workflow_id,
        "workflow_id": workflow_id,
        "root": root or workflow_id,
        "steps": steps,
        "seconds": seconds,
        "saved_input_tokens": saved.input_tokens,
        "saved_output_tokens": saved.output_tokens,
        "saved_cost": saved.cost,
    }


def steps_and_seconds(connection: Connection, root: str) -> tuple[int, float]:
    """Return the steps executed and the seconds worked by a run and all of its delegates."""
    steps, seconds = connection.execute(_STEPS_AND_SECONDS, {"root": root}).one()
    return int(steps), float(seconds)
