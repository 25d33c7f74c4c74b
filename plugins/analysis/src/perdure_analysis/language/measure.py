"""Choosing the number that a report follows."""

import re
from typing import Final

from perdure_analysis.facts import Column, Columns, Measure

_AMOUNTS: Final = re.compile(
    r"revenue|sales|turnover|amount|total|income|profit|cost|spend|expense|quantity|qty|units"
    r"|count|volume|visits|clicks|orders|hours|consumption|production|downloads|payment",
    re.IGNORECASE,
)
_MONEY: Final = re.compile(r"revenue|sales|turnover|amount|total|income|profit", re.IGNORECASE)
# What is given to things, not counted: "how many grades" asks for their number.
_GRADES: Final = re.compile(r"grade|mark|star|rank|point|degree|year|class|size|number|code|value")
_LEVELS: Final = re.compile(
    r"rate|ratio|percent|pct|share|price|mean|average|avg|median|score|rating|age|temp|index"
    r"|level|lat|lon|speed|per_|discount",
    re.IGNORECASE,
)


def choose_measure(columns: Columns, description: str) -> Measure | None:
    """Choose the number to follow: one that the goal names, else one named like an amount.

    Args:
        columns: The table's columns.
        description: The goal in words.

    Returns:
        ``None`` when no column holds numbers.
    """
    numbers = [column for column in columns.of("number") if column.distinct > 1]
    if not numbers:
        return None
    asked = [column for column in numbers if _named_in(column, description)]
    if asked:
        return _measure(asked[0], "the goal names it")
    amounts = [column for column in numbers if is_amount(column)]
    for pattern in (_MONEY, _AMOUNTS):
        for column in amounts:
            if pattern.search(column.name):
                return _measure(column, "it is named like an amount")
    return _measure(max(numbers, key=_spread), "its values are spread the widest")


def is_named_in(name: str, description: str) -> bool:
    """Say whether a text names a column, in the column's spelling or with blanks in it."""
    spoken = _words(name)
    return bool(spoken.strip()) and spoken in _words(description)


def _words(text: str) -> str:
    return " " + re.sub(r"[\W_]+", " ", text).strip().lower() + " "


def _named_in(column: Column, description: str) -> bool:
    return is_named_in(column.name, description)


def is_amount(column: Column) -> bool:
    """Say whether a column is named like an amount that makes sense added up."""
    return bool(_AMOUNTS.search(column.name)) and not _LEVELS.search(column.name)


def is_count_of_things(column: Column) -> bool:
    """Say whether a column holds how many of something there are: ``visitors``, ``passengers``."""
    numbers = column.numbers
    whole = "INT" in column.type and numbers is not None and numbers.minimum >= 0
    last = re.findall(r"[^\W\d_]+", column.name.lower())[-1:]
    plural = bool(last) and re.search(r"[^aius]s$|[aeo]es$", last[0]) is not None
    return whole and plural and not is_level(column) and not _GRADES.search(last[0])


def is_level(column: Column) -> bool:
    """Say whether a column is named like a level, such as a price, of which no sum is meant."""
    return bool(_LEVELS.search(column.name))


def _measure(column: Column, why: str) -> Measure:
    return Measure(column=column.name, additive=is_amount(column), why=why)


def _spread(column: Column) -> float:
    numbers = column.numbers
    if numbers is None or not numbers.standard_deviation:
        return 0.0
    return numbers.standard_deviation / (abs(numbers.mean) or 1.0)
