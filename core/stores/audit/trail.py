"""Reading the audit trail: pages of facts, and exports that can be verified."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, bindparam, select

from perdure.audit.canonical import salted
from perdure.audit.seals import Seal, SignedSeal
from perdure.audit.verification import export_line, fact_line
from perdure.schemas.access import Fact, FactFilter
from perdure.stores.audit import tables
from perdure.stores.audit.settings_facts import add_settings_fact
from perdure.stores.database.engine import Database
from perdure.stores.database.tenancy import TenantStore

_FACTS: Final = tables.facts.c
_SEALS: Final = tables.seals.c
_PEOPLE: Final = tables.people.c
_CUT: Final = select(tables.cuts.c.seal).order_by(tables.cuts.c.seal.desc()).limit(1)
_NEXT_SEAL: Final = (
    select(_SEALS.line).where(_SEALS.number > bindparam("nth")).order_by(_SEALS.number).limit(1)
)
_OF_SEAL: Final = select(_FACTS.number, _FACTS.hash, _FACTS.fact, _FACTS.tenant).order_by(
    _FACTS.number
)
_NEW_OF_SEAL: Final = _OF_SEAL.where(
    _FACTS.number >= bindparam("first"), _FACTS.number <= bindparam("end")
)
_LATE_OF_SEAL: Final = _OF_SEAL.where(_FACTS.number.in_(bindparam("late", expanding=True)))
_LAST: Final = select(_SEALS.last, _SEALS.at).order_by(_SEALS.number.desc()).limit(1)


class AuditTrail(TenantStore):
    """The facts of the audit trail."""

    def __init__(self, database: Database, stores_id: str) -> None:
        super().__init__(database)
        self._stores_id = stores_id

    async def list(
        self, criteria: FactFilter, *, limit: int, before: int | None = None
    ) -> list[Fact]:
        """Return facts, newest first.

        Args:
            criteria: Which.
            limit: How many at most.
            before: The number of the last one of the page before.

        Raises:
            StoreUnavailable: The database does not answer.
        """

        def fetch(connection: Connection) -> list[Fact]:
            people = self._people(connection)
            query = self._tenancy.limited(
                select(tables.facts).order_by(_FACTS.number.desc()).limit(limit), _FACTS.tenant
            )
            if before is not None:
                query = query.where(_FACTS.number < before)
            for condition in _conditions(criteria, people):
                query = query.where(condition)
            sealed = connection.execute(_LAST).first()
            last = sealed.last if sealed else 0
            return [
                Fact(
                    number=row["number"],
                    at=row["at"],
                    tenant=row["tenant"],
                    kind=row["kind"],
                    subject=row["subject"],
                    who=people.get(row["who"], row["who"]),
                    is_known=not row["who"] or row["who"] in people,
                    data=json.loads(row["fact"])["data"],
                    hash=row["hash"],
                    is_sealed=row["number"] <= last,
                )
                for row in connection.execute(query).mappings()
            ]

        return await self._database.read(fetch)

    async def sealed_until(self) -> datetime | None:
        """Return when the last seal was made; ``None`` before the first one."""
        row = await self._database.read(lambda connection: connection.execute(_LAST).first())
        return None if row is None else row.at

    async def export(self) -> AsyncIterator[bytes]:
        """Yield the lines of an export, each with its end: all that is sealed.

        Of the facts of others than the tenant it has the hashes alone, so that it verifies.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        yield export_line(self._stores_id)
        number = await self._database.read(
            lambda connection: connection.execute(_CUT).scalar() or 0
        )
        while (lines := await self._seal_after(number)) is not None:
            number, text = lines
            yield text

    async def record_settings(self, process: str, values: Mapping[str, str]) -> bool:
        """Put the settings of a process into the trail; see :func:`.add_settings_fact`."""
        return await self._database.write(
            lambda transaction: add_settings_fact(transaction, process, values)
        )

    async def _seal_after(self, number: int) -> tuple[int, bytes] | None:
        """Return the number and the lines of the next seal, those of its facts first."""

        def fetch(connection: Connection) -> tuple[int, bytes] | None:
            line = connection.execute(_NEXT_SEAL, {"nth": number}).scalar()
            if line is None:
                return None
            seal = SignedSeal.model_validate_json(line).seal
            return seal.number, self._facts_of(connection, seal) + line.encode() + b"\n"

        return await self._database.read(fetch)

    def _facts_of(self, connection: Connection, seal: Seal) -> bytes:
        late = connection.execute(_LATE_OF_SEAL, {"late": seal.late}).all() if seal.late else []
        new = connection.execute(_NEW_OF_SEAL, {"first": seal.first, "end": seal.last}).all()
        gaps = {*seal.gaps}  # one that has come since is a later seal's
        return b"".join(
            fact_line(row.number, row.hash, row.fact if self._is_shown(row.tenant) else None)
            for row in [*late, *new]
            if row.number not in gaps
        )

    def _is_shown(self, tenant: str) -> bool:
        return self._tenancy.tenant in {None, tenant}

    def _people(self, connection: Connection) -> Mapping[str, str]:
        """Return the names of people by the digests that stand for them."""
        query = self._tenancy.limited(select(_PEOPLE.name, _PEOPLE.salt), _PEOPLE.tenant)
        return {salted(row.salt, row.name): row.name for row in connection.execute(query)}


def _conditions(criteria: FactFilter, people: Mapping[str, str]) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if criteria.kind:
        conditions.append(_FACTS.kind == criteria.kind)
    if criteria.subject:
        conditions.append(_FACTS.subject == criteria.subject)
    if criteria.who:
        digests = [digest for digest, name in people.items() if name == criteria.who]
        conditions.append(_FACTS.who.in_([*digests, criteria.who]))
    if criteria.since is not None:
        conditions.append(_FACTS.at >= criteria.since)
    if criteria.until is not None:
        conditions.append(_FACTS.at < criteria.until)
    return conditions
