"""Figures as pages show them: with their unit, and what is unknown as unknown."""

from datetime import UTC, datetime
from typing import Final

from perdure.stores.spending.goal_costs import GoalCost
from perdure.timelines.figures import UNKNOWN, money

_SIZES: Final = ("B", "KB", "MB", "GB", "TB")


def utc(time: datetime | None) -> str:
    """Return a point in time, to the minute, in UTC."""
    return UNKNOWN if time is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def cost(cost: GoalCost | None) -> str:
    """Return what a goal has cost: at least so much, where some of the prices are unknown."""
    if cost is None or not cost.tokens:
        return "\u2013"  # a dash
    if cost.unpriced_tokens and not cost.dollars:
        return UNKNOWN
    return f"over {money(cost.dollars)}" if cost.unpriced_tokens else money(cost.dollars)


def count(number: float | None) -> str:
    """Return a number with its thousands set apart."""
    return UNKNOWN if number is None else f"{number:,}"


def tokens(number: int | None) -> str:
    """Return a number of tokens, such as ``48,210 tokens``."""
    return UNKNOWN if number is None else f"{number:,} token{'' if number == 1 else 's'}"


def score(value: bool | float | str | None) -> str:
    """Return a score: a number in three digits or four, yes or no, or its label."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"
    return UNKNOWN if value is None else value


def size(number: int | None) -> str:
    """Return a number of bytes in the unit that leaves few digits, such as ``1.2 MB``."""
    if number is None:
        return UNKNOWN
    value = float(number)
    for unit in _SIZES:
        if value < 999.5 or unit == _SIZES[-1]:
            return f"{value:.1f} {unit}" if unit != "B" and value < 9.95 else f"{value:.0f} {unit}"
        value /= 1_000
    raise AssertionError
