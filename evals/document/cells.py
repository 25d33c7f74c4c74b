"""How many cells of a table stand where a person sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from evals.document.markdown_text import Grid
from evals.document.words import words_of


@dataclass(frozen=True)
class CellCount:
    """Cells of the tables of a file.

    Attributes:
        seen: Cells that hold something.
        right: Those that an extract has in their place.
        wrong: The first few of the others: what is seen, and what was found there.
    """

    seen: int
    right: int
    wrong: tuple[tuple[str, str], ...] = ()


def compare_cells(seen: Sequence[Grid], found: Sequence[Grid]) -> CellCount:
    """Compare tables cell by cell, each with the one that fits it best, in any order.

    A table may stand with rows above and columns before it that are none of it: a caption row, the
    numbers of rows, or another table. A cell that spans counts once, in its first place.
    """
    cells = right = 0
    wrong: list[tuple[str, str]] = []
    for grid in seen:
        misses = min((_fit(grid, other) for other in found), key=len, default=_fit(grid, []))
        count = sum(bool(words_of(cell)) for row in grid for cell in row)
        cells += count
        right += count - len(misses)
        wrong += misses
    return CellCount(cells, right, tuple(wrong[:12]))


def _fit(seen: Grid, found: Grid) -> list[tuple[str, str]]:
    places = product(range(-1, max(1, len(found))), range(-1, 2))
    return min((_misses(seen, found, down, across) for down, across in places), key=len)


def _misses(seen: Grid, found: Grid, down: int, across: int) -> list[tuple[str, str]]:
    misses = []
    for y, row in enumerate(seen):
        for x, cell in enumerate(row):
            wanted = words_of(cell)
            if not wanted:
                continue
            place = (y + down, x + across)
            there = found[place[0]] if 0 <= place[0] < len(found) else []
            had = there[place[1]] if 0 <= place[1] < len(there) else ""
            if words_of(had) != wanted:
                misses.append((cell, had))
    return misses
