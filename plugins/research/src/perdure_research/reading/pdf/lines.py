# ruff: noqa: RUF001 -- other quotation marks and dashes are meant here
"""Putting the lines of a PDF page together again: paragraphs and headings, by size and place."""

import re
from itertools import pairwise
from statistics import median
from typing import Final

from pydantic import BaseModel

from perdure_research.reading.reading import TextBuilder
from perdure_research.sources.source import Form

_ITEM: Final = re.compile(
    r"(?:[-•▪◦–·\uf0b7]|\d{1,3}[.)]|\(\d{1,3}\)|[a-zA-Z]\)|\([a-zA-Z]\)|\[[\w.+-]{1,12}\])\s+\S"
)
_SENTENCE_END: Final = re.compile(r"[.!?:;…]['\"”’)]*$")
_HEADING_SIZE: Final = 1.12
_HEADING_CHARACTERS: Final = 120
_GAP: Final = 1.45
_SHORT: Final = 0.8


class Line(BaseModel):
    """A line of a page.

    Attributes:
        text: Its characters, without a hyphen at its end that joins it to the next.
        hyphen: Whether there was one.
        size: Size of its first character, in points.
        left: Where it begins, in points from the page's left edge.
        right: Where it ends.
        top: How high it stands, in points from the page's lower edge.
    """

    text: str
    hyphen: bool = False
    size: float = 0
    left: float = 0
    right: float = 0
    top: float = 0


def add_page(
    lines: list[Line], page: int, heading: tuple[str, ...], builder: TextBuilder
) -> tuple[str, ...]:
    """Add a page's paragraphs, list items and headings; return the heading that holds at its end.

    Args:
        lines: In reading order.
        page: Its number, from 1.
        heading: The heading that holds at its beginning.
        builder: Takes the blocks.
    """
    if not lines:
        return heading
    body = _body_size(lines)
    pitch = _pitch(lines)
    reach = max(line.right for line in lines)
    text, before, in_heading = "", None, False
    for line in lines:
        large = line.size > body * _HEADING_SIZE and len(line.text) <= _HEADING_CHARACTERS
        begins = before is None or large != in_heading or _begins(before, line, pitch, reach)
        if begins and text:
            heading = _close(text, in_heading, page, heading, builder)
            text = ""
        text += line.text if not text else ("" if before and before.hyphen else "\n") + line.text
        before, in_heading = line, large
    return _close(text, in_heading, page, heading, builder)


def _close(
    text: str, is_heading: bool, page: int, heading: tuple[str, ...], builder: TextBuilder
) -> tuple[str, ...]:
    if is_heading:
        builder.add(text, "heading", page=page)
        return (" ".join(text.split()),)
    form: Form = "item" if _ITEM.match(text) else "paragraph"
    builder.add(text, form, heading=heading, page=page)
    return heading


def _begins(before: Line, line: Line, pitch: float, reach: float) -> bool:
    """Say whether a line begins a paragraph."""
    if before.hyphen:
        return False
    if _ITEM.match(line.text) or abs(line.size - before.size) > 1:
        return True
    gap = before.top - line.top
    if pitch and (gap > pitch * _GAP or gap < -pitch):
        return True
    ends_early = before.right < reach * _SHORT
    return ends_early and (
        bool(_SENTENCE_END.search(before.text))
        or (line.text[:1].isupper() and line.left < reach / 2)
    )


def _body_size(lines: list[Line]) -> float:
    """Return the size in which most characters are set."""
    characters: dict[float, int] = {}
    for line in lines:
        characters[line.size] = characters.get(line.size, 0) + len(line.text)
    return max(characters, key=lambda size: (characters[size], -size))


def _pitch(lines: list[Line]) -> float:
    """Return the usual distance from line to line; 0 when a page has one line."""
    gaps = [first.top - second.top for first, second in pairwise(lines)]
    down = [gap for gap in gaps if gap > 0]
    return median(down) if down else 0
