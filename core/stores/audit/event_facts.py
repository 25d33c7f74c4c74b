"""Which events of runs are facts of the audit trail."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from perdure.models import Event
from perdure.stores.audit.recording import add_fact
from perdure.stores.audit.words import Words
from perdure.stores.database.engine import Transaction

# What a model was asked, and what that cost, is recorded where it is paid: in the ledger.
FACTS: Final = frozenset(
    {
        *("run.started", "run.retried", "run.completed", "run.failed", "run.cancelled"),
        *("run.terminated", "step.completed", "step.failed", "step.settled", "tool.called"),
        *("tool.returned", "artifact", "approval.requested", "approval.decided", "signal"),
        *("delegated", "policy.decided"),
    }
)
_NAME: Final = frozenset({"name"})
# Where a name is that of a tool, a step or a signal, and not of a file.
_SHOWN: Final[Mapping[str, frozenset[str]]] = {"policy.decided": _NAME, "signal": _NAME}


def add_event_fact(
    transaction: Transaction,
    event: Event,
    tenant: str,
    salt: str,
    words: Mapping[str, str],
) -> None:
    """Add the fact of an event, within the transaction that stores the event.

    Args:
        transaction: The transaction.
        event: The event, of one of the types in :data:`FACTS`.
        tenant: Whose run it is of.
        salt: The run's salt.
        words: What the event itself does not have, and only the digest of is recorded.
    """
    data: Mapping[str, JsonValue] = {**event.data, **words}
    add_fact(
        transaction,
        event.type,
        event.workflow_id,
        tenant,
        Words(transaction, tenant, salt, _SHOWN.get(event.type, frozenset())).digested(data),
        at=event.time,
    )
