"""Which lines are headings, by the document's own outline, their size and their weight."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from perdure_document.formatting import flat
from perdure_document.pdf.content import Bookmark, Line, Table
from perdure_document.pdf.paragraphs import PlacedLine

_LARGER: Final = 1.1
_MUCH_LARGER: Final = 1.2
_WORDS: Final = 20
_DEEPEST: Final = 6
_SAME_SIZE: Final = 0.3
_LETTERS: Final = re.compile(r"[\W_]+")

Style = tuple[float, bool]


class Headings:
    """Knows the level of a document's headings.

    Args:
        lines: The document's lines.
        size: The size that most of the text is set in.
        bookmarks: Its own outline.
    """

    def __init__(
        self, lines: Sequence[PlacedLine], size: float, bookmarks: Sequence[Bookmark]
    ) -> None:
        self._size = size
        self._levels = _levels([placed.line for placed in lines], size)
        self._bookmarks = {
            (one.page, _letters(one.text)): one.level for one in bookmarks if one.page
        }

    def level(self, placed: PlacedLine) -> int:
        """Return the level of the heading that a line is, from 1; 0 when it is none."""
        line = placed.line
        if known := self._bookmarks.get((placed.page, _letters(line.text))):
            return min(known, _DEEPEST)
        text = line.text.strip()
        if (
            len(text.split()) > _WORDS
            or not any(map(str.isalpha, text))
            or text.endswith((".", ";", ",", "\xad"))
            or line.fixed
        ):
            return 0
        if line.confidence < 1 and line.size < _MUCH_LARGER * self._size:
            return 0  # the size of recognised text is a guess
        return self._levels.get(style_of(line), 0)


def style_of(line: Line) -> Style:
    """Return what headings of one level have in common."""
    return round(line.size, 1), line.bold


def body_size(lines: Sequence[Line], tables: Sequence[Table]) -> float:
    """Return the size that most of the text is set in; 0 without any text."""
    weights: Counter[float] = Counter()
    for table in tables:
        weights[round(table.size, 1)] += sum(len(cell.text) for cell in table.cells)
    for line in lines:
        weights[round(line.size, 1)] += len(line.text)
    return max(weights, key=lambda size: (weights[size], size), default=0.0)


def _levels(lines: Sequence[Line], body: float) -> dict[Style, int]:
    """Give every style that headings are set in its level: the largest is 1."""
    weights: Counter[Style] = Counter()
    for line in lines:
        weights[style_of(line)] += len(line.text)
    bold = sum(weight for style, weight in weights.items() if style[1] and _is_body(style, body))
    plain = sum(
        weight for style, weight in weights.items() if not style[1] and _is_body(style, body)
    )
    whole = sum(weights.values()) if plain or bold else 0
    styles = {
        style
        for style, weight in weights.items()
        if style[0] > body * _LARGER and (not whole or weight < whole / 3)
    }
    if bold < plain / 3:
        styles |= {style for style in weights if style[1] and _is_body(style, body)}
    sizes: list[Style] = []
    levels: dict[Style, int] = {}
    for style in sorted(styles, reverse=True):
        if not sizes or style[0] < sizes[-1][0] - _SAME_SIZE:
            sizes.append(style)
        levels[style] = min(len(sizes), _DEEPEST)
    return levels


def _is_body(style: Style, body: float) -> bool:
    return abs(style[0] - body) <= _SAME_SIZE


def _letters(text: str) -> str:
    return _LETTERS.sub("", flat(text).casefold())
