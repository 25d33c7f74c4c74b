"""How numbers and names are written for people."""

import re
from typing import Final

from perdure_analysis.facts import Numbers

_UNITS: Final = ("bytes", "KB", "MB", "GB", "TB")
_LARGE: Final = 1e15
_THOUSAND: Final = 1000


def number(value: float | None) -> str:
    """Write a number with at most four significant digits, whole ones in full."""
    if value is None:
        return "-"
    if value == int(value) and abs(value) < _LARGE:
        return f"{int(value):,}"
    if abs(value) >= _LARGE or abs(value) < 1e-4:
        return f"{value:.3e}"
    if abs(value) >= _THOUSAND:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def expected(numbers: Numbers) -> str:
    """Write the range that outliers lie beyond, without a fence that no value comes near."""
    if numbers.lower_fence < numbers.minimum:
        return f"up to {number(numbers.upper_fence)}"
    if numbers.upper_fence > numbers.maximum:
        return f"from {number(numbers.lower_fence)}"
    return f"{number(numbers.lower_fence)} to {number(numbers.upper_fence)}"


def share(value: float) -> str:
    """Write a share as a percentage, never rounding something to nothing or to everything."""
    percent = value * 100
    if 0 < percent < 0.1:
        return "<0.1 %"
    if 99.9 < percent < 100:
        return ">99.9 %"
    return f"{percent:.1f}".removesuffix(".0") + " %"


def counted(count: int, one: str, more: str | None = None) -> str:
    """Write a count and its noun: ``1 row``, ``1,200 rows``."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def size(count: int) -> str:
    """Write a number of bytes."""
    amount, unit = float(count), 0
    while amount >= _THOUSAND and unit < len(_UNITS) - 1:
        amount, unit = amount / _THOUSAND, unit + 1
    return f"{number(round(amount, 1))} {_UNITS[unit]}"


def listed(words: list[str], at_most: int = 4) -> str:
    """Write words as ``a, b and c``, or ``a, b and 5 more``."""
    if len(words) > at_most:
        kept = words[: at_most - 1]
        return f"{', '.join(kept)} and {len(words) - len(kept)} more"
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def code(text: str) -> str:
    """Write a name or value as Markdown code that also fits a table's cell."""
    flat = re.sub(r"\s+", " ", text).replace("`", "'").replace("|", "\\|")
    return f"`{flat}`"


def cell(text: str, *, edges: bool = False) -> str:
    """Write any text so that it fits a Markdown table's cell and is not taken for mark-up.

    Args:
        text: The text.
        edges: Whether blanks at its ends stay, for a piece of a sentence.
    """
    flat = re.sub(r"\s+", " ", text)
    if edges:
        return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", flat)
    flat = flat.strip()
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", flat) or "(blank)"
