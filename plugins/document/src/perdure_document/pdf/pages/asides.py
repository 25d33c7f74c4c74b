"""Text in boxes beside other text: it is read after that, not in the middle of its lines."""

from collections.abc import Iterator, Sequence

from perdure_document.pdf.pages.rows import Row
from perdure_document.pdf.pages.segments import Segment
from perdure_document.pdf.pages.words import Word

_GAP = 1.0
_DRAWN_NEXT = 4
_SAME_EDGE = 3.0
_NEAR = 2.0
_PARAGRAPH = 1.5


def flowing(rows: Sequence[Row]) -> Iterator[tuple[int, list[Word]]]:
    """Yield the words of each line of a column, those of boxes beside a paragraph after it.

    A box is known by two lines or more that begin below each other, each after a wide gap, and
    that were not drawn with the text before the gap. Each line comes with the number of its box,
    from 1, or 0.
    """
    number = 0
    aside: list[list[Word]] = []
    for place, row in enumerate(rows):
        if aside and row.base - rows[place - 1].base > _PARAGRAPH * row.size:
            number += 1
            yield from ((number, words) for words in aside)
            aside = []
        last = _aside_of(row)
        beside = last is not None and any(
            _goes_on(last, row, rows[near])
            for near in (place - 1, place + 1)
            if 0 <= near < len(rows)
        )
        if beside and last is not None:
            aside.append(last.words)
            yield 0, [word for segment in row.segments[:-1] for word in segment.words]
        else:
            yield 0, [word for segment in row.segments for word in segment.words]
    yield from ((number + 1, words) for words in aside)


def _aside_of(row: Row) -> Segment | None:
    """Return the last segment of a row when it is far from the others and drawn elsewhere."""
    if len(row.segments) < 2:
        return None
    before, last = row.segments[-2:]
    follows = 0 <= last.order - before.words[-1].end <= _DRAWN_NEXT
    far = last.box.left - before.box.right > _GAP * row.size
    return last if far and not follows else None


def _goes_on(segment: Segment, row: Row, other: Row) -> bool:
    below = _aside_of(other)
    return (
        below is not None
        and abs(below.box.left - segment.box.left) <= _SAME_EDGE
        and abs(other.base - row.base) <= _NEAR * row.size
    )
