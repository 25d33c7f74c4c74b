"""Until when people may answer: for so long, until a time of day, or until a day and time."""

import re
from datetime import datetime, time, timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION: Final = re.compile(r"(\d{1,6})([smhd])")
# As RFC 3339 writes them; the seconds may be left out, the offset from UTC may not.
_CLOCK: Final = r"\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})"
_TIME_OF_DAY: Final = re.compile(_CLOCK)
_MOMENT: Final = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}[T ]{_CLOCK}")
_FORMS: Final = "write it as 30m, 4h or 2d, as 17:00+01:00, or as 2030-12-01T17:00:00+01:00"

ExpiryValue = timedelta | datetime | time


def _expiry(value: object) -> object:
    if isinstance(value, ExpiryValue):
        return value
    text = value.strip() if isinstance(value, str) else ""
    try:
        found = _read(text)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"there is no such time: {_FORMS}") from error
    if found is None:
        raise ValueError(_FORMS)
    return found


def _read(text: str) -> ExpiryValue | None:
    parts = _DURATION.fullmatch(text)
    if parts is not None and int(parts[1]) > 0:
        return timedelta(**{_UNITS[parts[2]]: int(parts[1])})
    if _TIME_OF_DAY.fullmatch(text):
        return time.fromisoformat(text)
    return datetime.fromisoformat(text) if _MOMENT.fullmatch(text) else None


Expiry = Annotated[ExpiryValue, BeforeValidator(_expiry)]


def time_left(expiry: ExpiryValue, at: datetime) -> timedelta:
    """Return how long people have to answer what they are asked at a time.

    Args:
        expiry: Until when they may; a time of day is the next one of these.
        at: When they are asked.

    Returns:
        None, or less, where it is over.
    """
    if isinstance(expiry, timedelta):
        return expiry
    if isinstance(expiry, datetime):
        return expiry - at
    until = datetime.combine(at.astimezone(expiry.tzinfo).date(), expiry)
    if until <= at:
        until += timedelta(days=1)
    return until - at


def expiry_text(expiry: ExpiryValue) -> str:
    """Return until when people may answer, such as ``within 4:00:00``."""
    return f"within {expiry}" if isinstance(expiry, timedelta) else f"until {expiry.isoformat()}"
