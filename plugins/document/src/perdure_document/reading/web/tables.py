"""Tables of web pages: which hold data and which only arrange a page, and their cells."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from lxml import etree

from perdure_document.facts import Block
from perdure_document.formatting import flat
from perdure_document.reading.web.visibility import Visibility
from perdure_document.tables import MOST_COLUMNS, MOST_ROWS, Cell, grid_of, table_block

_CELLS: Final = {"td", "th"}
_GROUPS: Final = {"thead", "tbody", "tfoot", "form", "center", "div", "span"}
_STRUCTURE: Final = _CELLS | _GROUPS | {"tr", "caption", "colgroup", "col"}
_HEADINGS: Final = ("h1", "h2", "h3", "h4", "h5", "h6")
_LONG_CELL: Final = 600
_LONG_LINE: Final = 200

_OwnRow = tuple[etree._Element, etree._Element]  # noqa: SLF001 -- lxml's only name


def is_layout(table: etree._Element) -> bool:
    """Say whether a table only arranges what stands in it, as pages of old do."""
    if table.get("role", "").lower() in {"presentation", "none"}:
        return True
    rows = [list(_cells(row)) for row, _ in _rows(table)]
    cells = [cell for row in rows for cell in row]
    if len(cells) <= 1:
        return True
    if any(cell.tag == "th" for cell in cells) or table.find("caption") is not None:
        return False
    if any(cell.find(f".//{name}") is not None for cell in cells for name in _HEADINGS):
        return True
    single = len(rows) == 1 or all(len(row) == 1 for row in rows)
    if single and table.find(".//table") is not None:
        return True
    longest = max(len("".join(map(str, cell.itertext()))) for cell in cells)
    return longest > (_LONG_LINE if single else _LONG_CELL) and table.find("thead") is None


def blocks_of_table(
    table: etree._Element,
    visibility: Visibility,
    read_cell: Callable[[etree._Element], list[Block]],
) -> Iterator[Block]:
    """Yield a table of data, and after it the tables that stand in its cells.

    Args:
        table: The table.
        visibility: Says what people see.
        read_cell: Returns the blocks in a cell.
    """
    caption = next((one for one in table if one.tag == "caption"), None)
    title = ""
    if caption is not None and visibility.sees(caption):
        title = " ".join(block.all_text for block in read_cell(caption))
    yield from _strays(table, visibility, read_cell)
    inner: list[Block] = []
    rows: list[list[Cell]] = []
    seen = [(row, group) for row, group in _rows(table) if visibility.sees(row)]
    visibility.left_out["row"] += max(len(seen) - MOST_ROWS, 0)
    for (row, group), room in zip(seen[:MOST_ROWS], _rows_to_end(seen), strict=False):
        cells = [cell for cell in _cells(row) if visibility.sees(cell)]
        visibility.left_out["cell"] += max(len(cells) - MOST_COLUMNS, 0)
        made = (_cell(cell, group.tag, read_cell, inner) for cell in cells)
        rows.append([one._replace(rows=min(one.rows, room)) for one in made])
    grid = grid_of(rows)
    if grid.rows:
        yield table_block(grid, flat(title))
    elif title:
        yield Block(type="paragraph", text=flat(title))
    yield from inner


def _strays(
    table: etree._Element,
    visibility: Visibility,
    read_cell: Callable[[etree._Element], list[Block]],
) -> Iterator[Block]:
    """Yield what stands in a table but in none of its cells: browsers show it above the table."""
    for holder in (table, *_inner_holders(table)):
        texts = [holder.text, *(child.tail for child in holder)]
        if text := flat(" ".join(filter(None, texts))):
            yield Block(type="paragraph", text=text)
        for child in holder:
            known = child.tag in _STRUCTURE or not isinstance(child.tag, str)
            if not known and visibility.sees(child):
                yield from read_cell(child)


def _inner_holders(element: etree._Element) -> Iterator[etree._Element]:
    for child in element:
        if child.tag in {"tr", "thead", "tbody", "tfoot", "form"}:
            yield child
            yield from _inner_holders(child)


def _cell(
    cell: etree._Element,
    group: str,
    read_cell: Callable[[etree._Element], list[Block]],
    inner: list[Block],
) -> Cell:
    texts: list[str] = []
    if len(cell) == 0:
        texts.append(cell.text or "")
    else:
        for block in read_cell(cell):
            if len(block.rows) > 1 and len(block.rows[0]) > 1:
                inner.append(block)
            else:
                texts.append(block.all_text)
    return Cell(
        text=" ".join(texts),
        rows=_span(cell.get("rowspan"), MOST_ROWS),
        columns=_span(cell.get("colspan"), 1),
        header=cell.tag == "th" or group == "thead",
    )


def _span(text: str | None, zero: int) -> int:
    """Return how many rows or columns a cell covers; 0 stands for all that are left."""
    digits = (text or "1").strip()
    number = int(digits) if digits.isdecimal() and len(digits) < 6 else 1
    return min(number, MOST_ROWS if zero > 1 else MOST_COLUMNS) or zero


def _rows(table: etree._Element) -> list[_OwnRow]:
    """Return a table's own rows, each with its group or the table; the footer's come last."""
    rows = list(_own_rows(table, table))
    return sorted(rows, key=lambda one: (one[1].tag == "tfoot") - (one[1].tag == "thead"))


def _own_rows(element: etree._Element, group: etree._Element) -> Iterator[_OwnRow]:
    for child in element:
        if child.tag == "tr":
            yield child, group
        elif child.tag in _GROUPS:
            yield from _own_rows(child, child if child.tag.startswith("t") else group)


def _rows_to_end(rows: Sequence[_OwnRow]) -> list[int]:
    """Return for each row how many there are to its group's end, which no cell reaches beyond."""
    room: list[int] = []
    for number, (_, group) in enumerate(reversed(rows)):
        same = number > 0 and rows[len(rows) - number][1] is group
        room.append(room[-1] + 1 if same else 1)
    return room[::-1]


def _cells(row: etree._Element) -> Iterator[etree._Element]:
    for child in row:
        if child.tag in _CELLS:
            yield child
        elif child.tag in _GROUPS:
            yield from _cells(child)
