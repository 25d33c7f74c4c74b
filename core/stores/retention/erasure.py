"""Erasing a person: their name goes from every table in which it says who did something.

What people have written about somebody, in goals, reasons or comments, is not looked through: it
goes with its goal.
"""

import json
import secrets
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple

from pydantic import JsonValue
from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Select,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)

from perdure.agents.steps.keys import POLICY_APPROVAL
from perdure.stores.audit import tables
from perdure.stores.database import access_schema, schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import StateConflict
from perdure.stores.retention.tables import WHOLE_TENANT, holds

_ROWS: Final = 500
_PSEUDONYM_BYTES: Final = 4
_SHOWN_RUNS: Final = 5
_TENANT: Final[BindParameter[str]] = bindparam("owner")
_NAMES: Final[BindParameter[Any]] = bindparam("names", expanding=True)
_GOALS: Final = schema.goals.c
_VOTES: Final = schema.votes.c
_APPROVALS: Final = schema.approvals.c
_AUDIT: Final = access_schema.audit.c
_PEOPLE: Final = tables.people.c
_ERASURES: Final = tables.erasures.c
_RUNS: Final = select(_GOALS.workflow_id).where(_GOALS.tenant == _TENANT)
_OWN_APPROVALS: Final = select(_APPROVALS.approval_id).where(_APPROVALS.tenant == _TENANT)
_VARIANTS: Final = select(_PEOPLE.name).where(_PEOPLE.tenant == _TENANT)
_VOTED_IN: Final = (
    select(_GOALS.workflow_id)
    .join(schema.approvals, _APPROVALS.workflow_id == _GOALS.workflow_id)
    .join(schema.votes, _VOTES.approval_id == _APPROVALS.approval_id)
    .where(_GOALS.tenant == _TENANT, _VOTES.by.in_(_NAMES))
)
# The journal of a run under way is what its next execution goes by.
_UNDER_WAY: Final = (
    _VOTED_IN.where(_GOALS.ended_at.is_(None)).distinct().order_by(_GOALS.workflow_id)
)
_HELD: Final = (
    select(holds.c.workflow_id)
    .where(
        holds.c.tenant == _TENANT,
        or_(
            holds.c.workflow_id == WHOLE_TENANT,
            holds.c.workflow_id.in_(_VOTED_IN),
            holds.c.workflow_id.in_(
                select(func.coalesce(_GOALS.root, _GOALS.workflow_id)).where(
                    _GOALS.tenant == _TENANT,
                    or_(_GOALS.started_by.in_(_NAMES), _GOALS.made_by.in_(_NAMES)),
                )
            ),
        ),
    )
    .order_by(holds.c.workflow_id)
)

_SESSIONS: Final = access_schema.sessions.c
_END_SESSIONS: Final = delete(access_schema.sessions).where(
    _SESSIONS.tenant == _TENANT, _SESSIONS.name.in_(_NAMES)
)
_REQUESTS_BY: Final = update(access_schema.audit).where(
    _AUDIT.tenant == _TENANT, _AUDIT.who.in_(_NAMES)
)
_REQUESTS_ABOUT: Final = update(access_schema.audit).where(
    _AUDIT.tenant == _TENANT, _AUDIT.subject.in_(_NAMES)
)


class _Place(NamedTuple):
    """A column that has names, or JSON in which they may stand, and which rows are looked through.

    Attributes:
        column: The column.
        owned: Whether a row is the tenant's, and may have one.
    """

    column: Column[Any]
    owned: ColumnElement[bool]


