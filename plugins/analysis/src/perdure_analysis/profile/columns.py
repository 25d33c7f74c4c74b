"""Describing every column on its own."""

import re
from typing import Final

from perdure_analysis.database.connection import TABLE, Database, Row, quoted
from perdure_analysis.database.exactness import finite, significant
from perdure_analysis.facts import (
    Column,
    Columns,
    Dates,
    Kind,
    Source,
    Texts,
    ValueCount,
)
from perdure_analysis.language.vocabulary import YEAR_NAMES
from perdure_analysis.language.words import name_words
from perdure_analysis.profile.number_facts import describe_numbers
from perdure_analysis.table_session import TableSession

TOP: Final = 15
_CATEGORY_VALUES: Final = 50
_CELL: Final = 60
_FIRST_YEAR: Final = 1000
_LAST_YEAR: Final = 2200
_VALUES: Final = "distinct_values"
_KEY: Final = "lower(trim(v))"
_NUMBER_TYPES: Final = re.compile(r"^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*)$")
_DATE_TYPES: Final = re.compile(r"^(DATE|TIMESTAMP.*)$")
_ROLES: Final[dict[re.Pattern[str], Kind]] = {
    re.compile(r"^BOOLEAN$"): "boolean",
    re.compile(r"^TIME( WITH TIME ZONE|_NS)?$"): "time",
    re.compile(r"^INTERVAL$"): "duration",
    re.compile(r"^BLOB$"): "binary",
    _DATE_TYPES: "date",
    re.compile(r"\]$|^STRUCT|^MAP|^UNION|^JSON$|^VARIANT"): "nested",
    re.compile(r"^UUID$"): "identifier",
}
_IDENTIFIER_NAME: Final = re.compile(
    r"(^|[_\s.-])(id|uuid|guid|key|nr|no|number|code)$", re.IGNORECASE
)
_CALENDAR_NAME: Final = re.compile(
    r"(^|[_\s.-])(year|quarter|month|week|weekday|day|hour|minute)$", re.IGNORECASE
)


def describe_columns(session: TableSession, source: Source) -> Columns:
    """Describe every column of a table.

    Args:
        session: Holds the table, or loads it.
        source: Which file it is.
    """
    database, loaded = session.table(source)
    return Columns(
        columns=tuple(
            _describe(database, name, kind, loaded.rows) for name, kind in loaded.columns.items()
        )
    )


def present(column: str, kind: str) -> str:
    """Return SQL for a column's values; NULL for blank text and what is not finite."""
    if kind == "VARCHAR":
        return f"CASE WHEN trim({quoted(column)}) <> '' THEN {quoted(column)} END"
    if _NUMBER_TYPES.match(kind):
        return f"CASE WHEN {finite(column)} IS NOT NULL THEN {quoted(column)} END"
    if _DATE_TYPES.match(kind):
        return f"CASE WHEN isfinite({quoted(column)}) THEN {quoted(column)} END"
    return quoted(column)


def shown(expression: str) -> str:
    """Return SQL for a value as text of at most sixty characters."""
    return f"left(CAST({expression} AS VARCHAR), {_CELL})"


def _describe(database: Database, name: str, kind: str, rows: int) -> Column:
    value = present(name, kind)
    counted = f"SELECT count({value}), count(DISTINCT {value}) FROM {TABLE}"  # noqa: S608
    if kind == "VARCHAR":
        # Texts are expensive to compare: each value is looked at once from here on.
        database.rows(
            f"CREATE OR REPLACE TEMP TABLE {_VALUES} AS SELECT {value} AS v, count(*) AS c"  # noqa: S608
            f" FROM {TABLE} WHERE {value} IS NOT NULL GROUP BY 1"
        )
        counted = f"SELECT coalesce(sum(c), 0), count(*) FROM {_VALUES}"  # noqa: S608
    held, distinct = (int(str(count)) for count in database.row(counted))
    role = _role(database, name, kind, held, distinct)
    repeats = role in {"category", "boolean", "text"} and distinct < held
    return Column(
        name=name,
        type=kind if len(kind) <= _CELL else kind[: _CELL - 1] + "…",
        kind=role,
        count=held,
        missing=rows - held,
        distinct=distinct,
        top=_top(database, value, kind, held) if repeats else (),
        numbers=describe_numbers(database, name, kind, rows)
        if role in {"number", "duration"}
        else None,
        dates=_dates(database, value) if role in {"date", "time"} else None,
        texts=_texts(database, held) if kind == "VARCHAR" and held else None,
        years=_years(database, name, kind),
    )


