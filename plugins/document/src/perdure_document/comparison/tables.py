"""Comparing two versions of a table: columns, rows, then cell by cell."""

from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final, Literal

from perdure_document.comparison.alignment import pair_alike
from perdure_document.comparison.words import Piece, diff_words
from perdure_document.facts import Fact, Row

_ROWS_ALIKE: Final = 0.34
_COLUMNS_ALIKE: Final = 0.5
_LARGEST_GAP: Final = 40_000
_REPEATED: Final = 200

LineChange = Literal["same", "inserted", "deleted", "changed", "moved"]


class CellDiff(Fact):
    """A cell of a compared table.

    Attributes:
        pieces: Its text with what was put in and taken out.
        changed: Whether its text differs.
    """

    pieces: tuple[Piece, ...]
    changed: bool = False


class RowDiff(Fact):
    """A row of a compared table; row 1 is the header.

    Attributes:
        change: What became of it.
        old: Its number in the older version, from 1; ``None`` when it was inserted.
        new: Its number in the newer version.
        cells: Its cells, one for each column of the comparison.
    """

    change: LineChange
    old: int | None
    new: int | None
    cells: tuple[CellDiff, ...]


class TableDiff(Fact):
    """A compared table.

    Attributes:
        columns: What became of each column.
        rows: Its rows.
    """

    columns: tuple[LineChange, ...]
    rows: tuple[RowDiff, ...]


def diff_tables(old: Sequence[Row], new: Sequence[Row]) -> TableDiff:
    """Compare two versions of a table."""
    columns = _align_columns(old, new)
    shared = [(a, b) for a, b in columns if a is not None and b is not None]
    rows = _align_rows(
        [tuple(row[a] for a, _ in shared) for row in old],
        [tuple(row[b] for _, b in shared) for row in new],
    )
    moved = _moved_rows(old, new, rows)
    diffs = [
        _diff_row(old, new, moved.get(b, a), b, columns, moved=b in moved)
        for a, b in rows
        if not (b is None and a in moved.values())
    ]
    kinds: list[LineChange] = [
        "inserted" if a is None else "deleted" if b is None else "same" for a, b in columns
    ]
    return TableDiff(columns=tuple(kinds), rows=tuple(diffs))


def _align_columns(old: Sequence[Row], new: Sequence[Row]) -> list[tuple[int | None, int | None]]:
    before, after = _columns(old), _columns(new)
    names = [column[0] for column in before], [column[0] for column in after]
    pairs: list[tuple[int | None, int | None]] = []
    for code, start, end, new_start, new_end in SequenceMatcher(
        None, *names, autojunk=False
    ).get_opcodes():
        if code == "equal":
            pairs += zip(range(start, end), range(new_start, new_end), strict=True)
        elif end - start == new_end - new_start and len(before) == len(after):
            # As many as before: they were renamed.
            pairs += zip(range(start, end), range(new_start, new_end), strict=True)
        else:
            likeness = [
                [_share_of_equal(one[1:], other[1:]) for other in after[new_start:new_end]]
                for one in before[start:end]
            ]
            alike = [
                [value if value >= _COLUMNS_ALIKE else 0.0 for value in row] for row in likeness
            ]
            pairs += pair_alike(alike, range(start, end), range(new_start, new_end))
    return pairs


def _columns(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    return list(zip(*rows, strict=True))


def _share_of_equal(one: Sequence[str], other: Sequence[str]) -> float:
    if not one or not other:
        return 0.0
    values = set(other)
    return sum(value in values for value in one) / max(len(one), len(other))


def _align_rows(
    old: Sequence[tuple[str, ...]], new: Sequence[tuple[str, ...]]
) -> list[tuple[int | None, int | None]]:
    """Pair the rows; the first, the header, is always one and the same."""
    pairs: list[tuple[int | None, int | None]] = [(0, 0)]
    matcher = SequenceMatcher(None, old[1:], new[1:], autojunk=len(new) > _REPEATED)
    for code, start, end, new_start, new_end in matcher.get_opcodes():
        before = range(start + 1, end + 1)
        after = range(new_start + 1, new_end + 1)
        if code == "equal":
            pairs += zip(before, after, strict=True)
        else:
            likeness = (
                [[_rows_alike(old[a], new[b]) for b in after] for a in before]
                if len(before) * len(after) <= _LARGEST_GAP
                else []
            )
            pairs += pair_alike(likeness, before, after)
    return pairs


def _rows_alike(one: Sequence[str], other: Sequence[str]) -> float:
    """Return the share of equal cells; the first says which row it is and counts twice."""
    if not one:
        return 0.0
    points = [
        (a == b) * (1 if number else 2)
        for number, (a, b) in enumerate(zip(one, other, strict=True))
        if a or b
    ]
    most = len(points) + 1
    found = sum(points) / most
    return found if found >= _ROWS_ALIKE else 0.0


def _moved_rows(
    old: Sequence[Row], new: Sequence[Row], rows: Sequence[tuple[int | None, int | None]]
) -> dict[int | None, int]:
    """Return, by its new number, where a row stood that stands elsewhere now.

    It is the same there, or begins with the same cell, when that one names no other row.
    """
    deleted = [a for a, b in rows if b is None and a is not None]
    inserted = [b for a, b in rows if a is None and b is not None]
    moved: dict[int | None, int] = {}
    for width in (None, 1):
        sources = Counter(old[a][:width] for a in deleted)
        targets = Counter(new[b][:width] for b in inserted)
        by_key = {old[a][:width]: a for a in deleted}
        for b in inserted:
            key = new[b][:width]
            if any(key) and sources[key] == targets[key] == 1:
                moved[b] = by_key[key]
        deleted = [a for a in deleted if a not in moved.values()]
        inserted = [b for b in inserted if b not in moved]
    return moved


def _diff_row(
    old: Sequence[Row],
    new: Sequence[Row],
    a: int | None,
    b: int | None,
    columns: Sequence[tuple[int | None, int | None]],
    *,
    moved: bool,
) -> RowDiff:
    cells = []
    for left, right in columns:
        before = old[a][left] if a is not None and left is not None else ""
        after = new[b][right] if b is not None and right is not None else ""
        cells.append(CellDiff(pieces=diff_words(before, after), changed=before != after))
    change: LineChange = "changed" if any(cell.changed for cell in cells) else "same"
    if moved:
        change = "moved"
    elif a is None or b is None:
        change = "inserted" if a is None else "deleted"
    return RowDiff(
        change=change,
        old=None if a is None else a + 1,
        new=None if b is None else b + 1,
        cells=tuple(cells),
    )
