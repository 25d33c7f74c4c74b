"""The order in which the parts of a page are read: down one column, then down the next."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from perdure_document.pdf.content import Box, Table
from perdure_document.pdf.pages.segments import Segment
from perdure_document.pdf.scripts import is_right_to_left

_DEEPEST = 8
_FEWEST_ROWS = 3
_FEWEST_WORDY_ROWS = 2
_NARROWEST_GAP = 0.8
_BIN = 2.0
_MOST_TRIES = 12
_WIDE_GAP = 1.5
_PROSE_WORDS = 4
_PROSE_FILL = 0.6
_EDGE = 0.12
_EDGE_ROWS = 2
_APART = 1.0


class Item(NamedTuple):
    """A part of a page: a segment of a line, or a table."""

    box: Box
    content: Segment | Table


def columns_of(items: Sequence[Item], height: float) -> Iterator[list[Item]]:
    """Yield the parts of a page, those of one column together, in the order of reading.

    Args:
        items: The parts.
        height: The height of the page.
    """
    rows = _rows(items)
    first = _apart(rows, _EDGE * height, 1)
    last = _apart(rows[first:][::-1], (1 - _EDGE) * height, -1)
    end = len(rows) - last
    columns = list(_ordered([item for row in rows[first:end] for item in row], 0))
    if len(columns) < 2:
        yield list(items)
    else:  # what stands apart at head and foot runs over all columns
        yield from rows[:first]
        yield from columns
        yield from rows[end:]


def _rows(items: Sequence[Item]) -> list[list[Item]]:
    """Return parts that stand on one line together, from the top."""
    rows: list[list[Item]] = []
    for item in sorted(items, key=lambda one: (_base(one), one.box.left)):
        if rows and _base(item) - _base(rows[-1][0]) <= 0.3 * _size(item):
            rows[-1].append(item)
        else:
            rows.append([item])
    return rows


def _apart(rows: Sequence[list[Item]], edge: float, sign: int) -> int:
    """Return how many of the outermost rows stand apart at the head or foot of a page."""
    count = 0
    for number, (row, after) in enumerate(pairwise(rows[: _EDGE_ROWS + 1]), 1):
        if (_base(row[0]) - edge) * sign > 0 or not isinstance(row[0].content, Segment):
            break
        gap = min(one.box.top for one in after) - _base(row[0])
        if sign < 0:
            gap = min(one.box.top for one in row) - max(one.box.bottom for one in after)
        if gap > _APART * _size(row[0]):
            count = number
    return count


def _ordered(items: list[Item], depth: int) -> Iterator[list[Item]]:
    gutter = _gutter(items) if depth < _DEEPEST and len(items) > _FEWEST_ROWS else None
    if gutter is None:
        if items:
            yield items
        return
    plain: list[Item] = []
    for band in _parted(items, gutter):
        left = [item for item in band if item.box.right <= gutter + 0.5]
        right = [item for item in band if item.box.left >= gutter - 0.5]
        if left and right and not _is_read_across(left, right):
            yield from _ordered(plain, depth + 1)
            plain = []
            # A heading over the whole width above, or nothing: either way columns begin here.
            first, second = (right, left) if _is_leftward(band) else (left, right)
            yield from _ordered(first, depth + 1)
            yield from _ordered(second, depth + 1)
        else:
            plain += band
    if len(plain) == len(items):
        yield plain
    else:
        yield from _ordered(plain, depth + 1)


def _gutter(items: list[Item]) -> float | None:
    """Return where most rows have a gap that parts columns of text; ``None`` without any."""
    segments = sorted(items, key=lambda item: (item.box.top, item.box.left))
    support: dict[int, int] = {}
    gaps: list[tuple[float, float]] = []
    for place, item in enumerate(segments):
        nearest: Item | None = None
        for other in segments[place + 1 : place + 40]:
            if other.box.top > item.box.bottom:
                break
            apart, near = (item, other) if item.box.right <= other.box.left else (other, item)
            gap = near.box.left - apart.box.right
            if gap > 0 and (nearest is None or abs(other.box.top - item.box.top) < 1e9):
                nearest = other
                gaps.append((apart.box.right, near.box.left))
    if len(gaps) < _FEWEST_WORDY_ROWS:
        return None
    for start, end in gaps:
        for number in range(int(start // _BIN) + 1, int(end // _BIN) + 1):
            support[number] = support.get(number, 0) + 1
    candidates = sorted(support, key=lambda number: -support[number])[:400]
    best: tuple[float, float] | None = None
    tried: list[int] = []
    for number in candidates:
        if any(abs(number - other) <= 2 for other in tried):
            continue
        tried.append(number)
        if len(tried) > _MOST_TRIES:
            break
        at = _middle(gaps, number * _BIN)
        value = _value(items, at)
        if value > 0 and (best is None or value > best[0] + 1e-6):
            best = value, at
    return best[1] if best else None


def _middle(gaps: list[tuple[float, float]], at: float) -> float:
    """Return the middle of what the gaps at a place have in common."""
    around = [(start, end) for start, end in gaps if start <= at <= end]
    if not around:
        return at
    start = max(start for start, _ in around if start <= at)
    end = min(end for _, end in around if end >= at)
    return (start + end) / 2


def _value(items: list[Item], at: float) -> float:
    """Return how many parts a gutter divides into columns of text; 0 when it is none."""
    crossing = [item for item in items if item.box.left < at - 0.5 and item.box.right > at + 0.5]
    parted = 0
    for band in _parted(items, at):
        left = [item for item in band if item.box.right <= at + 0.5]
        right = [item for item in band if item.box.left >= at - 0.5]
        if _are_columns(left, right) and not _is_read_across(left, right):
            size = median(_size(item) for item in band)
            gap = min(item.box.left for item in right) - max(item.box.right for item in left)
            if gap >= _NARROWEST_GAP * size:
                parted += len(left) + len(right)
    return parted - 2.0 * len(crossing) / max(len(items), 1) if parted else 0.0


def _parted(items: list[Item], at: float) -> Iterator[list[Item]]:
    """Yield the bands of a page, and the parts between wide gaps of one that is read across."""
    for band in _bands(items, at):
        left = [item for item in band if item.box.right <= at + 0.5]
        right = [item for item in band if item.box.left >= at - 0.5]
        if not left or not right or not _is_read_across(left, right):
            yield band
            continue
        part: list[Item] = []
        bottom = 0.0
        for item in sorted(band, key=lambda one: one.box.top):
            if part and item.box.top - bottom > _WIDE_GAP * _size(item):
                yield part
                part = []
            part.append(item)
            bottom = max(bottom, item.box.bottom)
        yield part


def _bands(items: list[Item], at: float) -> Iterator[list[Item]]:
    """Yield the parts between those that cross a gutter, and each of these, from the top."""
    band: list[Item] = []
    for item in sorted(items, key=lambda one: (one.box.middle[1], one.box.left)):
        if item.box.left < at - 0.5 and item.box.right > at + 0.5:
            if band:
                yield band
            yield [item]
            band = []
        else:
            band.append(item)
    if band:
        yield band


def _is_read_across(left: list[Item], right: list[Item]) -> bool:
    """Say whether what stands on two sides is read line by line, as the rows of a table are.

    It is when both sides have the same lines, were drawn by turns, and are no running text.
    """
    lefts = [item for item in left if isinstance(item.content, Segment)]
    rights = [item for item in right if isinstance(item.content, Segment)]
    if not lefts or not rights:
        return False
    if _is_prose(lefts) and _is_prose(rights):
        return False
    bases = sorted(_base(item) for item in lefts)
    shared = sum(_is_near(bases, _base(item), 0.3 * _size(item)) for item in rights)
    if shared < 0.5 * min(len(lefts), len(rights)):
        return False
    sides = sorted([(_order(item), 0) for item in lefts] + [(_order(item), 1) for item in rights])
    turns = sum(one[1] != other[1] for one, other in pairwise(sides))
    fewer = min(len(lefts), len(rights))
    return turns > 1 + 0.2 * fewer or not _are_columns(left, right)


def _are_columns(left: list[Item], right: list[Item]) -> bool:
    """Say whether two sides have enough lines for columns: three, or two of several words each."""
    fewer = min(len(left), len(right))
    return fewer >= _FEWEST_ROWS or (
        fewer >= _FEWEST_WORDY_ROWS and min(map(_usual_words, (left, right))) >= _PROSE_WORDS
    )


def _usual_words(items: list[Item]) -> float:
    return median(
        len(item.content.words) if isinstance(item.content, Segment) else 0 for item in items
    )


def _is_prose(items: list[Item]) -> bool:
    """Say whether lines are running text: most have several words and fill the column."""
    if len(items) < _FEWEST_ROWS:
        return False
    width = max(item.box.right for item in items) - min(item.box.left for item in items)
    words = median(len(item.content.words) for item in items if isinstance(item.content, Segment))
    fill = sum(item.box.width >= 0.75 * width for item in items) / len(items)
    return words >= _PROSE_WORDS and fill >= _PROSE_FILL


def _is_leftward(items: list[Item]) -> bool:
    """Say whether most of the text is read from right to left."""
    texts = [item.content.text for item in items if isinstance(item.content, Segment)]
    return sum(map(is_right_to_left, texts)) * 2 > len(texts)


def _base(item: Item) -> float:
    return item.content.base if isinstance(item.content, Segment) else item.box.bottom


def _size(item: Item) -> float:
    return item.content.size if isinstance(item.content, Segment) else 10.0


def _order(item: Item) -> int:
    return item.content.order if isinstance(item.content, Segment) else 0


def _is_near(places: list[float], place: float, distance: float) -> bool:
    index = bisect_left(places, place)
    return any(
        abs(places[near] - place) <= distance
        for near in (index - 1, index)
        if 0 <= near < len(places)
    )
