"""How counts, cells and text are written for people and in Markdown."""

import re
from collections.abc import Iterable
from typing import Final

_BLANKS: Final = re.compile(r"\s+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ufffe\uffff]")
_SPECIAL: Final = re.compile(r"([\\`*\[\]<>]|(?<!\w)_|_(?!\w))")
_LINE_START: Final = re.compile(r"^(#{1,6}(?=\s|$)|[-+](?=\s)|=+$|-{3,}$|\d+(?=[.)]\s))")


def counted(count: int, one: str) -> str:
    """Write a count and its noun: ``1 row``, ``1,200 rows``."""
    return f"{count:,} {one if count == 1 else one + 's'}"


def flat(text: str) -> str:
    """Return text on one line, without control characters and with single blanks."""
    return _BLANKS.sub(" ", _CONTROL.sub("", text)).strip()


def escaped(text: str) -> str:
    """Write text so that Markdown shows it as it is."""
    text = _SPECIAL.sub(r"\\\1", text)
    start = _LINE_START.match(text)
    if start is None:
        return text
    if start[0][0].isdigit():
        return f"{start[0]}\\{text[start.end() :]}"
    return f"\\{text}"


def cell(text: str) -> str:
    """Write text so that it fits a Markdown table's cell."""
    return _SPECIAL.sub(r"\\\1", flat(text)).replace("|", "\\|")


def even(rows: Iterable[Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    """Make all rows of a table equally long, and drop those and the end columns that are blank."""
    kept = [[flat(value) for value in row] for row in rows]
    kept = [row for row in kept if any(row)]
    width = max((_used(row) for row in kept), default=0)
    return tuple(tuple((row + [""] * width)[:width]) for row in kept)


def _used(row: list[str]) -> int:
    return max((place for place, value in enumerate(row, 1) if value), default=0)
