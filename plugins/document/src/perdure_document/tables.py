"""Tables whose cells cover rows and columns, made even."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from perdure_document.facts import Block, Row, Span
from perdure_document.formatting import flat

MOST_ROWS: Final = 100_000
MOST_COLUMNS: Final = 1_000
MOST_CELLS: Final = 1_000_000
_REPEATED: Final = 80


class Cell(NamedTuple):
    """A cell as a file gives it: its text, the rows and columns it covers, whether it is a header.

    ``column`` is where it begins, from 0; ``None`` puts it where there is room first, as HTML does.
    """

    text: str
    rows: int = 1
    columns: int = 1
    header: bool = False
    column: int | None = None


class Grid(NamedTuple):
    """The even rows of a table, its spans, how many rows are headers, and how many there were."""

    rows: tuple[Row, ...]
    spans: tuple[Span, ...]
    header_rows: int
    total_rows: int


class _Placed(NamedTuple):
    row: int
    column: int
    cell: Cell


def grid_of(rows: Iterable[Iterable[Cell]]) -> Grid:
    """Give every cell of a table its place.

    Rows and end columns without any text are dropped. A short text that covers several rows is
    repeated in each of them, so that every row can be read for itself. Of a table that would be
    larger than a million cells the first rows are kept.

    Args:
        rows: The cells that begin in each row, from left to right.
    """
    placed = _placed(rows)
    filled = [one for one in placed if one.cell.text]
    used = sorted({one.row for one in filled})
    width = max((one.column + 1 for one in filled), default=0)
    total, used = len(used), used[: MOST_CELLS // max(width, 1)]
    # What covers a row from above makes no row by itself: a row must have text of its own.
    number = {row: place for place, row in enumerate(used)}
    filled = [one for one in filled if one.row in number]
    texts = [[""] * width for _ in used]
    for row, column, cell in filled:
        last = bisect_left(used, row + cell.rows) if len(cell.text) <= _REPEATED else 0
        for place in range(number[row], max(last, number[row] + 1)):
            texts[place][column] = cell.text
    body = {number[one.row] for one in filled if not one.cell.header}
    top = min(body, default=0)
    return Grid(
        rows=tuple(map(tuple, texts)),
        spans=tuple(_spans(filled, used, width)),
        header_rows=max(top, 1),
        total_rows=total,
    )


def own_cells(block: Block) -> Iterator[tuple[int, int, str]]:
    """Yield row, column and text of a table's cells; a text that covers several rows once only."""
    repeated = {
        (row, span.column)
        for span in block.spans
        for row in range(span.row + 1, min(span.row + span.rows, len(block.rows)))
    }
    for number, row in enumerate(block.rows):
        for column, text in enumerate(row):
            if text and (number, column) not in repeated:
                yield number, column, text


def table_block(grid: Grid, caption: str = "", part: int = 0) -> Block:
    """Return a grid that has rows as a block."""
    return Block(
        type="table",
        text=caption,
        rows=grid.rows,
        header_rows=grid.header_rows,
        spans=grid.spans,
        total_rows=grid.total_rows,
        part=part,
    )


def _placed(rows: Iterable[Iterable[Cell]]) -> list[_Placed]:
    placed: list[_Placed] = []
    # For every column the row down to which a cell from above covers it.
    covered: dict[int, int] = {}
    for number, row in enumerate(rows):
        if number >= MOST_ROWS:
            break
        column = 0
        for given in row:
            if given.column is not None:
                column = max(column, given.column)
            else:
                while covered.get(column, 0) > number:
                    column += 1
            if column >= MOST_COLUMNS:
                break
            cell = given._replace(
                text=flat(given.text),
                rows=min(max(given.rows, 1), MOST_ROWS - number),
                columns=min(max(given.columns, 1), MOST_COLUMNS - column),
            )
            placed.append(_Placed(number, column, cell))
            for place in range(column, column + cell.columns):
                covered[place] = number + cell.rows
            column += cell.columns
    last = placed[-1].row if placed else 0
    return [
        one._replace(cell=one.cell._replace(rows=min(one.cell.rows, last + 1 - one.row)))
        for one in placed
    ]


def _spans(filled: list[_Placed], used: list[int], width: int) -> Iterator[Span]:
    for row, column, cell in filled:
        first = bisect_left(used, row)
        rows = bisect_left(used, row + cell.rows) - first
        columns = min(cell.columns, width - column)
        if rows > 1 or columns > 1:
            yield Span(row=first, column=column, rows=rows, columns=columns)
