"""Lengths of time and amounts of money as people read them: what is unknown as unknown."""

from datetime import UTC, datetime
from typing import Final

UNKNOWN: Final = "unknown"
_LENGTHS: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def duration(seconds: float | None) -> str:
    """Return a length of time in one or two units, such as ``0.2 s``, ``41 s``, ``3 min 12 s``."""
    if seconds is None:
        return UNKNOWN
    if seconds < 9.95:
        return f"{max(seconds, 0.0):.1f} s" if seconds >= 0.05 else f"{max(seconds, 0.0):.2f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")]
    first = next(index for index, (length, _) in enumerate(units) if whole >= length)
    (length, unit), (next_length, next_unit) = units[first], units[first + 1]
    rest = whole % length // next_length
    return f"{whole // length} {unit}" + (f" {rest} {next_unit}" if rest else "")


def age(time: datetime | None, now: datetime | None = None) -> str:
    """Return how long a time is past, or ahead, in one unit: ``41 s``, ``18 min``, ``3 d``."""
    if time is None:
        return UNKNOWN
    seconds = abs(((now or datetime.now(UTC)) - time).total_seconds())
    for length, unit in _LENGTHS:
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def money(dollars: float | None) -> str:
    """Return an amount of US dollars; of less than a cent, the first two digits."""
    if dollars is None:
        return UNKNOWN
    if 0 < abs(dollars) < 0.01:
        digits = f"{dollars:.2g}"
        return f"${dollars:.6f}".rstrip("0") if "e" not in digits else "under $0.0001"
    return f"${dollars:,.2f}"