def _years(database: Database, name: str, kind: str) -> tuple[int, int] | None:
    """Return the first and the last year of a column called so that holds nothing else."""
    if not YEAR_NAMES & set(name_words(name)) or not _NUMBER_TYPES.match(kind):
        return None
    year = quoted(name)
    fits = f"{year} BETWEEN {_FIRST_YEAR} AND {_LAST_YEAR} AND {year} = trunc({year})"
    figures = f"min({year}), max({year}), bool_and({fits})"
    first, last, fit = database.row(f"SELECT {figures} FROM {TABLE}")  # noqa: S608
    return (int(float(str(first))), int(float(str(last)))) if fit else None


def _role(database: Database, name: str, kind: str, held: int, distinct: int) -> Kind:
    if held == 0:
        return "empty"
    for pattern, role in _ROLES.items():
        if pattern.search(kind):
            return role
    if _NUMBER_TYPES.match(kind):
        return _role_of_numbers(database, name, kind, held, distinct)
    return _role_of_text(database, name, held, distinct)


def _role_of_numbers(database: Database, name: str, kind: str, held: int, distinct: int) -> Kind:
    if "INT" not in kind:
        return "number"
    if _CALENDAR_NAME.search(name) and distinct <= _CATEGORY_VALUES:
        return "category"
    if _IDENTIFIER_NAME.search(name):
        return "category" if distinct <= min(_CATEGORY_VALUES, held // 2) else "identifier"
    # 1, 2, 3 … without a gap counts the rows and measures nothing.
    span = database.whole(f"SELECT max({quoted(name)}) - min({quoted(name)}) + 1 FROM {TABLE}")  # noqa: S608
    return "identifier" if span == distinct == held > _CATEGORY_VALUES else "number"


def _role_of_text(database: Database, name: str, held: int, distinct: int) -> Kind:
    if distinct <= max(2, min(_CATEGORY_VALUES, held // 2)):
        return "category"
    if distinct == held or _IDENTIFIER_NAME.search(name):
        spaced = database.rows(
            f"SELECT 1 FROM {TABLE}"  # noqa: S608
            f" WHERE contains(trim(CAST({quoted(name)} AS VARCHAR)), ' ') LIMIT 1"
        )
        if not spaced:
            return "identifier"
    return "text" if distinct > held // 2 else "category"


def _top(database: Database, value: str, kind: str, held: int) -> tuple[ValueCount, ...]:
    values = _VALUES
    if kind != "VARCHAR":
        given = f"FROM {TABLE} WHERE {value} IS NOT NULL"
        values = f"(SELECT {value} AS v, count(*) AS c {given} GROUP BY 1)"
    found = database.rows(
        f"SELECT {shown('v')}, c FROM {values} ORDER BY c DESC, CAST(v AS VARCHAR) LIMIT {TOP}"  # noqa: S608
    )
    return tuple(
        ValueCount(
            value=str(text), count=int(str(count)), share=significant(int(str(count)) / held)
        )
        for text, count in found
    )


def _dates(database: Database, value: str) -> Dates:
    earliest, latest = database.row(
        f"SELECT CAST(min({value}) AS VARCHAR), CAST(max({value}) AS VARCHAR) FROM {TABLE}"  # noqa: S608
    )
    return Dates(earliest=str(earliest), latest=str(latest))


def _texts(database: Database, held: int) -> Texts:
    shortest, total, longest, changed = database.row(
        f"SELECT min(n), sum(n * c), max(n), count(*) FILTER (v <> {_KEY}) FROM"  # noqa: S608
        f" (SELECT v, c, length(v) AS n FROM {_VALUES})"
    )
    variants: list[Row] = []
    if changed:
        variants = database.rows(
            f"WITH keys AS (SELECT {_KEY} AS k, sum(c) AS s FROM {_VALUES} GROUP BY 1"  # noqa: S608
            f" HAVING count(*) > 1 ORDER BY s DESC, k LIMIT {TOP})"
            f" SELECT list({shown('v')} ORDER BY c DESC, v) FROM {_VALUES} JOIN keys ON {_KEY} = k"
            f" GROUP BY k, s ORDER BY s DESC, k"
        )
    return Texts(
        shortest=int(str(shortest)),
        mean_length=significant(int(str(total)) / held),
        longest=int(str(longest)),
        variants=tuple(_strings(group) for (group,) in variants),
    )


def _strings(group: object) -> tuple[str, ...]:
    return tuple(str(value) for value in group) if isinstance(group, list) else ()
