"""How counts, cells and text are written for people and in Markdown."""

import re
from collections.abc import Iterable
from typing import Final

_BLANKS: Final = re.compile(r"\s+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ufffe\uffff]")
_SPECIAL: Final = re.compile(r"([\\`*\[\]<>]|(?<!\w)_|_(?!\w))")
_QUALIFIED: Final = re.compile(r" (?=(?:in|nested|of|on|outside|that|with|without)\b)")
_HISSING: Final = re.compile(r"(?:s|x|z|ch|sh)$")
_CONSONANT_Y: Final = re.compile(r"[^aeiou]y$")
_LINE_START: Final = re.compile(r"^(#{1,6}(?=\s|$)|[-+](?=\s)|=+$|-{3,}$|\d+(?=[.)]\s))")


def counted(count: int, one: str) -> str:
    """Write a count and its noun: ``1 row``, ``1,200 rows``, ``2 charts without data``."""
    if count == 1:
        return f"1 {one}"
    noun = _QUALIFIED.split(one, maxsplit=1)[0]
    plural = " or ".join(map(_plural, noun.split(" or ")))
    return f"{count:,} {plural}{one.removeprefix(noun)}"


def _plural(noun: str) -> str:
    if _HISSING.search(noun):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if _CONSONANT_Y.search(noun) else f"{noun}s"


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
