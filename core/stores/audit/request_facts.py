"""The facts of what was paid for, and of what people and programs asked the installation to do."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import JsonValue
from sqlalchemy import Row, bindparam, select

from perdure.audit.canonical import salted
from perdure.models import Usage
from perdure.stores.audit.recording import add_fact, person_salt, run_salt
from perdure.stores.audit.words import Words
from perdure.stores.database import schema
from perdure.stores.database.engine import Transaction

MODEL_REQUEST: Final = "model.request"
_STEPS: Final = schema.steps.c
_ANSWER: Final = select(_STEPS.value, _STEPS.content).where(
    _STEPS.workflow_id == bindparam("run"),
    _STEPS.name == bindparam("step"),
    _STEPS.digest == bindparam("asked"),
    _STEPS.occurrence == bindparam("nth"),
    _STEPS.failure.is_(None),
)


def add_request_fact(
    transaction: Transaction,
    workflow_id: str,
    entry: Row[tuple[Any, ...]],
    usage: Usage,
    *,
    kept: bool,
) -> None:
    """Add the fact of a model request that was paid, within the transaction that settles it.

    The digests of what was asked and of what was answered are ``input`` and ``output``, as in the
    fact of the step; of a request whose answer was lost there is no ``output``.

    Args:
        transaction: The transaction.
        workflow_id: The run.
        entry: The row of the ledger: its tenant, model, and the name, digest and occurrence of its
            step.
        usage: What it used.
        kept: Whether its outcome was kept.
    """
    if not transaction.is_audited:
        return
    salt = run_salt(transaction, workflow_id)
    data: dict[str, JsonValue] = {
        "step": entry.name,
        "model": entry.model,
        "input": salted(salt, entry.digest),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost": usage.cost,
        "kept": kept,
    }
    answer = _answer(transaction, workflow_id, entry) if kept else None
    if answer is not None:
        data["output"] = salted(salt, answer)
    add_fact(transaction, MODEL_REQUEST, workflow_id, entry.tenant, data)


def _answer(transaction: Transaction, workflow_id: str, entry: Row[tuple[Any, ...]]) -> str | None:
    """Return what the journal has of an answer: its text, or the digest of a large one."""
    step = {
        "run": workflow_id,
        "step": entry.name,
        "asked": entry.digest,
        "nth": entry.occurrence,
    }
    row = transaction.connection.execute(_ANSWER, step).first()
    return None if row is None else str(row.content or row.value)


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
    data |= {name: salted(salt, entry[name]) for name in ("address", "client") if entry[name]}
    name = salted(salt, who) if who else ""
    add_fact(transaction, entry["action"], entry["subject"], tenant, data, who=name, at=entry["at"])
