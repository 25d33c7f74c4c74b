"""The facts of with which settings processes run."""

import json
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue
from sqlalchemy import bindparam, select

from perdure.audit.canonical import salted
from perdure.models import DEFAULT_TENANT
from perdure.stores.audit import tables
from perdure.stores.audit.recording import add_fact, person_salt
from perdure.stores.database.engine import Transaction

SETTINGS: Final = "settings.changed"
_OF_NO_TENANT: Final = ""  # so that nobody has that name
_FACTS: Final = tables.facts.c
_LAST: Final = (
    select(_FACTS.fact)
    .where(_FACTS.subject == bindparam("process"), _FACTS.kind == SETTINGS)
    .order_by(_FACTS.number.desc())
    .limit(1)
)


def add_settings_fact(transaction: Transaction, process: str, values: Mapping[str, str]) -> bool:
    """Add which settings a process has, unless the one before had the same.

    Of each value there is a digest: it may be a password.

    Args:
        transaction: The transaction.
        process: What it is: ``worker`` or ``api``.
        values: The settings that are set, by the names of their variables.

    Returns:
        Whether it was added.
    """
    if not transaction.is_audited:
        return False
    salt = person_salt(transaction, _OF_NO_TENANT, SETTINGS)
    digests = {name: salted(salt, value) for name, value in sorted(values.items())}
    last = transaction.connection.execute(_LAST, {"process": process}).scalar()
    before = json.loads(last)["data"]["settings"] if last is not None else {}
    if before == digests and last is not None:
        return False
    changed = sorted(name for name in {*before, *digests} if before.get(name) != digests.get(name))
    data: dict[str, JsonValue] = {"settings": {**digests}, "changed": [*changed]}
    add_fact(transaction, SETTINGS, process, DEFAULT_TENANT, data)
    return True
