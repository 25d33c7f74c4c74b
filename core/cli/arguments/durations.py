"""Durations on the command line: ``90s``, ``15m``, ``6h``, ``2d``."""

import re
from typing import Any, Final

import click

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Duration(click.ParamType[int]):
    """How long, in whole seconds, minutes, hours or days."""

    name = "duration"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> int:
        """Return it in seconds."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d{1,9})([smhd])", value)
        if found is None:
            self.fail(
                f"{value!r} is no duration: write it like 90s, 15m, 6h or 2d", parameter, context
            )
        return int(found[1]) * _UNITS[found[2]]
