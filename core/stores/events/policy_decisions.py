"""The last decisions of the policy on a run, as its events tell of them."""

from typing import Final

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import Connection, bindparam, select

from perdure.schemas.steps import PolicyDecision
from perdure.stores.database import schema

SHOWN_DECISIONS: Final = 20

_DATA: Final[TypeAdapter[dict[str, JsonValue]]] = TypeAdapter(dict[str, JsonValue])
_EVENTS: Final = schema.events.c
_LAST: Final = (
    select(_EVENTS.time, _EVENTS.data)
    .where(_EVENTS.workflow_id == bindparam("run"), _EVENTS.type == "policy.decided")
    .order_by(_EVENTS.number.desc())
    .limit(SHOWN_DECISIONS)
)


def policy_decisions(connection: Connection, workflow_id: str) -> list[PolicyDecision]:
    """Return the last twenty decisions on a run, the oldest first."""
    rows = connection.execute(_LAST, {"run": workflow_id}).all()
    return [
        PolicyDecision.model_validate({**_DATA.validate_json(row.data), "at": row.time})
        for row in reversed(rows)
    ]
