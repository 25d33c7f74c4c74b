"""Words that stand beside each other on one line, and how they are read."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from perdure_document.pdf.content import Box, Line
from perdure_document.pdf.pages.words import Word
from perdure_document.pdf.scripts import is_right_to_left

_WIDE_GAP = 1.0
_GAP = 0.45
_DRAWN_NEXT = 4
_SAME_BASE = 0.25
_LEADERS = re.compile(r"\s*\.(?:\s*\.){3,}\s*|(?:\s+\.){3,}\s*")


@dataclass(slots=True)
class Segment:
    """Words of one line that no wide gap parts.

    Attributes:
        words: From left to right.
        box: Where they stand.
        base: Where their letters stand.
        size: The size of most of their characters.
    """

    words: list[Word]
    box: Box
    base: float
    size: float

    @property
    def text(self) -> str:
        """The words in the order in which they are read."""
        return text_of(self.words)

    @property
    def order(self) -> int:
        """The place of its first word among those that are drawn."""
        return min(word.order for word in self.words)

    @property
    def fixed(self) -> bool:
        """Whether all of it is set in a font whose characters are equally wide."""
        return all(word.fixed for word in self.words)


def segments_of(words: Iterable[Word]) -> list[Segment]:
    """Return the segments that words make, from the top of the page to its foot."""
    rows: list[list[Word]] = []
    base = size = 0.0
    for word in sorted(words, key=lambda one: (one.base, one.box.left)):
        if rows and word.base - base <= _SAME_BASE * min(size, word.size):
            rows[-1].append(word)
        else:
            rows.append([word])
            base, size = word.base, word.size
    return [segment for row in rows for segment in _parted(row)]


def segment_of(words: Sequence[Word]) -> Segment:
    """Return words, from left to right, as one segment."""
    boxes = [word.box for word in words]
    box = Box(
        min([one.left for one in boxes]),
        min([one.top for one in boxes]),
        max([one.right for one in boxes]),
        max([one.bottom for one in boxes]),
    )
    weights: dict[float, int] = {}
    for word in words:
        weights[word.size] = weights.get(word.size, 0) + len(word.text)
    size = max(weights, key=lambda one: (weights[one], one))
    base = next(word.base for word in words if word.size == size)
    return Segment(list(words), box, base, size)


def line_of(words: Sequence[Word], column: int) -> Line:
    """Return words of one line, from left to right, as a line."""
    whole = segment_of(words)
    sure = sum(word.confidence for word in words) / len(words)
    box = whole.box
    return Line(
        text=whole.text,
        box=Box(*(round(edge, 1) for edge in box)),
        base=round(whole.base, 1),
        size=round(whole.size, 1),
        bold=all(word.bold for word in words),
        fixed=whole.fixed,
        column=column,
        confidence=round(sure, 3),
    )


def text_of(words: Sequence[Word]) -> str:
    """Return the text of words that stand on one line, from left to right, as it is read."""
    leftward = sum(is_right_to_left(word.text) for word in words)
    if leftward and leftward * 2 > sum(any(map(str.isalpha, word.text)) for word in words):
        return " ".join(word.text for word in _from_right(words))
    text, before = "", words[0]
    for word in words:
        # Two blanks for a wide gap: what it sets apart, such as a number, is a thing of its own.
        wide = word.box.left - before.box.right > _WIDE_GAP * max(before.size, word.size)
        blank = "" if not text or word.joined else "  " if wide else " "
        text += blank + word.text
        before = word
    return _LEADERS.sub(" \u2026 ", text)


def _from_right(words: Sequence[Word]) -> list[Word]:
    """Order words from right to left, but what reads from left to right among them as it stands."""
    ordered: list[Word] = []
    rightward: list[Word] = []
    for word in reversed(words):
        if is_right_to_left(word.text) or not any(map(str.isalnum, word.text)):
            ordered += reversed(rightward)
            rightward = []
            ordered.append(word)
        else:
            rightward.append(word)
    return [*ordered, *reversed(rightward)]


def _parted(row: list[Word]) -> list[Segment]:
    row = sorted(row, key=lambda one: one.box.left)
    parts = [[row[0]]]
    for before, word in pairwise(row):
        # What is drawn much later may be of another column, however near that is.
        follows = 0 <= word.order - before.end <= _DRAWN_NEXT
        gap = _WIDE_GAP if follows else _GAP
        if word.box.left - before.box.right > gap * max(before.size, word.size):
            parts.append([])
        parts[-1].append(word)
    return [segment_of(part) for part in parts]