_COLUMNS: Final = (
    *(
        _Place(table.c[name], table.c.tenant == _TENANT)
        for table, name in (
            (access_schema.api_keys, "name"),
            (schema.goals, "started_by"),
            (schema.goals, "made_by"),
            (schema.scores, "by"),
            (schema.daily_sums, "started_by"),
            (schema.daily_scores, "started_by"),
            (holds, "by"),
        )
    ),
    _Place(_VOTES.by, _VOTES.approval_id.in_(_OWN_APPROVALS)),
    _Place(schema.intents.c.settled_by, schema.intents.c.workflow_id.in_(_RUNS)),
)
_TEXTS: Final = (
    _Place(_AUDIT.details, _AUDIT.tenant == _TENANT),
    *(
        _Place(column, and_(_APPROVALS.tenant == _TENANT, column.is_not(None)))
        for column in (_APPROVALS.of, _APPROVALS.decision)
    ),
    _Place(
        schema.events.c.data,
        and_(
            schema.events.c.workflow_id.in_(_RUNS),
            schema.events.c.type.in_(
                [
                    *("approval.requested", "approval.decided", "policy.decided"),
                    *("step.settled", "run.started"),
                ]
            ),
        ),
    ),
    _Place(
        schema.steps.c.value,
        and_(
            schema.steps.c.workflow_id.in_(_RUNS),
            schema.steps.c.name.in_(["approve", POLICY_APPROVAL]),
            schema.steps.c.value != "",
        ),
    ),
)


