"""Recording facts: each in the transaction that stores what it is about, or not at all."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue
from sqlalchemy import bindparam, func, insert, select, text, update

from perdure.audit.canonical import canonical, exact, salted, sha256
from perdure.stores.audit import tables
from perdure.stores.database import schema
from perdure.stores.database.engine import Transaction

_SALT_BYTES: Final = 16
_PEOPLE: Final = tables.people.c
_GOALS: Final = schema.goals.c
_INSERT: Final = insert(tables.facts)
_SALT: Final = select(_PEOPLE.salt).where(
    _PEOPLE.tenant == bindparam("of"), _PEOPLE.name == bindparam("person")
)
_ADD_PERSON: Final = text(
    "INSERT INTO audit_people (tenant, name, salt) VALUES (:tenant, :name, :salt)"
    " ON CONFLICT DO NOTHING"
)
_SALT_OF_RUN: Final = (
    update(schema.goals)
    .where(_GOALS.workflow_id == bindparam("run"))
    .values(audit_salt=func.coalesce(_GOALS.audit_salt, bindparam("salt")))
    .returning(_GOALS.audit_salt)
)


def new_salt() -> str:
    """Return a salt: 32 random hexadecimal digits."""
    return secrets.token_hex(_SALT_BYTES)


def add_fact(
    transaction: Transaction,
    kind: str,
    subject: str,
    tenant: str,
    data: Mapping[str, JsonValue],
    *,
    who: str = "",
    at: datetime | None = None,
) -> None:
    """Add a fact within a transaction, if there is an audit trail.

    Args:
        transaction: The transaction.
        kind: What happened, such as ``step.completed`` or ``goal.start``.
        subject: To what: the id of a run, an approval, a key.
        tenant: Whose that is.
        data: The details, in which no words of people stand, only digests of them.
        who: The digest of the person's name, where one did it.
        at: When; now if not given.
    """
    if not transaction.is_audited:
        return
    at = (at or datetime.now(UTC)).astimezone(UTC)
    fact: dict[str, JsonValue] = {
        "at": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "data": {name: exact(value) for name, value in data.items()},
        "kind": kind,
        "subject": exact(subject),
        "tenant": tenant,
        "who": who,
    }
    body = canonical(fact)
    row = {
        "at": at,
        "kind": kind,
        "subject": subject,
        "who": who,
        "fact": body.decode(),
        "hash": sha256(body),
        "tenant": tenant,
    }
    transaction.connection.execute(_INSERT, row)


def person_salt(transaction: Transaction, tenant: str, name: str) -> str:
    """Return what the words of a person are digested with; made when they are first on record."""
    name = name.replace("\0", "\ufffd")
    person = {"of": tenant, "person": name}
    salt: str | None = transaction.connection.execute(_SALT, person).scalar()
    if salt is not None:
        return salt
    # Two that record somebody at once: the second one finds what the first has made.
    row = {"tenant": tenant, "name": name, "salt": new_salt()}
    transaction.connection.execute(_ADD_PERSON, row)
    return str(transaction.connection.execute(_SALT, person).scalar_one())


def person_digest(transaction: Transaction, tenant: str, name: str) -> str:
    """Return what stands for a person in the trail; empty for nobody."""
    return salted(person_salt(transaction, tenant, name), name) if name else ""


def run_salt(transaction: Transaction, workflow_id: str) -> str:
    """Return what the words of a run are digested with; a new one where the run is gone."""
    salt = new_salt()
    values = {"run": workflow_id, "salt": salt}
    found: str | None = transaction.connection.execute(_SALT_OF_RUN, values).scalar()
    return found or salt
