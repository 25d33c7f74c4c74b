"""The facts of what was paid for, and of what people and programs asked the installation to do."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import JsonValue
from sqlalchemy import Row

from perdure.audit.canonical import salted
from perdure.models import Usage
from perdure.stores.audit.recording import add_fact, person_salt, run_salt
from perdure.stores.audit.words import Words
from perdure.stores.database.engine import Transaction

MODEL_REQUEST: Final = "model.request"


def add_request_fact(
    transaction: Transaction,
    workflow_id: str,
    entry: Row[tuple[Any, ...]],
    usage: Usage,
    *,
    kept: bool,
) -> None:
    """Add the fact of a model request that was paid, within the transaction that settles it.

    The digest of what was asked is ``input``, as in the fact of the step, which has that of the
    answer too.

    Args:
        transaction: The transaction.
        workflow_id: The run.
        entry: The row of the ledger: its tenant, model, and the name and digest of its step.
        usage: What it used.
        kept: Whether its outcome was kept.
    """
    if not transaction.is_audited:
        return
    data: dict[str, JsonValue] = {
        "step": entry.name,
        "model": entry.model,
        "input": salted(run_salt(transaction, workflow_id), entry.digest),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost": usage.cost,
        "kept": kept,
    }
    add_fact(transaction, MODEL_REQUEST, workflow_id, entry.tenant, data)


def add_action_facts(transaction: Transaction, entries: Sequence[Mapping[str, Any]]) -> None:
    """Add the facts of what people did or were refused, within the transaction of the entries.

    Args:
        transaction: The transaction.
        entries: The rows of the table of requests.
    """
    if not transaction.is_audited:
        return
    # In one order, so that two that record new people at once do not wait for each other.
    salts = {
        person: person_salt(transaction, *person)
        for person in sorted({(entry["tenant"], entry["who"]) for entry in entries})
    }
    for entry in entries:
        _add_action_fact(transaction, entry, salts[entry["tenant"], entry["who"]])


def _add_action_fact(transaction: Transaction, entry: Mapping[str, Any], salt: str) -> None:
    tenant, who = entry["tenant"], entry["who"]
    details: dict[str, JsonValue] = json.loads(entry["details"])
    data = Words(transaction, tenant, salt).digested(
        {**details, **{name: entry[name] for name in ("status", "request_id", "key_id")}}
    )
    if entry["address"]:
        data["address"] = salted(salt, entry["address"])
    name = salted(salt, who) if who else ""
    add_fact(transaction, entry["action"], entry["subject"], tenant, data, who=name, at=entry["at"])
