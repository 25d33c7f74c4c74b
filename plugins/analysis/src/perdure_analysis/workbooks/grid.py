"""Where the tables of a sheet lie: blocks of filled cells, and the rows that name their columns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Final

Value = int | float | str | bool | date | datetime | time | timedelta
Merged = Sequence[tuple[tuple[int, int], tuple[int, int]]]

_TITLE_ROWS: Final = 12
_HEADER_ROWS: Final = 3
_YEARS: Final = range(1900, 2101)
_LETTERS: Final = 26


@dataclass(frozen=True, slots=True)
class Grid:
    """Which cells of a sheet hold something; rows and columns count from 0.

    Attributes:
        filled: Of each row the filled cells, as bits: 1 is the first column.
        texts: Of these, the ones with text.
        rows: The values of a few rows, from the first of a range up to its end.
        merged: Ranges of merged cells, their last cell included.
    """

    filled: list[int]
    texts: list[int]
    rows: Callable[[int, int], list[list[Value]]]
    merged: Merged = ()


@dataclass(frozen=True, slots=True)
class Region:
    """A table of a sheet.

    Attributes:
        top: The first row of its names, or of its values where it has none.
        body: The first row of values.
        bottom: The row after the last one.
        left: Its first column.
        right: The column after the last one.
        names: What its columns are called; empty where no row names them.
        outside: Text around it that is no row of it: titles and notes.
    """

    top: int
    body: int
    bottom: int
    left: int
    right: int
    names: tuple[str, ...]
    outside: tuple[str, ...] = field(default=())

    @property
    def address(self) -> str:
        """The range of cells, such as ``B3:F120``."""
        return (
            f"{column_letters(self.left)}{self.top + 1}:"
            f"{column_letters(self.right - 1)}{self.bottom}"
        )


def column_letters(number: int) -> str:
    """Return what a column is called: ``A`` for 0, ``AA`` for 26."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, _LETTERS)
        letters = chr(ord("A") + rest) + letters
    return letters


def regions(grid: Grid) -> list[Region]:
    """Return a sheet's tables, from the top: blocks that blank rows or blank columns part.

    A block of one line or one cell's width beside larger ones is a title or a note.
    """
    blocks = _continued(grid, _blocks(grid, 0, len(grid.filled), 0, _width(grid)))
    found = [_region(grid, *block) for block in blocks]
    tables = [one for one in found if one.right - one.left > 1 and one.bottom > one.body]
    tables = tables or [one for one in found if one.bottom > one.body] or found
    titles: dict[int, list[str]] = {}
    notes: list[str] = []
    for block, one in zip(blocks, found, strict=True):
        if one not in tables:
            top, bottom, left, right = block
            text = [value for row in range(top, bottom) for value in _shown(grid, row, left, right)]
            below = [place for place, table in enumerate(tables) if table.top >= one.bottom]
            (titles.setdefault(below[0], []) if below else notes).extend(text)
    named = [
        replace(one, outside=(*titles.get(place, ()), *one.outside))
        for place, one in enumerate(tables)
    ]
    return named[:-1] + [replace(one, outside=(*one.outside, *notes)) for one in named[-1:]]


def _width(grid: Grid) -> int:
    return max((mask.bit_length() for mask in grid.filled), default=0)


Block = tuple[int, int, int, int]


def _blocks(grid: Grid, top: int, bottom: int, left: int, right: int) -> list[Block]:
    """Cut a range at blank rows and at blank columns until nothing blank is left between cells."""
    window = ((1 << right) - 1) & ~((1 << left) - 1)
    spans = _spans([bool(mask & window) for mask in grid.filled[top:bottom]], top)
    found: list[Block] = []
    for first, end in spans:
        used = 0
        for mask in grid.filled[first:end]:
            used |= mask & window
        columns = _spans([bool(used >> place & 1) for place in range(left, right)], left)
        if len(columns) == 1 and (len(spans) == 1 or columns[0] == (left, right)):
            found.append((first, end, *columns[0]))
        else:
            for start, stop in columns:
                found += _blocks(grid, first, end, start, stop)
    return found


def _spans(filled: list[bool], offset: int) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    start = None
    for place, is_filled in enumerate([*filled, False]):
        if is_filled and start is None:
            start = place
        elif not is_filled and start is not None:
            spans.append((start + offset, place + offset))
            start = None
    return spans


