"""Which columns two tables can be joined by, and how well their values match."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from pathlib import Path
from typing import Final

from perdure_analysis.database.connection import Database, quoted
from perdure_analysis.facts import Key

MATCHING: Final = 0.5
_SURELY_MATCHING: Final = 0.95
_ENOUGH_VALUES: Final = 10
_MOST_COLUMNS: Final = 40
_MOST_PAIRS: Final = 200
_MOST_ROWS: Final = 1_000_000
_MOST_TOGETHER: Final = 6
_SHOWN: Final = 5
_GENERIC: Final = {"id", "key", "name", "no", "nr", "number", "code", "date", "index"}
_SUFFIXES: Final = {"id", "key", "no", "nr", "number", "code", "name"}
_KEY_TYPES: Final = re.compile(r"^(U?\w*INT(EGER)?|VARCHAR|DATE|TIMESTAMP.*|UUID)$")


Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table in the database.

    Attributes:
        name: The file's name, as a reader knows it.
        table: What it is called in the database.
        columns: DuckDB type by name.
        rows: How many rows it has.
    """

    name: str
    table: str
    columns: dict[str, str]
    rows: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """Columns that two tables may be joined by.

    Attributes:
        key: What was counted.
        rank: How much speaks for it besides the values: 3 names that say so, 2 a name that many
            tables have, such as ``id``, 1 nothing but the values.
        values: How many different values both have.
    """

    key: Key
    rank: int
    values: int

    @property
    def is_clear(self) -> bool:
        """Whether each row of one table has one match at most, and enough rows have one."""
        key = self.key
        if not (key.first_unique or key.second_unique):
            return False
        # The side in which a value repeats is the one whose rows look theirs up.
        share = key.first_matched if key.second_unique else key.second_matched
        if self.rank == 1:
            return share >= _SURELY_MATCHING and self.values >= _ENOUGH_VALUES
        return share >= MATCHING


def measured(database: Database, first: Table, second: Table, columns: Pairs) -> Candidate:
    """Count how the values of columns match, in both directions.

    Args:
        database: Holds the tables.
        first: The one table.
        second: The other.
        columns: Which column of the first goes with which of the second.
    """
    sides = []
    for side, table in enumerate((first, second)):
        values = ", ".join(
            f"{comparable(first, second, pair)[side]} AS k{place}"
            for place, pair in enumerate(columns)
        )
        names = ", ".join(f"k{place}" for place in range(len(columns)))
        present = " AND ".join(f"k{place} IS NOT NULL" for place in range(len(columns)))
        sides.append(
            f"SELECT {names}, count(*) AS c FROM (SELECT {values} FROM {table.table})"  # noqa: S608
            f" WHERE {present} GROUP BY ALL"
        )
    on = " AND ".join(f"l.k{place} = r.k{place}" for place in range(len(columns)))
    rows, distinct, found, other_rows, other_distinct, other_found, both = (
        int(str(count or 0))
        for count in database.row(
            "SELECT sum(lc), count(lc), sum(lc) FILTER (rc > 0), sum(rc), count(rc),"  # noqa: S608
            " sum(rc) FILTER (lc > 0), count(*) FILTER (lc > 0 AND rc > 0) FROM"
            f" (SELECT l.c AS lc, r.c AS rc FROM ({sides[0]}) l FULL JOIN ({sides[1]}) r ON {on})"
        )
    )
    key = Key(
        first=first.name,
        second=second.name,
        columns=columns,
        first_matched=round(found / first.rows, 6) if first.rows else 0.0,
        second_matched=round(other_found / second.rows, 6) if second.rows else 0.0,
        first_unique=0 < rows == distinct,
        second_unique=0 < other_rows == other_distinct,
    )
    return Candidate(key, min(_rank(first, second, pair) for pair in columns), both)


