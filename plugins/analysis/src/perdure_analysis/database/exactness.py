"""Figures of a column of numbers, exact where its values can be written with few enough digits."""

import re
from decimal import Decimal
from typing import Final

from perdure_analysis.database.connection import TABLE, Database, quoted
from perdure_analysis.facts import Column, Number

_LARGEST: Final = "1e100"  # the squares of larger numbers overflow when there are many
_FIRST: Final = 2_000
_DIGITS: Final = 38  # of DuckDB's widest DECIMAL
DOUBLE: Final = Decimal(10) ** 15  # a double holds every number of that many digits
_INTEGER: Final = re.compile(r"INT(EGER)?$")
_DECIMAL: Final = re.compile(r"^DECIMAL\(\d+,\s*(\d+)\)$")


def significant(value: object) -> float:
    """Return a number rounded to ten significant digits."""
    return float(f"{float(str(value)):.10g}")


def rounded(value: object) -> float:
    """Return a number rounded to fifteen significant digits: what a double surely holds."""
    return float(f"{float(str(value)):.15g}")


def settled(value: object) -> Number:
    """Return a sum or mean: as it is where it was added up exactly, else to ten digits.

    A sum of binary fractions depends on the order in which threads add them up; an exact one
    comes as a whole number or a decimal.
    """
    if isinstance(value, int):
        return value
    if isinstance(value, Decimal):
        near = float(value)
        whole = value.as_tuple().exponent == 0 or Decimal(repr(near)) != value
        return int(value) if whole and value == value.to_integral_value() else near
    return significant(value)


def finite(column: str) -> str:
    """Return SQL for a column's numbers below 1e100 as DOUBLE; NULL for all else."""
    number = f"CAST({quoted(column)} AS DOUBLE)"
    return f"CASE WHEN abs({number}) < {_LARGEST} THEN {number} END"


def addable(column: Column) -> str:
    """Return SQL for a column's numbers to add up: exact where that is possible."""
    decimals = None if column.numbers is None else column.numbers.decimals
    return finite(column.name) if decimals is None else exact(column.name, decimals)


def exact(name: str, decimals: int) -> str:
    """Return SQL for a column's finite numbers with so many digits after the point."""
    return (
        f"CASE WHEN {finite(name)} IS NOT NULL"
        f" THEN CAST({quoted(name)} AS DECIMAL({_DIGITS}, {decimals})) END"
    )


def decimals_of(database: Database, name: str, kind: str, rows: int) -> int | None:
    """Return how many digits after the point hold every number, and their sum, exactly.

    Returns:
        ``None`` where there is no such number: measurements with binary fractions, or numbers too
        large to be added up.
    """
    declared = _DECIMAL.match(kind)
    if declared is None and not _INTEGER.search(kind) and kind != "DOUBLE":
        return None
    value = quoted(name)
    if kind != "DOUBLE":
        low, high = database.row(f"SELECT min({value}), max({value}) FROM {TABLE}")  # noqa: S608
        decimals = int(declared[1]) if declared else 0
        largest = max(abs(Decimal(str(low))), abs(Decimal(str(high))))
        return decimals if largest * rows < Decimal(10) ** (_DIGITS - decimals) else None
    # Measurements show in their first values that they have no particular number of digits.
    first = _digits_of_doubles(database, name, f"(FROM {TABLE} LIMIT {_FIRST})")
    return None if first is None else _digits_of_doubles(database, name, TABLE)


def _digits_of_doubles(database: Database, name: str, rows: str) -> int | None:
    text = f"CAST({finite(name)} AS VARCHAR)"
    odd, places, high = database.row(
        f"SELECT count(*) FILTER (contains({text}, 'e')),"  # noqa: S608
        f" max(length(rtrim(split_part({text}, '.', 2), '0'))), max(abs({finite(name)}))"
        f" FROM {rows}"
    )
    if odd or (high is not None and Decimal(str(high)) * 10 ** int(str(places)) >= DOUBLE):
        return None
    return int(str(places or 0))
