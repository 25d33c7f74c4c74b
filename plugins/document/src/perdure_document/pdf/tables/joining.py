"""Tables that go on on the next page."""

import re
from collections.abc import Sequence
from itertools import pairwise

from perdure_document.pdf.content import Cell, Table

_FIGURE = re.compile(r"^[^\w]*\d[\d\s.,:/%\u20ac$\u00a3+\-\u2013()]*[^\w]*\w{0,3}$")
_SAME_EDGE = 4.0
_HEADER_ROWS = 3


def continued(table: Table, other: Table) -> Table | None:
    """Return two tables as one when the second continues the first; ``None`` when it does not.

    It does when its columns stand below those of the first and it has the same header, or none.
    A header that is repeated is left out.

    Args:
        table: The last thing on a page.
        other: The first thing on the next.
    """
    places = _columns_below(table, other)
    if places is None:
        return None
    repeated = _repeated_rows(table, other, places)
    if not repeated and (_has_header(table, other, places) or not _is_alike(table, other)):
        return None
    broken = _is_broken_row(table, other, places, repeated)
    if broken:
        table = _mended(table, other, places, repeated)
    cells = [
        Cell(
            cell.row - repeated + table.rows - broken,
            places[cell.column],
            cell.rows,
            cell.columns,
            cell.text,
        )
        for cell in other.cells
        if cell.row >= repeated + broken
    ]
    rows = table.rows + other.rows - repeated - broken
    return table._replace(cells=(*table.cells, *cells), rows=rows)


def _is_broken_row(table: Table, other: Table, places: Sequence[int], first: int) -> bool:
    """Say whether the end of a page breaks a row: its texts go on, and its first cell is blank."""
    before = {cell.column: cell.text for cell in table.cells if cell.row == table.rows - 1}
    after = {places[cell.column]: cell.text for cell in other.cells if cell.row == first}
    after = {column: text for column, text in after.items() if text}
    return (
        table.ruled
        and other.ruled
        and bool(after)
        and 0 not in after
        and all(_goes_on(before.get(column, ""), text) for column, text in after.items())
    )


def _goes_on(before: str, after: str) -> bool:
    return len(before.split()) >= 3 and not before.endswith((".", "!", "?")) and len(after) > 3


def _mended(table: Table, other: Table, places: Sequence[int], first: int) -> Table:
    """Return the first table with the rest of its last row."""
    rest = {places[cell.column]: cell.text for cell in other.cells if cell.row == first}
    cells = [
        cell._replace(text=f"{cell.text} {rest.get(cell.column, '')}".strip())
        if cell.row == table.rows - 1
        else cell
        for cell in table.cells
    ]
    return table._replace(cells=tuple(cells))


def header_rows(table: Table) -> int:
    """Return how many rows at the top are headers: several when the first is one of groups."""
    first = [cell for cell in table.cells if cell.row == 0]
    depth = max((cell.rows for cell in first if cell.text), default=1)
    if depth > 1 and any(cell.columns > 1 or cell.rows < depth for cell in first):
        return min(depth, _HEADER_ROWS, table.rows)
    wide = any(cell.columns > 1 for cell in first) and len(first) > 1
    second = [cell for cell in table.cells if cell.row == 1 and cell.text]
    partial = sum(bool(cell.text) for cell in first) < len(second) and any(
        _FIGURE.match(cell.text) for cell in table.cells if cell.row > 1
    )
    names = bool(second) and not any(_FIGURE.match(cell.text) for cell in second)
    return 2 if names and (wide or partial) else 1


def _columns_below(table: Table, other: Table) -> list[int] | None:
    """Return below which column of the first each column of the second stands."""
    if other.columns > table.columns or not other.extents:
        return None
    places: list[int] = []
    for left, right in other.extents:
        shared = [
            (min(right, end) - max(left, start), place)
            for place, (start, end) in enumerate(table.extents)
        ]
        width, place = max(shared)
        if width <= 0:
            return None
        places.append(place)
    if any(after <= before for before, after in pairwise(places)):
        return None
    return places


def _repeated_rows(table: Table, other: Table, places: Sequence[int]) -> int:
    """Return how many rows at the top of the second are those at the top of the first."""
    for count in range(min(_HEADER_ROWS, table.rows, other.rows), 0, -1):
        mine = {
            (cell.row, cell.column): cell.text
            for cell in table.cells
            if cell.row < count and cell.text
        }
        yours = {
            (cell.row, places[cell.column]): cell.text
            for cell in other.cells
            if cell.row < count and cell.text
        }
        if mine == yours:
            return count
    return 0


def _has_header(table: Table, other: Table, places: Sequence[int]) -> bool:
    """Say whether the first row of the second has words where the first has figures."""
    for column, place in enumerate(places):
        figures = [
            bool(_FIGURE.match(cell.text))
            for cell in table.cells
            if cell.column == place and cell.row and cell.text
        ]
        top = [cell.text for cell in other.cells if cell.column == column and cell.row == 0]
        is_figure_column = bool(figures) and sum(figures) >= 0.7 * len(figures)
        words = [text for text in top if any(map(str.isalpha, text)) and not _FIGURE.match(text)]
        if is_figure_column and words:
            return True
    return False


def _is_alike(table: Table, other: Table) -> bool:
    """Say whether two tables have the same columns."""
    if table.ruled != other.ruled or table.columns != other.columns:
        return False
    if not table.ruled:
        return True
    return all(
        abs(mine[0] - yours[0]) <= _SAME_EDGE and abs(mine[1] - yours[1]) <= _SAME_EDGE
        for mine, yours in zip(table.extents, other.extents, strict=True)
    )
