"""SQL for what stands in a cell of text, and for the marks that stand for a missing value."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from perdure_analysis.database.connection import TABLE, Database, quoted

BLANKS: Final = " \t\r\n\u00a0\u2007\u2009\u202f\ufeff"
SHOWN: Final = 3
_TOGETHER: Final = 8
CONVERTED: Final = "converted"
_MARKS: Final = (
    *("na", "n/a", "n.a.", "#n/a", "#na", "<na>", "n/d", "null", "(null)", "nil", "none"),
    *(
        "nan",
        "-nan",
        "#nan",
        "nat",
        "-",
        "--",
        "---",
        "\u2013",
        "\u2014",
        "\u2212",
        "?",
        "??",
        ".",
        "..",
        "...",
    ),
    *("\\n", "missing", "(missing)"),
)
# Marks that may be a value where the column is one of text.
_WORDS: Final = frozenset({"none", "nil", "missing"})


def literal(text: str) -> str:
    """Return text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def matches(text: str, pattern: str) -> str:
    """Return SQL that says whether all of a text matches a regular expression (RE2's)."""
    return f"regexp_full_match({text}, {literal(pattern)})"


def bound(given: str, name: str, value: str) -> str:
    """Return SQL for a value in which a name stands for an expression, evaluated once a row."""
    return f"list_transform([{given}], lambda {name}: {value})[1]"


def counts(database: Database, select: str, conditions: Iterable[str]) -> list[int]:
    """Return for how many rows of a query each condition holds."""
    columns = ", ".join(f"count(*) FILTER ({condition})" for condition in conditions)
    return [int(str(count)) for count in database.row(f"SELECT {columns} FROM ({select})")]  # noqa: S608


def text_of(column: str) -> str:
    """Return SQL for a column's text without blanks around it; NULL where nothing is left."""
    # To trim a text costs several times what it costs to see that there is nothing to trim.
    text = quoted(column)
    trimmed = f"trim({text}, {literal(BLANKS)})"
    return f"nullif(CASE WHEN {blank_edges(text)} THEN {trimmed} ELSE {text} END, '')"


def blank_edges(text: str) -> str:
    """Return SQL that says whether a text begins or ends with a blank."""
    return f"regexp_matches({text}, {literal(f'^[{BLANKS}]|[{BLANKS}]$')})"


def is_mark(text: str) -> str:
    """Return SQL that says whether a text stands for a missing value, such as NA or a dash."""
    return (
        f"(strlen({text}) <= {max(map(len, _MARKS))}"
        f" AND lower({text}) IN ({', '.join(map(literal, _MARKS))}))"
    )


@dataclass(frozen=True, slots=True)
class Cells:
    """A column of text, counted.

    Attributes:
        name: The column.
        present: Values that are not blank.
        marks: Of these, the ones that may stand for a missing value.
        least: How many values must be read for the column to be read as something.
        bare: Whether no value has blanks around it.
    """

    name: str
    present: int
    marks: int
    least: float
    bare: bool = False

    @property
    def text(self) -> str:
        """SQL for a value's text without blanks around it; NULL where nothing is left."""
        return f"nullif({quoted(self.name)}, '')" if self.bare else text_of(self.name)

    @property
    def rest(self) -> int:
        """How many values are more than a mark."""
        return self.present - self.marks


def marks_of(database: Database, columns: Sequence[Cells]) -> list[str]:
    """Return the marks for a missing value that stand in columns, as they are written there.

    Words that also say something, such as none, are left out.
    """
    found: set[str] = set()
    for cells in columns:
        rows = database.rows(
            f"SELECT DISTINCT t FROM (SELECT {cells.text} AS t FROM {TABLE}) WHERE {is_mark('t')}"  # noqa: S608
        )
        found |= {str(text) for (text,) in rows}
    return sorted(mark for mark in found if mark.lower() not in _WORDS)


