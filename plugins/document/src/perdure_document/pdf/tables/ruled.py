"""Tables whose cells are parted by ruling lines."""

from collections.abc import Sequence
from itertools import pairwise

from perdure_document.pdf.content import Cell, Table
from perdure_document.pdf.pages.drawings import Rule
from perdure_document.pdf.pages.rows import rows_of
from perdure_document.pdf.pages.segments import segments_of
from perdure_document.pdf.pages.words import Word
from perdure_document.pdf.tables.alignment import Columns
from perdure_document.pdf.tables.cells import joined_lines, usual_size
from perdure_document.pdf.tables.grids import Grid, grids_of

_FILLED = 0.15
_ALIGNED = 0.4
_CROSSING = 0.1


def ruled_tables(rules: Sequence[Rule], words: list[Word]) -> tuple[list[Table], list[Word]]:
    """Return the tables that lines make, and the words that are in none of them."""
    tables: list[Table] = []
    for grid in grids_of(rules):
        within = [word for word in words if grid.box.holds(*word.box.middle)]
        table = _table(_with_aligned_columns(grid, within), within)
        if table is not None:
            tables.append(table)
            taken = {id(word) for word in within}
            words = [word for word in words if id(word) not in taken]
    return tables, words


def _with_aligned_columns(grid: Grid, words: Sequence[Word]) -> Grid:
    """Part the columns of a grid within which further columns only line up."""
    inner: dict[int, list[float]] = {}
    for column in range(len(grid.xs) - 1):
        alone = {cell[0] for cell in grid.cells if cell[1] == column and cell[3] == column + 1}
        held = [
            word
            for word in words
            for row, place in [grid.place(*word.box.middle)]
            if place == column and row in alone
        ]
        rows = rows_of(segments_of(held))
        columns = Columns()
        several = sum(len(row.segments) > 1 for row in rows)
        if several >= max(2, _ALIGNED * len(rows)) and all(columns.take(row) for row in rows):
            inner[column] = [(left[1] + right[0]) / 2 for left, right in pairwise(columns.edges)]
    if not inner:
        return grid
    xs = sorted([*grid.xs, *(edge for edges in inner.values() for edge in edges)])
    first = [xs.index(edge) for edge in grid.xs]
    cells = []
    for top, left, bottom, right in grid.cells:
        if right == left + 1 and left in inner:
            places = range(first[left], first[right])
            cells += [(top, place, bottom, place + 1) for place in places]
        else:
            cells.append((top, first[left], bottom, first[right]))
    return Grid(tuple(xs), grid.ys, tuple(sorted(cells)))


def _table(grid: Grid, words: list[Word]) -> Table | None:
    owners = {
        (row, column): cell
        for cell in grid.cells
        for row in range(cell[0], cell[2])
        for column in range(cell[1], cell[3])
    }
    contents: dict[tuple[int, int, int, int], list[Word]] = {cell: [] for cell in grid.cells}
    crossing = 0
    for word in words:
        cell = owners[grid.place(*word.box.middle)]
        contents[cell].append(word)
        margin = 0.4 * word.size
        crossing += (
            word.box.left < grid.xs[cell[1]] - margin or word.box.right > grid.xs[cell[3]] + margin
        )
    filled = sum(map(bool, contents.values()))
    if filled < 2 or filled < _FILLED * len(contents) or crossing > _CROSSING * len(words):
        return None
    if len({cell[1] for cell, held in contents.items() if held}) < 2:
        return None
    rows = [_split(grid, contents, row) for row in range(len(grid.ys) - 1)]
    first = [sum(rows[:row]) for row in range(len(rows) + 1)]
    cells: list[Cell] = []
    for cell, held in contents.items():
        top, left, bottom, right = cell
        if bottom - top == 1 and rows[top] > 1:
            for number, line in enumerate(_bases(contents, top)):
                text = joined_lines(
                    segment.text for segment in segments_of(held) if abs(segment.base - line) < 2
                )
                if text:
                    cells.append(Cell(first[top] + number, left, 1, right - left, text))
            continue
        text = joined_lines(segment.text for segment in segments_of(held))
        if text or bottom - top > 1 or right - left > 1:
            cells.append(Cell(first[top], left, first[bottom] - first[top], right - left, text))
    return Table(
        cells=tuple(sorted(cells)),
        rows=first[-1],
        columns=len(grid.xs) - 1,
        box=grid.box,
        extents=tuple(pairwise(grid.xs)),
        ruled=True,
        size=usual_size(words),
    )


def _bases(contents: dict[tuple[int, int, int, int], list[Word]], row: int) -> list[float]:
    """Return where the lines of a row of cells stand."""
    found: list[float] = []
    for base in sorted(
        word.base for cell, held in contents.items() if cell[0] == row for word in held
    ):
        if not found or base - found[-1] > 2:
            found.append(base)
    return found


def _split(grid: Grid, contents: dict[tuple[int, int, int, int], list[Word]], row: int) -> int:
    """Return how many rows of text a row of the grid holds that no line parts.

    More than one when nearly every line fills every column, and one column holds figures only.
    """
    cells = [cell for cell in contents if cell[0] == row]
    if len(grid.ys) > 4 or any(cell[2] - cell[0] > 1 for cell in cells):
        return 1
    bases = _bases(contents, row)
    if len(bases) < 3:
        return 1
    texts = [
        [[word.text for word in contents[cell] if abs(word.base - base) <= 2] for base in bases]
        for cell in cells
        if contents[cell]
    ]
    full = sum(bool(text) for column in texts for text in column)
    figures = any(
        all(any(map(str.isdigit, "".join(text))) and len(text) <= 2 for text in column if text)
        for column in texts
    )
    return len(bases) if figures and full >= 0.8 * len(texts) * len(bases) else 1
