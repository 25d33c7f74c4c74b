"""Columns of text that one query shows to be plain throughout, which is what most columns are.

Where every value is written as programs write it, or is a mark for a missing one, a few cheap tests
over the whole column say what the careful reading would make of it. Any other column is left to
that reading, which looks at every value from several sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from perdure_analysis.column_types import date_forms, number_forms
from perdure_analysis.column_types.cells import (
    Cells,
    blank_edges,
    counts,
    is_mark,
    literal,
    matches,
)
from perdure_analysis.column_types.number_forms import PLAIN, NumberShapes, either_point
from perdure_analysis.database.connection import TABLE, Database, quoted

_GUESSED_FROM: Final = 2_000
_TOGETHER: Final = 8
_DOUBLE_LENGTH: Final = 15  # no more digits than a double holds
_NUMBER: Final = "-?(0|[1-9]\\d{0,17})(\\.\\d+)?"
_DATE: Final = "\\d{4}-\\d{2}-\\d{2}"
_MOMENT: Final = f"{_DATE}[ T]([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{{1,6}})?"
_INSTANT: Final = "TIMESTAMP WITH TIME ZONE"
_FORMS: Final = {
    "DOUBLE": _NUMBER,
    "DATE": _DATE,
    "TIMESTAMP": _MOMENT,
    _INSTANT: f"{_MOMENT}Z",
}


@dataclass(frozen=True, slots=True)
class PlainDates:
    """A column of dates, moments without a zone, or instants in UTC, all in ISO 8601."""

    cells: Cells
    type: str

    @property
    def value(self) -> str:
        """SQL for the date in a cell; NULL for a mark."""
        column = quoted(self.cells.name)
        if self.type == "DATE":
            return f"CAST(TRY_CAST({column} AS TIMESTAMP) AS DATE)"
        return f"TRY_CAST({column} AS {self.type})"


Plain = NumberShapes | PlainDates | None


def plain_columns(database: Database, shares: dict[str, float]) -> dict[str, Plain]:
    """Return the columns of text that are plain throughout; ``None`` for those that stay text.

    Args:
        database: Holds the table.
        shares: The columns of text to look at, and which share of a column's values must be read
            as something for the column to be read as that.
    """
    found: dict[str, Plain] = {}
    guessed = _guess(database, list(shares))
    for kind in _FORMS:
        names = [name for name, guess in guessed.items() if guess == kind]
        if names:
            found |= _verified(database, kind, names, shares)
    for share in set(shares.values()):
        names = [name for name, guess in guessed.items() if not guess and shares[name] == share]
        found |= dict.fromkeys(_surely_text(database, names, share))
    return found


def _guess(database: Database, names: Sequence[str]) -> dict[str, str]:
    """Return what the first values look like: a type, empty for anything else."""
    if not names:
        return {}
    tests = ["count(nullif({c}, ''))", "count(*) FILTER (" + is_mark("{c}") + ")"]
    tests += ["count(*) FILTER (" + matches("{c}", form) + ")" for form in _FORMS.values()]
    counted = _aggregates(database, tests, names, rows=_GUESSED_FROM)
    guesses = {}
    for name, (present, marks, *fits) in counted.items():
        full = [kind for kind, fit in zip(_FORMS, fits, strict=True) if 0 < fit == present - marks]
        guesses[name] = full[0] if full else ""
    return guesses


def _aggregates(
    database: Database, tests: Sequence[str], names: Sequence[str], *, rows: int | None = None
) -> dict[str, list[int]]:
    """Return what aggregates come to for each of several columns.

    Args:
        database: Holds the table.
        tests: SQL with ``{c}`` for the column.
        names: The columns.
        rows: How many rows to look at, from the first on; all where none is given.
    """
    limit = "" if rows is None else f" LIMIT {rows}"
    found: dict[str, list[int]] = {}
    # To plan a query takes time that grows with the square of its columns.
    for start in range(0, len(names), _TOGETHER):
        some = names[start : start + _TOGETHER]
        columns = [test.replace("{c}", quoted(name)) for name in some for test in tests]
        row = database.row(f"SELECT {', '.join(columns)} FROM (FROM {TABLE}{limit})")  # noqa: S608
        values = [int(str(value)) if value is not None else 0 for value in row]
        for place, name in enumerate(some):
            found[name] = values[place * len(tests) : (place + 1) * len(tests)]
    return found


def _verified(
    database: Database, kind: str, names: Sequence[str], shares: dict[str, float]
) -> dict[str, Plain]:
    form = matches("{c}", _FORMS[kind])
    tests = {
        "DOUBLE": (
            f"count(*) FILTER ({form})",
            "count(*) FILTER (contains({c}, '.'))",
            f"count(*) FILTER ({either_point('{c}')})",
            "max(strlen({c}))",
        ),
        "DATE": (f"count(CASE WHEN {form} THEN TRY_CAST({{c}} AS DATE) END)",),
        "TIMESTAMP": (
            f"count(CASE WHEN {form} THEN TRY_CAST({{c}} AS TIMESTAMP) END)",
            "count(*) FILTER (" + matches("{c}", "[^:]*00:00:00(\\.0+)?") + ")",
        ),
        _INSTANT: (f"count(CASE WHEN {form} THEN TRY_CAST({{c}} AS {_INSTANT}) END)",),
    }[kind]
    found: dict[str, Plain] = {}
    counted = _aggregates(database, ("count(nullif({c}, ''))", *tests), names)
    for name, (present, fits, *more) in counted.items():
        marks = 0
        if fits < present:
            marks = counts(database, f"FROM {TABLE}", [is_mark(quoted(name))])[0]
        if not fits or fits + marks < present:
            continue
        cells = Cells(name, present, marks, least=shares[name] * fits, bare=True)
        if kind == "DOUBLE":
            found[name] = _numbers(database, cells, *more)
        else:
            found[name] = PlainDates(cells, "DATE" if more == [fits] else kind)
    return found


def _numbers(
    database: Database, cells: Cells, pointed: int, either: int, longest: int
) -> NumberShapes:
    """Return the shapes of a column of plain numbers.

    Args:
        database: Holds the table.
        cells: The column.
        pointed: How many values have a point; a mark may have one.
        either: How many of them are such as 1.250.
        longest: Characters of the longest value.
    """
    column = quoted(cells.name)
    if cells.marks and pointed:
        pointed = database.whole(
            f"SELECT count(*) FROM {TABLE} WHERE contains({column}, '.') AND NOT {is_mark(column)}"  # noqa: S608
        )
    kind = "DOUBLE" if pointed else "BIGINT"
    if pointed and longest > _DOUBLE_LENGTH:
        # A long value that a double gives back as it was written is not rounded by it.
        altered = database.whole(
            f"SELECT count(*) FROM {TABLE} WHERE strlen({column}) > {_DOUBLE_LENGTH}"  # noqa: S608
            f" AND CAST(TRY_CAST({column} AS DOUBLE) AS VARCHAR) <> {column}"
        )
        kind = "" if altered else kind
    return NumberShapes(
        cells,
        {PLAIN: cells.rest},
        decimal_point=pointed - either,
        either_point=either,
        type=kind,
    )


def _surely_text(database: Database, names: Sequence[str], share: float) -> list[str]:
    """Return the columns of which too many values are neither number, date, time nor yes or no.

    As soon as more values do not fit than the column may have of these, the rest need not be looked
    at: the first rows are enough where there are many.
    """
    if not names:
        return []
    rows = database.whole(f"SELECT count(*) FROM {TABLE}")  # noqa: S608
    enough = int(rows * min(1.0, 2 * (1 - share))) + 1
    unfit = (
        f"NOT {matches('{c}', number_forms.FIGURES)}",
        "NOT contains({c}, ':')",
        " AND ".join(
            f"NOT regexp_matches({{c}}, {literal(start)})"
            for start in (date_forms.FIGURES, date_forms.WEEKDAY, date_forms.NAME)
        ),
    )
    word = "{c} <> '' AND NOT " + is_mark("{c}")
    tests = [f"count(*) FILTER ({word} AND {test})" for test in unfit]
    tests.append(f"count(*) FILTER ({word} AND TRY_CAST({{c}} AS BOOLEAN) IS NULL)")
    tests.append("count(*) FILTER (" + blank_edges("{c}") + ")")
    present = _aggregates(database, ("count(nullif({c}, ''))",), names)
    found = []
    for name, (*counted, others, edged) in _aggregates(database, tests, names, rows=enough).items():
        # Blanks around a value may hide what it is.
        most = min(counted) - edged
        if others > edged and most > (1 - share) * present[name][0]:
            found.append(name)
    return found
