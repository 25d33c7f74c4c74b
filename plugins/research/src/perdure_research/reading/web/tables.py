"""Tables of web pages as rows: each cell that spans several stands in each of its rows."""

from collections.abc import Callable
from typing import Final

from perdure_research.reading.web.visibility import Element

_MOST_COLUMNS: Final = 100
_MOST_SPAN: Final = 1000
_LONGEST_CELL: Final = 1200
_BLOCKS: Final = ("p", "ul", "ol", "pre", "h1", "h2", "h3", "h4", "table", "blockquote")


def is_layout(table: Element) -> bool:
    """Say whether a table only lays a page out: it has one column, or whole pages in its cells."""
    if table.get("role") in {"presentation", "none"}:
        return True
    if table.find(".//table") is not None:
        return True
    rows = own_rows(table)
    if max((len(_cells(row)) for row in rows), default=0) < 2:
        return True
    for row in rows:
        for cell in _cells(row):
            several = sum(1 for _ in cell.iter(*_BLOCKS))
            if several > 3 and len("".join(cell.itertext())) > _LONGEST_CELL:
                return True
    return False


def own_rows(table: Element) -> list[Element]:
    """Return the rows of a table, not those of tables in it."""
    return [row for row in table.iter("tr") if next(row.iterancestors("table"), None) is table]


def rows_of(table: Element, text_of: Callable[[Element], str]) -> list[tuple[bool, list[str]]]:
    """Return the rows of a table as texts, and of each whether it is a header."""
    pending: dict[int, tuple[int, str]] = {}  # column: rows to go, text
    rows = []
    for row in own_rows(table):
        cells: list[str] = []
        own = _cells(row)
        for cell in own:
            _fill(cells, pending)
            text = " ".join(text_of(cell).split())
            down = _span(cell, "rowspan")
            for number in range(min(_span(cell, "colspan"), _MOST_COLUMNS)):
                if down > 1:
                    pending[len(cells)] = (down - 1, text)
                cells.append("" if number else text)
        _fill(cells, pending)
        header = bool(own) and all(cell.tag == "th" for cell in own)
        if any(cells):
            rows.append((header or row.getparent().tag == "thead", cells))
    return rows


def _fill(cells: list[str], pending: dict[int, tuple[int, str]]) -> None:
    """Put in the cells that come down from rows above."""
    while len(cells) in pending:
        left, text = pending.pop(len(cells))
        if left > 1:
            pending[len(cells)] = (left - 1, text)
        cells.append(text)


def _cells(row: Element) -> list[Element]:
    return [cell for cell in row if cell.tag in {"td", "th"}]


def _span(cell: Element, name: str) -> int:
    given = (cell.get(name) or "").strip()
    return max(1, min(int(given), _MOST_SPAN)) if given.isdecimal() else 1
