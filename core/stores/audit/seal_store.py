"""Sealing the facts of the audit trail, and deleting those that are older than it keeps them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from perdure.audit.keys import SigningKey
from perdure.audit.merkle import merkle_root
from perdure.audit.seals import Seal, SignedSeal
from perdure.models import DEFAULT_TENANT
from perdure.stores.audit import tables
from perdure.stores.audit.recording import add_fact
from perdure.stores.database.engine import Database, Transaction

# The most facts of one seal: what is wrong within it is named by its numbers.
MAX_FACTS: Final = 10_000
# Without new facts there is a seal all the same, so that a cut tail shows by its time.
IDLE: Final = timedelta(hours=1)
# No transaction is open for so long.
GAP_TIME: Final = timedelta(days=1)
CUT: Final = "audit.cut"

_FACTS: Final = tables.facts.c
_SEALS: Final = tables.seals.c
_GAPS: Final = tables.gaps.c
_LAST: Final = select(tables.seals).order_by(_SEALS.number.desc()).limit(1)
_NEW: Final = (
    select(_FACTS.number, _FACTS.hash)
    .where(_FACTS.number > bindparam("after"))
    .order_by(_FACTS.number)
    .limit(bindparam("most"))
)
_LATE: Final = (
    select(_FACTS.number, _FACTS.hash)
    .join(tables.gaps, _GAPS.number == _FACTS.number)
    .order_by(_FACTS.number)
    .limit(bindparam("most"))
)
_ADD_GAPS: Final = insert(tables.gaps)
_CLOSE_GAPS: Final = delete(tables.gaps).where(
    _GAPS.number.in_(bindparam("numbers", expanding=True))
)
_EXPIRE_GAPS: Final = delete(tables.gaps).where(_GAPS.found_at < bindparam("until"))
_TO_ANCHOR: Final = (
    select(_SEALS.number, _SEALS.line)
    .where(_SEALS.anchored_at.is_(None))
    .order_by(_SEALS.number)
    .limit(100)
)
_ANCHORED: Final = (
    update(tables.seals)
    .where(_SEALS.number == bindparam("nth"))
    .values(anchored_at=bindparam("now"))
)
_TO_CUT: Final = (
    select(_SEALS.number, _SEALS.last)
    .where(_SEALS.at < bindparam("until"))
    .order_by(_SEALS.at.desc(), _SEALS.number.desc())
    .limit(1)
)
_LAST_CUT: Final = select(tables.cuts).order_by(tables.cuts.c.seal.desc()).limit(1)
_AFTER: Final = (
    select(_SEALS.line)
    .where(
        _SEALS.number > bindparam("nth"),
        _SEALS.at < bindparam("until"),
        _SEALS.line.not_like('%"late":[]%'),
    )
    .order_by(_SEALS.number)
)
_CUT_AT: Final = select(_SEALS.at).where(_SEALS.number == bindparam("nth"))
_ADD_CUT: Final = insert(tables.cuts)
_SOME: Final = (
    select(_FACTS.number)
    .where(
        _FACTS.number <= bindparam("last"), _FACTS.number.not_in(bindparam("kept", expanding=True))
    )
    .order_by(_FACTS.number)
    .limit(bindparam("rows"))
)
_DELETE: Final = delete(tables.facts).where(_FACTS.number.in_(bindparam("numbers", expanding=True)))
_ANY: Final = select(_SEALS.number).limit(1)
_NEWEST: Final = select(func.max(_SEALS.number))


class SealStore:
    """The seals of an installation.

    Args:
        database: Its database.
        stores_id: Its id.
    """

    def __init__(self, database: Database, stores_id: str) -> None:
        self._database = database
        self._stores_id = stores_id
        self._insert = (
            database.insert(tables.seals).on_conflict_do_nothing().returning(_SEALS.number)
        )

    async def exist(self) -> bool:
        """Return whether there is a seal, and thus an audit trail."""
        return await self._database.read(
            lambda connection: connection.execute(_ANY).first() is not None
        )

    async def count(self) -> int:
        """Return how many seals there are, which is the number of the last one."""
        return await self._database.read(
            lambda connection: int(connection.execute(_NEWEST).scalar() or 0)
        )

    async def seal(self, key: SigningKey, now: datetime | None = None) -> Seal | None:
        """Seal what is not sealed yet, up to 10,000 facts.

        Two that seal at once make one seal: nothing is sealed twice.

        Args:
            key: Signs it.
            now: When.

        Returns:
            The seal; ``None`` if there is nothing to seal, or another process has just done it.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        at = now or datetime.now(UTC)

        def fetch(
            connection: Connection,
        ) -> tuple[SignedSeal | None, list[tuple[int, str]], list[tuple[int, str]]]:
            row = connection.execute(_LAST).mappings().first()
            last = None if row is None else SignedSeal.model_validate_json(row["line"])
            after = last.seal.last if last else 0
            late = connection.execute(_LATE, {"most": MAX_FACTS}).all()
            new = connection.execute(_NEW, {"after": after, "most": MAX_FACTS}).all()
            return last, [(n, digest) for n, digest in late], [(n, digest) for n, digest in new]

        last, late, new = await self._database.read(fetch)
        if last is not None and not late and not new and at - last.seal.at < IDLE:
            return None
        signed = SignedSeal.sign(self._next(last, late, new, at, key), key)

        def store(transaction: Transaction) -> bool:
            seal, execute = signed.seal, transaction.connection.execute
            row = {
                "number": seal.number,
                "at": seal.at,
                "last": seal.last,
                "line": signed.line().decode(),
                "hash": seal.hash(),
            }
            if execute(self._insert, row).first() is None:
                return False
            if seal.late:
                execute(_CLOSE_GAPS, {"numbers": seal.late})
            if seal.gaps:
                execute(_ADD_GAPS, [{"number": gap, "found_at": at} for gap in seal.gaps])
            execute(_EXPIRE_GAPS, {"until": at - GAP_TIME})
            return True

        return signed.seal if await self._database.write(store) else None

    async def to_anchor(self) -> list[tuple[int, str]]:
        """Return the numbers and the lines of the next hundred seals that are not anchored yet."""
        rows = await self._database.read(lambda connection: connection.execute(_TO_ANCHOR).all())
        return [(number, line) for number, line in rows]

    async def anchored(self, number: int) -> None:
        """Store that a seal is anchored."""
        values = {"nth": number, "now": datetime.now(UTC)}
        await self._database.write(
            lambda transaction: transaction.connection.execute(_ANCHORED, values)
        )

    async def begin_cut(self, until: datetime) -> int | None:
        """Decide up to which seal facts are deleted, and put it into the trail.

        Args:
            until: The seals that are older are cut off with their facts.

        Returns:
            The number of the seal; ``None`` when nothing was ever cut.
        """

        def begin(transaction: Transaction) -> int | None:
            execute = transaction.connection.execute
            cut = execute(_LAST_CUT).mappings().first()
            found = execute(_TO_CUT, {"until": until}).first()
            if found is None or (cut is not None and found.number <= cut["seal"]):
                return None if cut is None else int(cut["seal"])
            now = datetime.now(UTC)
            execute(_ADD_CUT, {"seal": found.number, "last": found.last, "at": now})
            add_fact(transaction, CUT, "", DEFAULT_TENANT, {"seal": found.number}, at=now)
            return int(found.number)

        return await self._database.write(begin)

    async def cut(self, rows: int) -> bool:
        """Delete some facts of the seals that are cut off; the seals stay.

        Args:
            rows: How many at most.

        Returns:
            Whether there may be more.
        """

        def fetch(connection: Connection) -> tuple[int, list[int]] | None:
            cut = connection.execute(_LAST_CUT).mappings().first()
            if cut is None:
                return None
            # What came late has a number of before the cut, and a seal of after it.
            made = connection.execute(_CUT_AT, {"nth": cut["seal"]}).scalar_one()
            values = {"nth": cut["seal"], "until": made + 2 * GAP_TIME}
            lines = connection.execute(_AFTER, values).scalars().all()
            seals = [SignedSeal.model_validate_json(line).seal for line in lines]
            return cut["last"], [number for seal in seals for number in seal.late]

        found = await self._database.read(fetch)
        if found is None:
            return False
        last, kept = found

        def delete_some(transaction: Transaction) -> int:
            values = {"last": last, "kept": kept, "rows": rows}
            numbers = transaction.connection.execute(_SOME, values).scalars().all()
            if numbers:
                transaction.connection.execute(_DELETE, {"numbers": numbers})
            return len(numbers)

        return await self._database.write(delete_some) == rows

    def _next(
        self,
        last: SignedSeal | None,
        late: Sequence[tuple[int, str]],
        new: Sequence[tuple[int, str]],
        at: datetime,
        key: SigningKey,
    ) -> Seal:
        first = last.seal.last + 1 if last else 1
        end = new[-1][0] if new else first - 1
        numbers = {number for number, _ in new}
        return Seal(
            number=last.seal.number + 1 if last else 1,
            previous=last.seal.hash() if last else "",
            at=at,
            first=first,
            last=end,
            gaps=[number for number in range(first, end + 1) if number not in numbers],
            late=[number for number, _ in late],
            count=len(late) + len(new),
            total=(last.seal.total if last else 0) + len(late) + len(new),
            root=merkle_root(sorted([*late, *new])),
            stores=self._stores_id,
            key=key.public.id,
        )
