"""Describing every column on its own."""

import re
from typing import Final

from perdure_analysis.database import TABLE, Database, Row, quoted
from perdure_analysis.facts import (
    Bin,
    Column,
    Columns,
    Dates,
    Kind,
    Numbers,
    Outlier,
    Source,
    Texts,
    ValueCount,
)
from perdure_analysis.table_session import TableSession

TOP: Final = 15
_EXTREMES: Final = 5
_BINS: Final = 24
_CATEGORY_VALUES: Final = 50
_CELL: Final = 60
_LARGEST: Final = "1e100"  # the squares of larger numbers overflow when there are many
_NUMBER_TYPES: Final = re.compile(r"^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*)$")
_DATE_TYPES: Final = re.compile(r"^(DATE|TIMESTAMP.*)$")
_ROLES: Final[dict[re.Pattern[str], Kind]] = {
    re.compile(r"^BOOLEAN$"): "boolean",
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


def significant(value: object) -> float:
    """Return a number rounded to ten significant digits."""
    return float(f"{float(str(value)):.10g}")


def finite(column: str) -> str:
    """Return SQL for a column's numbers below 1e100 as DOUBLE; NULL for all else."""
    number = f"CAST({quoted(column)} AS DOUBLE)"
    return f"CASE WHEN abs({number}) < {_LARGEST} THEN {number} END"


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
    held, distinct = (
        int(str(count))
        for count in database.row(f"SELECT count({value}), count(DISTINCT {value}) FROM {TABLE}")  # noqa: S608
    )
    role = _role(database, name, kind, held, distinct)
    repeats = role in {"category", "boolean", "text"} and distinct < held
    return Column(
        name=name,
        type=kind if len(kind) <= _CELL else kind[: _CELL - 1] + "…",
        kind=role,
        count=held,
        missing=rows - held,
        distinct=distinct,
        top=_top(database, value, held) if repeats else (),
        numbers=_numbers(database, name, rows) if role == "number" else None,
        dates=_dates(database, value) if role == "date" else None,
        texts=_texts(database, value) if kind == "VARCHAR" and held else None,
    )


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
        spaced = database.whole(
            f"SELECT count(*) FROM {TABLE} WHERE contains(trim({quoted(name)}), ' ')"  # noqa: S608
        )
        if spaced == 0:
            return "identifier"
    return "text" if distinct > held // 2 else "category"


def _top(database: Database, value: str, held: int) -> tuple[ValueCount, ...]:
    found = database.rows(
        f"SELECT {shown('v')}, c FROM (SELECT {value} AS v, count(*) AS c FROM {TABLE}"  # noqa: S608
        f" WHERE {value} IS NOT NULL GROUP BY 1) ORDER BY c DESC, CAST(v AS VARCHAR) LIMIT {TOP}"
    )
    return tuple(
        ValueCount(
            value=str(text), count=int(str(count)), share=significant(int(str(count)) / held)
        )
        for text, count in found
    )


def _numbers(database: Database, name: str, rows: int) -> Numbers:
    value = finite(name)
    low, lower, median, mean, upper, high, total, deviation, zeros, negatives = database.row(
        "SELECT min(v), quantile_cont(v, 0.25), quantile_cont(v, 0.5), avg(v),"  # noqa: S608
        " quantile_cont(v, 0.75), max(v), sum(v), stddev_samp(v), count(*) FILTER (v = 0),"
        f" count(*) FILTER (v < 0) FROM (SELECT {value} AS v FROM {TABLE})"
    )
    first, third = float(str(lower)), float(str(upper))
    reach = 1.5 * (third - first)
    outliers: int | None = None
    extremes: tuple[Outlier, ...] = ()
    if reach > 0:
        outliers, extremes = _outliers(database, value, first - reach, third + reach)
    bins, beyond = _histogram(
        database,
        value,
        max(float(str(low)), first - 2 * reach),
        min(float(str(high)), third + 2 * reach),
    )
    return Numbers(
        minimum=significant(low),
        lower_quartile=significant(lower),
        median=significant(median),
        mean=significant(mean),
        upper_quartile=significant(upper),
        maximum=significant(high),
        standard_deviation=None if deviation is None else significant(deviation),
        total=significant(total),
        zeros=int(str(zeros)),
        negatives=int(str(negatives)),
        lower_fence=significant(first - reach),
        upper_fence=significant(third + reach),
        outliers=outliers,
        extremes=extremes,
        not_finite=rows
        - database.whole(f"SELECT count(*) FROM {TABLE} WHERE {quoted(name)} IS NULL")  # noqa: S608
        - database.whole(f"SELECT count({value}) FROM {TABLE}"),  # noqa: S608
        bins=bins,
        beyond_bins=beyond,
    )


def _outliers(
    database: Database, value: str, low: float, high: float
) -> tuple[int, tuple[Outlier, ...]]:
    beyond = f"FROM (SELECT rowid + 1 AS r, {value} AS v FROM {TABLE}) WHERE v < ? OR v > ?"  # noqa: S608
    count = database.whole(f"SELECT count(*) {beyond}", (low, high))
    middle = (low + high) / 2
    found: list[Row] = database.rows(
        f"SELECT r, v {beyond} ORDER BY abs(v - ?) DESC, r LIMIT {_EXTREMES}", (low, high, middle)
    )
    return count, tuple(
        Outlier(row=int(str(row)), value=significant(number)) for row, number in found
    )


def _histogram(
    database: Database, value: str, low: float, high: float
) -> tuple[tuple[Bin, ...], int]:
    """Count values in bars of a round width, such as 0.5, 2 or 20; whole numbers in the middle."""
    if not 0 < high - low < float("inf"):
        return (), 0
    width = _round_width((high - low) / _BINS)
    start = width * (low // width)
    if width <= 1 and _are_whole(database, value):
        width, start = 1.0, low - 0.5
    last = int((high - start) / width)
    counted = {
        int(str(number)): int(str(count))
        for number, count in database.rows(
            f"SELECT least(CAST(floor((v - ?) / ?) AS BIGINT), ?) AS b, count(*)"  # noqa: S608
            f" FROM (SELECT {value} AS v FROM {TABLE}) WHERE v BETWEEN ? AND ? GROUP BY 1",
            (start, width, last, low, high),
        )
    }
    bins = tuple(
        Bin(
            low=significant(start + number * width),
            high=significant(start + (number + 1) * width),
            count=counted.get(number, 0),
        )
        for number in range(last + 1)
    )
    held = database.whole(f"SELECT count({value}) FROM {TABLE}")  # noqa: S608
    return bins, held - sum(counted.values())


def _are_whole(database: Database, value: str) -> bool:
    return not database.whole(f"SELECT count(*) FROM {TABLE} WHERE {value} <> trunc({value})")  # noqa: S608


def _round_width(width: float) -> float:
    power = 10.0 ** (len(str(int(width))) - 1) if width >= 1 else 1.0
    while power > width:
        power /= 10
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= width)


def _dates(database: Database, value: str) -> Dates:
    earliest, latest = database.row(
        f"SELECT CAST(min({value}) AS VARCHAR), CAST(max({value}) AS VARCHAR) FROM {TABLE}"  # noqa: S608
    )
    return Dates(earliest=str(earliest), latest=str(latest))


def _texts(database: Database, value: str) -> Texts:
    shortest, mean, longest = database.row(
        f"SELECT min(length({value})), avg(length({value})), max(length({value})) FROM {TABLE}"  # noqa: S608
    )
    variants = database.rows(
        f"SELECT list({shown('v')} ORDER BY c DESC, v) FROM (SELECT {value} AS v, count(*) AS c"  # noqa: S608
        f" FROM {TABLE} WHERE {value} IS NOT NULL GROUP BY 1) GROUP BY lower(trim(v))"
        f" HAVING count(*) > 1 ORDER BY sum(c) DESC, lower(trim(any_value(v))) LIMIT {TOP}"
    )
    return Texts(
        shortest=int(str(shortest)),
        mean_length=significant(mean),
        longest=int(str(longest)),
        variants=tuple(_strings(group) for (group,) in variants),
    )


def _strings(group: object) -> tuple[str, ...]:
    return tuple(str(value) for value in group) if isinstance(group, list) else ()