class PeopleStore:
    """The people whose names are on record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def erase(self, name: str, tenant: str) -> bool:
        """Erase a person: their name goes from all tables, and nobody can tell whom digests mean.

        The audit trail still verifies. What they do later is on record under another digest. What a
        process that died in between has begun, the next one completes.

        Args:
            name: The person's name; every spelling of it that the audit trail knows is erased.
            tenant: Of which tenant.

        Returns:
            Whether they were on record.

        Raises:
            StateConflict: They have voted in goals under way, or what they did is held.
            StoreUnavailable: The database does not answer.
        """
        return await _Erasure(self._database, name, tenant).run()


class _Erasure:
    """The erasure of one person from the stores of a tenant.

    Args:
        database: The database.
        name: Their name.
        tenant: The tenant.
    """

    def __init__(self, database: Database, name: str, tenant: str) -> None:
        self._database = database
        self._tenant = tenant
        self._name = name
        self._names = [name]
        self._pseudonym = f"erased-{secrets.token_hex(_PSEUDONYM_BYTES)}"

    async def run(self) -> bool:
        """Erase them, a page of rows at a time; return whether they were on record."""
        found = await self._database.write(self._begin)
        for texts in _TEXTS:
            found += await self._replace_in(texts)
        found += await self._database.write(self._end)
        return found > 0

    def _begin(self, transaction: Transaction) -> int:
        """Begin an erasure, and replace the name wherever it is a column of its own."""
        execute = transaction.connection.execute
        variants = execute(_VARIANTS, {"owner": self._tenant}).scalars()
        same = _spelled(self._name)
        self._names = [*dict.fromkeys([self._name, *(n for n in variants if _spelled(n) == same)])]
        self._check(transaction)
        row = {
            "pseudonym": self._pseudonym,
            "tenant": self._tenant,
            "began_at": datetime.now(UTC),
        }
        execute(tables.erasures.insert(), row)
        # One for each spelling: there may be a row of each where a name is part of the key.
        return sum(
            self._rename(transaction, name, f"{self._pseudonym}-{number}" if number else "")
            for number, name in enumerate(self._names)
        )

    def _rename(self, transaction: Transaction, name: str, other: str) -> int:
        execute = transaction.connection.execute
        by = other or self._pseudonym
        asked = {"owner": self._tenant, "names": [name]}
        found = 0
        for names in _COLUMNS:
            change = update(names.column.table).where(names.owned, names.column.in_(_NAMES))
            found += execute(change.values({names.column: by}), asked).rowcount
        found += execute(_END_SESSIONS, asked).rowcount
        requests = _REQUESTS_BY.values({_AUDIT.who: by, _AUDIT.address: "", _AUDIT.client: ""})
        found += execute(requests, asked).rowcount
        return found + execute(_REQUESTS_ABOUT.values({_AUDIT.subject: by}), asked).rowcount

    def _check(self, transaction: Transaction) -> None:
        execute = transaction.connection.execute
        asked = {"owner": self._tenant, "names": self._names}
        under_way = execute(_UNDER_WAY, asked).scalars().all()
        if under_way:
            raise StateConflict(
                f"{self._name!r} has voted in {_listed(under_way)}, under way and going by these"
                " votes: erase them once it has ended, or cancel it"
            )
        held = execute(_HELD, asked).scalars().all()
        if held:
            what = f"the tenant {self._tenant}" if WHOLE_TENANT in held else _listed(held)
            raise StateConflict(
                f"{what} is held, and what {self._name!r} did with it: release it first"
            )

    async def _replace_in(self, texts: _Place) -> int:
        table = texts.column.table
        keys = [*table.primary_key.columns]
        query = (
            select(*keys, texts.column.label("text"))
            .where(texts.owned)
            .order_by(*keys)
            .limit(_ROWS)
        )
        change = update(table).where(*(key == bindparam(f"k_{key.name}") for key in keys))
        found, last = 0, None
        while True:
            page = query
            if last is not None:
                after = tuple_(*last, types=[key.type for key in keys])
                page = query.where(tuple_(*keys) > after)
            replace = partial(self._replace, page=page, change=change, column=texts.column)
            count, last = await self._database.write(replace)
            found += count
            if last is None:
                return found

    def _replace(
        self,
        transaction: Transaction,
        page: "Select[Any]",
        change: Any,
        column: Column[Any],
    ) -> tuple[int, Sequence[Any] | None]:
        """Replace the name in a page of documents; return in how many, and the last one's key."""
        execute = transaction.connection.execute
        rows = execute(page, {"owner": self._tenant}).all()
        found = 0
        for *key, text in rows:
            changed = self._without_name(text)
            if changed is None:
                continue
            found += 1
            names = [f"k_{each.name}" for each in column.table.primary_key.columns]
            execute(change.values({column: changed}), dict(zip(names, key, strict=True)))
        return found, rows[-1][:-1] if len(rows) == _ROWS else None

    def _without_name(self, text: str) -> str | None:
        """Return a document with the pseudonym for the name; ``None`` when it is not in it."""
        try:
            document: JsonValue = json.loads(text)
        except ValueError:
            return None
        same = _spelled(self._name)
        changed = _replaced(document, lambda word: _spelled(word) == same, self._pseudonym)
        if changed == document:
            return None
        # As Pydantic writes it: statements look for how some begin.
        return json.dumps(changed, ensure_ascii=False, separators=(",", ":"))

    def _end(self, transaction: Transaction) -> int:
        execute = transaction.connection.execute
        asked = {"owner": self._tenant, "names": self._names}
        person = delete(tables.people).where(_PEOPLE.tenant == _TENANT, _PEOPLE.name.in_(_NAMES))
        found = execute(person, asked).rowcount
        ended = update(tables.erasures).where(
            _ERASURES.tenant == _TENANT, _ERASURES.ended_at.is_(None)
        )
        execute(ended.values({_ERASURES.ended_at: datetime.now(UTC)}), {"owner": self._tenant})
        return found


def _replaced(value: JsonValue, is_name: Callable[[str], bool], by: str) -> JsonValue:
    if isinstance(value, str):
        return by if is_name(value) else value
    if isinstance(value, list):
        return [_replaced(each, is_name, by) for each in value]
    if isinstance(value, dict):
        return {name: _replaced(each, is_name, by) for name, each in value.items()}
    return value


def _spelled(name: str) -> str:
    # As votes are counted: "Ann" and "ann" are one person.
    return unicodedata.normalize("NFKC", name).casefold().strip()


def _listed(runs: Sequence[str]) -> str:
    more = f" and {len(runs) - _SHOWN_RUNS} more" if len(runs) > _SHOWN_RUNS else ""
    return f"{', '.join(runs[:_SHOWN_RUNS])}{more}"