def blank_marks(database: Database, columns: Sequence[str], marks: Sequence[str]) -> list[str]:
    """Make marks missing values in columns of text, but where they are codes like the others.

    Args:
        database: Holds the table.
        columns: The columns.
        marks: The marks, as the table's columns of numbers and dates have them.

    Returns:
        A note for each column that had some.
    """
    if not marks or not columns:
        return []
    listed = ", ".join(map(literal, marks))
    conditions = [f"{text_of(name)} IN ({listed})" for name in columns]
    found: dict[str, int] = {}
    # To plan a query takes time that grows with the square of its columns.
    for start in range(0, len(columns), _TOGETHER):
        some = slice(start, start + _TOGETHER)
        held = counts(database, f"FROM {TABLE}", conditions[some])
        found |= zip(columns[some], held, strict=True)
    notes, values = [], []
    for name, count in found.items():
        if not count or _are_codes(database, name, marks):
            continue
        column, text = quoted(name), text_of(name)
        values.append(f"CASE WHEN {text} IN ({listed}) THEN NULL ELSE {column} END AS {column}")
        rows = database.rows(
            f"SELECT DISTINCT {text} FROM {TABLE} WHERE {text} IN ({listed}) ORDER BY 1"  # noqa: S608
        )
        shown = ", ".join(f"'{mark}'" for (mark,) in rows)
        are = "value is a mark" if count == 1 else "values are marks"
        counted = "counts" if count == 1 else "count"
        notes.append(
            f"`{name}`: {count:,} {are} for a missing one in other columns of this table ({shown})"
            f" and {counted} as missing."
        )
    if values:
        replaced = ", ".join(values)
        database.rows(f"CREATE TABLE {CONVERTED} AS SELECT * REPLACE ({replaced}) FROM {TABLE}")  # noqa: S608
        database.rows(f"DROP TABLE {TABLE}")
        database.rows(f"ALTER TABLE {CONVERTED} RENAME TO {TABLE}")
    return notes


def _are_codes(database: Database, name: str, marks: Sequence[str]) -> bool:
    """Say whether a mark in a column is a code as most others are: NA beside US, or beside EMEA.

    Small letters make words of any length, so only as many as the mark has are taken for a code.
    """
    forms = [
        "[A-Z]{2,5}" if mark.isupper() else f"[a-z]{{{len(mark)}}}"
        for mark in marks
        if mark.isalpha()
    ]
    if not forms:
        return False
    listed, text = ", ".join(map(literal, marks)), text_of(name)
    codes, others = counts(
        database,
        f"SELECT DISTINCT {text} AS t FROM {TABLE} WHERE {text} NOT IN ({listed})",  # noqa: S608
        [f"{matches('t', '|'.join(forms))} AND lower(t) NOT IN ('yes', 'no')", "true"],
    )
    return 2 * codes > others


def remarks(database: Database, cells: Cells, what: str, *, plain: bool) -> list[str]:
    """Say how a column of text was read and which of its values count as missing.

    Args:
        database: Holds the table, and :data:`CONVERTED`, row by row what its values were read as.
        cells: The column.
        what: What it was read as.
        plain: Whether this reading needs no word when every value fits.
    """
    name = f"`{cells.name}`"
    stray = _unread(database, cells, f"NOT {is_mark('t')}")
    marks = _unread(database, cells, is_mark("t"))
    said = []
    if stray[0]:
        are = "value is" if stray[0] == 1 else "values are"
        count = "counts" if stray[0] == 1 else "count"
        said.append(
            f"{name} was read as {what}; {stray[0]:,} {are} something else ({stray[1]}) and"
            f" {count} as missing."
        )
    elif not plain:
        said.append(f"{name} was read as {what}.")
    if marks[0]:
        are = "value of {} is a mark" if marks[0] == 1 else "values of {} are marks"
        count = "counts" if marks[0] == 1 else "count"
        said.append(
            f"{marks[0]:,} {are.format(name)} for a missing one ({marks[1]}) and {count} as"
            " missing."
        )
    return said


def _unread(database: Database, cells: Cells, condition: str) -> tuple[int, str]:
    """Return how many texts that meet a condition gave no value, and the most frequent ones."""
    found = database.rows(
        f"SELECT t, count(*), CAST(sum(count(*)) OVER () AS BIGINT)"  # noqa: S608
        f" FROM (SELECT {cells.text} AS t FROM {TABLE})"
        f" POSITIONAL JOIN (SELECT {quoted(cells.name)} AS v FROM {CONVERTED})"
        f" WHERE v IS NULL AND t IS NOT NULL AND {condition}"
        f" GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {SHOWN}"
    )
    if not found:
        return 0, ""
    return int(str(found[0][2])), ", ".join(f"'{str(text)[:30]}'" for text, *_ in found)
