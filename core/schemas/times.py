"""Times in requests."""

import re
from typing import Final

from pydantic import BeforeValidator

_NUMBER: Final = re.compile(r"\s*[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?\s*")


def _is_written_out(time: object) -> object:
    """Refuse a number, which could be seconds as well as milliseconds of an epoch."""
    if isinstance(time, int | float) or (isinstance(time, str) and _NUMBER.fullmatch(time)):
        raise ValueError("write the time out, as 2026-01-31T12:00:00Z")
    return time


WrittenOut: Final = BeforeValidator(_is_written_out)
