"""Describing a column of numbers: quartiles, outliers, histogram."""

from decimal import Decimal
from typing import Final

from perdure_analysis.database.connection import TABLE, Database, Row, quoted
from perdure_analysis.database.exactness import (
    DOUBLE,
    decimals_of,
    exact,
    finite,
    rounded,
    settled,
    significant,
)
from perdure_analysis.facts import Bin, Number, Numbers, Outlier

_EXTREMES: Final = 5
_BINS: Final = 24


def describe_numbers(database: Database, name: str, kind: str, rows: int) -> Numbers:
    """Describe a column of numbers, or of durations in seconds.

    Args:
        database: Holds the table.
        name: The column.
        kind: Its DuckDB type.
        rows: How many rows the table has.
    """
    value = f"CAST(epoch({quoted(name)}) AS DOUBLE)" if kind == "INTERVAL" else finite(name)
    decimals = decimals_of(database, name, kind, rows)
    low, lower, median, upper, mean, high, total, deviation, zeros, negatives, held = database.row(
        "SELECT min, q[1], q[2], q[3], * EXCLUDE (min, q) FROM (SELECT min(v) AS min,"  # noqa: S608
        " quantile_cont(v, [0.25, 0.5, 0.75]) AS q, avg(v), max(v), sum(v), stddev_samp(v),"
        " count(*) FILTER (v = 0), count(*) FILTER (v < 0), count(v)"
        f" FROM (SELECT {value} AS v FROM {TABLE}))"
    )
    first, third = float(str(lower)), float(str(upper))
    reach = 1.5 * (third - first)
    outliers: int | None = None
    extremes: tuple[Outlier, ...] = ()
    if reach > 0:
        own = value if decimals is None else exact(name, decimals)
        outliers, extremes = _outliers(database, value, own, first - reach, third + reach)
    bins, beyond = _histogram(
        database,
        value,
        max(float(str(low)), first - 2 * reach),
        min(float(str(high)), third + 2 * reach),
    )
    numbers = Numbers(
        minimum=float(str(low)),
        lower_quartile=rounded(lower),
        median=rounded(median),
        mean=significant(mean),
        upper_quartile=rounded(upper),
        maximum=float(str(high)),
        standard_deviation=None if deviation is None else significant(deviation),
        total=significant(total),
        zeros=int(str(zeros)),
        negatives=int(str(negatives)),
        lower_fence=rounded(first - reach),
        upper_fence=rounded(third + reach),
        outliers=outliers,
        extremes=extremes,
        not_finite=rows
        - database.whole(f"SELECT count(*) FROM {TABLE} WHERE {quoted(name)} IS NULL")  # noqa: S608
        - int(str(held)),
        bins=bins,
        beyond_bins=beyond,
        decimals=decimals,
    )
    return numbers if decimals is None else _exactly(database, name, decimals, numbers)


def _exactly(database: Database, name: str, decimals: int, numbers: Numbers) -> Numbers:
    """Return the figures that need no rounding as they are."""
    values = f"SELECT {exact(name, decimals)} AS v FROM {TABLE}"  # noqa: S608
    found = database.row(f"SELECT min(v), max(v), sum(v), count(v) FROM ({values})")  # noqa: S608
    low, high, total, held = (Decimal(str(value)) for value in found)
    update: dict[str, object] = {
        "minimum": settled(low),
        "maximum": settled(high),
        "total": settled(total),
        "mean": float(total / held),
        "exact": {
            field: format(value, "f")
            for field, value in (("minimum", low), ("maximum", high), ("total", total))
            if Decimal(repr(settled(value))) != value
        },
    }
    # As doubles, numbers this long would be rounded before their quartiles are found.
    if max(abs(low), abs(high)) * 10**decimals >= DOUBLE:
        beyond = f"CAST(v - CAST('{low}' AS DECIMAL(38, {decimals})) AS DOUBLE)"
        quartiles = database.row(
            f"SELECT quantile_cont(d, 0.25), quantile_cont(d, 0.5), quantile_cont(d, 0.75)"  # noqa: S608
            f" FROM (SELECT {beyond} AS d FROM ({values}))"
        )
        fields = ("lower_quartile", "median", "upper_quartile")
        update |= {
            field: _plain(low + Decimal(str(rounded(value))))
            for field, value in zip(fields, quartiles, strict=True)
        }
        update["mean"] = _plain(total / held)
    return numbers.model_copy(update=update)


def _plain(value: Decimal) -> Number:
    return int(value) if value == value.to_integral_value() else float(value)


def _outliers(
    database: Database, value: str, own: str, low: float, high: float
) -> tuple[int, tuple[Outlier, ...]]:
    beyond = (
        f"FROM (SELECT rowid + 1 AS r, {value} AS v, {own} AS own FROM {TABLE})"  # noqa: S608
        " WHERE v < ? OR v > ?"
    )
    count = database.whole(f"SELECT count(*) {beyond}", (low, high))
    middle = (low + high) / 2
    found: list[Row] = database.rows(
        f"SELECT r, own {beyond} ORDER BY abs(v - ?) DESC, r LIMIT {_EXTREMES}", (low, high, middle)
    )
    return count, tuple(
        Outlier(
            row=int(str(row)),
            value=settled(number) if isinstance(number, Decimal) else float(str(number)),
        )
        for row, number in found
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
            low=rounded(start + number * width),
            high=rounded(start + (number + 1) * width),
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
