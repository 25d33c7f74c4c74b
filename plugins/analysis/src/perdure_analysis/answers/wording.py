"""The parts of answers in words: values, names of figures, conditions, groups."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from pydantic import JsonValue

from perdure_analysis.language.names import Table
from perdure_analysis.questions.queries import Condition, Figure, GroupCondition, Grouping, Query

LISTED: Final = 8
_FIGURES: Final = {
    "distinct": "number of different values",
    "sum": "total",
    "mean": "mean",
    "median": "median",
    "minimum": "smallest value",
    "maximum": "largest value",
    "deviation": "standard deviation",
    "variance": "variance",
}
_COMPARED: Final = {
    "above": "above",
    "least": "at least",
    "below": "below",
    "most": "at most",
}
_LONG: Final = 60
_LARGE: Final = 10**15


def shown(value: JsonValue) -> str:
    """Write a value: whole numbers in full, others with six digits or to the hundredth."""
    if value is None:
        return "no value"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return _decimal(value)
    flat = re.sub(r"\s+", " ", str(value))
    if flat != flat.strip() or not flat:
        flat = f"'{flat}'"
    return flat if len(flat) <= _LONG else flat[: _LONG - 1] + "…"


def _decimal(value: float) -> str:
    if value == int(value) and abs(value) < _LARGE:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.2f}"
    return f"{Decimal(f'{value:.6g}'):f}" if abs(value) >= 1e-6 else f"{value:.6g}"


def name_of(figure: Figure) -> str:
    """Write what a figure is: ``the mean of `price` ``."""
    named = f"`{figure.column}`"
    if figure.aggregate == "count":
        return f"the number of values of {named}" if figure.column else "the number of rows"
    if figure.aggregate == "share":
        return f"the share of the total of {named}" if figure.column else "the share of rows"
    if figure.aggregate == "percentile":
        return f"the {figure.percent * 100:g}th percentile of {named}"
    return f"the {_FIGURES[figure.aggregate]} of {named}"


def where(conditions: Sequence[Condition], table: Table) -> str:
    """Write conditions: `` where `region` is 'West' and …``; nothing where there are none."""
    if not conditions:
        return ""
    return " where " + " and ".join(said(one, table) for one in conditions)


def said(condition: Condition, table: Table) -> str:
    """Write a condition in words."""
    name, comparison = f"`{condition.column}`", condition.comparison
    if comparison in {"missing", "present"}:
        return f"{name} is {'' if comparison == 'missing' else 'not '}missing"
    if comparison == "within":
        return f"{name} is {_span(*condition.values)}"
    values = [
        one if table.is_number(condition.column) else f"'{shown(one).strip(chr(39))}'"
        for one in condition.values
    ]
    compared = comparison if comparison in {"is", "is not"} else f"is {_COMPARED[comparison]}"
    return f"{name} {compared} {' or '.join(values)}"


def which_groups(query: Query, table: Table) -> str:
    """Write the conditions on groups: ``of which the mean of `price` is above 20``."""
    parts = [f"of which {having_said(one)}" for one in query.having]
    parts += [f"without a row where {said(one, table)}" for one in query.none]
    return " and ".join(parts)


def having_said(condition: GroupCondition) -> str:
    """Write a condition on a figure of groups in words."""
    compared = _COMPARED.get(condition.comparison, "")
    return " ".join(filter(None, (name_of(condition.figure), "is", compared, condition.value)))


def ordinal(number: int) -> str:
    """Write a place: ``2nd``."""
    teen = number // 10 % 10 == 1
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _span(first: str, last: str) -> str:
    if first and last:
        return first if first == last else f"from {first} to {last}"
    return f"{first} or later" if first else f"{last} or earlier"


def groups_said(groups: Sequence[Grouping]) -> str:
    """Write what is grouped by: `` `region` and month``."""
    names = [f"`{one.column}`" if one.unit is None else one.unit for one in groups]
    return " and ".join(names)


def groups_counted(groups: Sequence[Grouping]) -> str:
    """Write what groups are, to be counted: ``values of `region` ``, ``months``."""
    names = [f"values of `{one.column}`" if one.unit is None else f"{one.unit}s" for one in groups]
    return " and ".join(names)


def key_said(result_row: Sequence[JsonValue], groups: Sequence[Grouping]) -> str:
    """Write the group that a row is of."""
    keys = [
        shown(value).partition(" ")[2] if one.unit == "weekday" else shown(value)
        for value, one in zip(result_row, groups, strict=False)
    ]
    return ", ".join(keys)


def list_of(
    rows: Sequence[Sequence[JsonValue]], groups: Sequence[Grouping], place: int, unit: str = ""
) -> str:
    """Write the first rows: each group, and the value at a place of its row."""
    parts = [f"{key_said(row, groups)} {shown(row[place])}{unit}" for row in rows[:LISTED]]
    rest = len(rows) - LISTED
    return ", ".join(parts) + (f" and {rest:,} more in the table" if rest > 0 else "")


def rest_of(rows: Sequence[Sequence[JsonValue]]) -> str:
    """Say how many rows are not listed; nothing where all are."""
    rest = len(rows) - LISTED
    return f" and {rest:,} more in the table" if rest > 0 else ""