def _continued(grid: Grid, blocks: list[Block]) -> list[Block]:
    """Join a block to the one above it that it goes on after a blank line: no names of its own."""
    joined: list[Block] = []
    for block in blocks:
        top, bottom, left, right = block
        above = next((one for one in reversed(joined) if one[2] <= left and right <= one[3]), None)
        if (
            above is not None
            and above[1] + 1 == top
            and right - left > 1
            and (above[1] - above[0] > 1 or _names_columns(grid, above[1] - 1, above[2], above[3]))
            and not _names_columns(grid, top, left, right)
        ):
            joined[joined.index(above)] = (above[0], bottom, above[2], above[3])
        else:
            joined.append(block)
    return joined


def _names_columns(grid: Grid, row: int, left: int, right: int) -> bool:
    """Say whether a row can be the names of columns: text in most of its cells, years or dates.

    Dates are names where none stand below them.
    """
    window = ((1 << right) - 1) & ~((1 << left) - 1)
    filled, texts = grid.filled[row] & window, grid.texts[row] & window
    if 2 * filled.bit_count() < right - left or not texts:
        return False
    if filled == texts:
        return True
    others = _picked(grid, row, filled & ~texts)
    if all(isinstance(value, date) for value in others):
        below = _picked(grid, row + 1, filled & ~texts) if row + 1 < len(grid.filled) else []
        return bool(below) and not any(isinstance(value, date) for value in below)
    return all(isinstance(value, int | float) and value in _YEARS for value in others)


def _picked(grid: Grid, row: int, cells: int) -> list[Value]:
    """Return the values of some cells of a row, which bits say."""
    return [value for place, value in enumerate(grid.rows(row, row + 1)[0]) if cells >> place & 1]


def _region(grid: Grid, top: int, bottom: int, left: int, right: int) -> Region:
    window = ((1 << right) - 1) & ~((1 << left) - 1)
    outside: list[str] = []
    first = top
    while (
        right - left > 1
        and first < min(bottom - 1, top + _TITLE_ROWS)
        and (grid.filled[first] & window).bit_count() == 1
    ):
        outside += _shown(grid, first, left, right)
        first += 1
    last = bottom
    while (
        right - left > 2
        and last > first + 2
        and (grid.filled[last - 1] & window).bit_count() == 1
        and grid.filled[last - 1] & grid.texts[last - 1] & window
    ):
        last -= 1
        outside += _shown(grid, last, left, right)
    levels = 0
    if _names_columns(grid, first, left, right) or _spanned(grid, first, left, right):
        levels = 1
        while (
            levels < _HEADER_ROWS
            and first + levels < last - 1
            and _spanned(grid, first + levels - 1, left, right)
            and _names_columns(grid, first + levels, left, right)
        ):
            levels += 1
    names = _names(grid, first, levels, left, right) if levels else ()
    return Region(first, first + levels, last, left, right, names, tuple(outside))


def _shown(grid: Grid, row: int, left: int, right: int) -> list[str]:
    return [str(value) for value in grid.rows(row, row + 1)[0][left:right] if value != ""]


def _spanned(grid: Grid, row: int, left: int, right: int) -> bool:
    """Say whether a name in a row stands over several columns."""
    return any(
        start[0] == row and left <= start[1] < end[1] < right and start[0] <= row <= end[0]
        for start, end in grid.merged
    )


def _names(grid: Grid, first: int, levels: int, left: int, right: int) -> tuple[str, ...]:
    parts: list[list[str]] = [[] for _ in range(left, right)]
    for row, values in enumerate(grid.rows(first, first + levels), start=first):
        cells = [*values, *[""] * (right - len(values))]
        for start, end in grid.merged:
            if start[0] == row and left <= start[1] < right:
                for place in range(start[1], min(end[1] + 1, right)):
                    cells[place] = cells[start[1]]
        for place in range(left, right):
            name = _name(cells[place])
            if name and name not in parts[place - left]:
                parts[place - left].append(name)
    names: list[str] = []
    for place, words in enumerate(parts):
        name = base = " ".join(words) or f"column{place}"
        number = 0
        while name.lower() in {other.lower() for other in names}:
            number += 1
            name = f"{base}_{number}"
        names.append(name)
    return tuple(names)


def _name(value: Value) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    return " ".join(str(value).split())
