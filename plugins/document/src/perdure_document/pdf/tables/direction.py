"""The direction in which a table is read."""

from perdure_document.pdf.content import Table
from perdure_document.pdf.scripts import is_right_to_left


def in_reading_direction(table: Table) -> Table:
    """Return a table whose first column is the right one, when its text is read from the right."""
    leftward = sum(is_right_to_left(cell.text) for cell in table.cells)
    if not leftward or leftward * 2 <= sum(
        any(map(str.isalpha, cell.text)) for cell in table.cells
    ):
        return table
    cells = [
        cell._replace(column=table.columns - cell.column - cell.columns) for cell in table.cells
    ]
    return table._replace(cells=tuple(sorted(cells)), extents=table.extents[::-1])
