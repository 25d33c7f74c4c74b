"""The first rows of a table of values that are separated by commas, semicolons or tabs."""

import csv
import io
import itertools
import re
from dataclasses import dataclass
from typing import Final

SHOWN_ROWS: Final = 100
SHOWN_COLUMNS: Final = 40
_CELL_CHARACTERS: Final = 300
_NUMBER: Final = re.compile(r"\s*[-+−]?[$€£]?\s?\d[\d\s.,'  ]*(?:[eE][-+]?\d+)?\s*%?\s*")  # noqa: RUF001 -- minus, narrow blanks


@dataclass(frozen=True, slots=True)
class Table:
    """The beginning of a table.

    Attributes:
        columns: The names of the columns.
        rows: The rows, each as long as ``columns``.
        numeric: Of each column, whether it holds numbers.
        more_rows: Whether the file has more rows than are here.
        more_columns: How many columns are left out.
    """

    columns: list[str]
    rows: list[list[str]]
    numeric: list[bool]
    more_rows: bool
    more_columns: int


def read_table(text: str, *, is_cut: bool) -> Table | None:
    """Return the first rows of a table; ``None`` of what is none.

    Args:
        text: The file, or its beginning.
        is_cut: Whether it is only its beginning.
    """
    try:
        read = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
        rows = list(itertools.islice(read, SHOWN_ROWS + 2))
    except csv.Error:
        return None
    if is_cut and len(rows) <= SHOWN_ROWS + 1:
        rows = rows[:-1]  # the last may be cut
    if not rows or not rows[0]:
        return None
    width = max(len(row) for row in rows)
    shown = min(width, SHOWN_COLUMNS)
    cells = [
        [cell[:_CELL_CHARACTERS] for cell in (row + [""] * (shown - len(row)))[:shown]]
        for row in rows
        if row
    ]
    head, body = cells[0], cells[1 : SHOWN_ROWS + 1]
    return Table(
        columns=head,
        rows=body,
        numeric=[_is_numeric([row[column] for row in body]) for column in range(shown)],
        more_rows=is_cut or len(cells) > SHOWN_ROWS + 1,
        more_columns=width - shown,
    )


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t|", key=first.count)


def _is_numeric(cells: list[str]) -> bool:
    filled = [cell for cell in cells if cell.strip()]
    return bool(filled) and all(_NUMBER.fullmatch(cell) for cell in filled)
