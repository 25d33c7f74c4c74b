"""The tables and texts of a sheet as blocks."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from perdure_document.facts import Block, Link
from perdure_document.formatting import escaped
from perdure_document.reading.workbooks.cells import Place, Range, Sheet, reference_of
from perdure_document.reading.workbooks.regions import DefinedTable, Region, regions_of
from perdure_document.tables import MOST_COLUMNS, Cell, grid_of, table_block

_LONG_TEXT: Final = 60


class SheetBlocks:
    """Makes blocks of the cells of a sheet.

    Args:
        sheet: The sheet.
        links: The addresses that cells lead to.
        part: The sheet's number, from 1.

    Attributes:
        left_out: How many rows and cells have no place in the tables.
    """

    def __init__(self, sheet: Sheet, links: dict[Place, str], part: int) -> None:
        self._sheet, self._links, self._part = sheet, links, part
        self.left_out: Counter[str] = Counter()
        self._merged = {(one.top, one.left): one for one in sheet.merged}
        self._hidden_rows = sorted(sheet.hidden_rows)
        self._hidden_columns = sorted(sheet.hidden_columns)
        self._rows: dict[int, list[int]] = {}
        for row, column in sorted(sheet.texts):
            self._rows.setdefault(row, []).append(column)

    def blocks(self, defined: Iterable[DefinedTable]) -> Iterator[Block]:
        """Yield the tables and the texts that stand alone, in reading order.

        Args:
            defined: The tables that people defined on the sheet.
        """
        for region in regions_of(self._sheet, defined):
            inside = self._inside(region.range)
            places = [(row, column) for row, columns in inside.items() for column in columns]
            alone = len(places) == len(inside) and not region.name
            if len(places) == 1 or (
                alone and any(len(self._sheet.texts[place]) > _LONG_TEXT for place in places)
            ):
                yield from map(self._paragraph, places)
            else:
                for row in region.titles:
                    yield self._paragraph((row, inside.pop(row)[0]))
                yield self._table(region, inside)

    def _inside(self, where: Range) -> dict[int, list[int]]:
        """Return the columns with text by row in a range."""
        found: dict[int, list[int]] = {}
        for row in range(where.top, where.bottom + 1):
            columns = [one for one in self._rows.get(row, ()) if where.left <= one <= where.right]
            if columns:
                found[row] = columns
        return found

    def _paragraph(self, place: Place) -> Block:
        text, target = self._sheet.texts[place], self._links.get(place)
        markdown = f"[{escaped(text)}](<{target}>)" if target else ""
        return Block(type="paragraph", text=text, markdown=markdown, part=self._part)

    def _table(self, region: Region, inside: dict[int, list[int]]) -> Block:
        where = region.range
        first = where.top + len(region.titles)
        offsets = self._offsets(where)
        cells = (
            [self._cell(region, (row, column), offsets) for column in inside.get(row, ())]
            for row in range(first, where.bottom + 1)
            if row not in self._sheet.hidden_rows
        )
        block = table_block(grid_of(cells), region.name, self._part)
        # No table is larger than a grid: what does not fit is counted.
        self.left_out["row"] += len(inside) - len(block.rows)
        self.left_out["cell"] += sum(
            offsets[column] >= MOST_COLUMNS for columns in inside.values() for column in columns
        )
        total = len(inside)
        if where.bottom == self._sheet.last_row:
            total += self._sheet.rows_left_out
        links = [
            Link(row=number, column=offsets[column], target=self._links[row, column])
            for number, (row, columns) in enumerate(inside.items())
            for column in columns
            if (row, column) in self._links and number < len(block.rows)
        ]
        return block.model_copy(
            update={
                "anchor": reference_of((first, where.left)),
                "total_rows": total,
                "links": tuple(links),
            }
        )

    def _offsets(self, where: Range) -> dict[int, int]:
        """Return which column of the table each column of the sheet is, hidden ones left out."""
        columns = range(where.left, where.right + 1)
        seen = [column for column in columns if column not in self._sheet.hidden_columns]
        return {column: number for number, column in enumerate(seen)}

    def _cell(self, region: Region, place: Place, offsets: dict[int, int]) -> Cell:
        row, column = place
        covered = self._merged.get(place)
        rows = columns = 1
        if covered is not None:
            rows = _seen(row, min(covered.bottom, region.range.bottom), self._hidden_rows)
            columns = _seen(column, min(covered.right, region.range.right), self._hidden_columns)
        return Cell(
            text=self._sheet.texts[place],
            rows=rows,
            columns=columns,
            header=row < region.range.top + len(region.titles) + region.header_rows,
            column=offsets[column],
        )


def _seen(first: int, last: int, hidden: list[int]) -> int:
    """Count the rows or columns from one to another that are not hidden."""
    return last + 1 - first - (bisect_right(hidden, last) - bisect_left(hidden, first))