def comparable(first: Table, second: Table, pair: tuple[str, str]) -> tuple[str, str]:
    """Return SQL for the values of two columns so that they can be compared."""
    kinds = first.columns[pair[0]], second.columns[pair[1]]
    left, right = (quoted(name) for name in pair)
    if kinds[0] == kinds[1] and kinds[0] != "VARCHAR":
        return left, right
    return f"trim(CAST({left} AS VARCHAR))", f"trim(CAST({right} AS VARCHAR))"


def candidates(database: Database, first: Table, second: Table) -> list[Candidate]:
    """Return what two tables may be joined by, the best first."""
    found = [
        measured(database, first, second, ((left, right),))
        for left, right in _pairs(database, first, second)
    ]
    if not any(one.is_clear and one.rank > 1 for one in found):
        shared = [one.key.columns[0] for one in found if _same(*one.key.columns[0])]
        for size in (2, 3):
            together = combinations(shared[:_MOST_TOGETHER], size)
            found += [measured(database, first, second, pairs) for pairs in together]
            if any(one.is_clear for one in found if len(one.key.columns) == size):
                break
    useful = [
        one
        for one in found
        if one.values and (one.is_clear or (one.rank > 1 and len(one.key.columns) == 1))
    ]
    return sorted(useful, key=_goodness, reverse=True)[:_SHOWN]


def clear_one(found: Sequence[Candidate]) -> Candidate | None:
    """Return the one candidate that stands out; ``None`` where there is none, or several do."""
    clear = [one for one in found if one.is_clear]
    best = [one for one in clear if one.rank == max(other.rank for other in clear)]
    return best[0] if len(best) == 1 else None


def _goodness(one: Candidate) -> tuple[bool, int, float]:
    return one.is_clear, one.rank, one.key.first_matched + one.key.second_matched


def _pairs(database: Database, first: Table, second: Table) -> Iterator[tuple[str, str]]:
    usable = [
        [name for name, kind in table.columns.items() if _KEY_TYPES.match(kind)][:_MOST_COLUMNS]
        for table in (first, second)
    ]
    named = [
        (left, right)
        for left in usable[0]
        for right in usable[1]
        if _rank(first, second, (left, right)) > 1
    ]
    yield from named
    if max(first.rows, second.rows) > _MOST_ROWS:
        return
    # By their values alone only texts are compared: small numbers are found in any list of numbers.
    texts = [
        [name for name in names if table.columns[name] == "VARCHAR"]
        for names, table in zip(usable, (first, second), strict=True)
    ]
    lists = [
        set(_without_repeats(database, *one)) for one in zip((first, second), texts, strict=True)
    ]
    others = (
        (left, right)
        for left in texts[0]
        for right in texts[1]
        if (left in lists[0] or right in lists[1]) and (left, right) not in named
    )
    yield from islice(others, _MOST_PAIRS)


def _without_repeats(database: Database, table: Table, names: list[str]) -> list[str]:
    if not names:
        return []
    counts = database.row(
        "SELECT "  # noqa: S608
        + ", ".join(f"count({quoted(name)}) = count(DISTINCT {quoted(name)})" for name in names)
        + f" FROM {table.table}"
    )
    return [name for name, unique in zip(names, counts, strict=True) if unique]


def _rank(first: Table, second: Table, pair: tuple[str, str]) -> int:
    left, right = _words(pair[0]), _words(pair[1])
    if left == right:
        return 2 if set(left) <= _GENERIC else 3
    for mine, theirs, table in ((left, right, second), (right, left, first)):
        owner = _words(Path(table.name).stem)[-1:]
        # ``customer_id`` or ``customer`` goes with the ``id`` of customers.
        if owner and (mine == [*owner, *theirs] or (mine == owner and set(theirs) <= _SUFFIXES)):
            return 3
    return 1


def _same(left: str, right: str) -> bool:
    return _words(left) == _words(right)


def _words(name: str) -> list[str]:
    """Return the words of a name, small and singular: ``customer``, ``id`` of ``CustomersID``."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    words = re.findall(r"[^\W_]+", parted.lower())
    return [re.sub(r"(?<=[^s])s$", "", re.sub("ies$", "y", word)) for word in words]
