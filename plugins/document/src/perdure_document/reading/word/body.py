"""The blocks of a Word document's text, of its notes, its headers and its text boxes."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from lxml import etree

from perdure_document.facts import Block
from perdure_document.formatting import flat
from perdure_document.reading.ooxml.package import attribute, shown, switched_on, tag
from perdure_document.reading.word.drawings import Drawings
from perdure_document.reading.word.numbering import Numbered, Numbering
from perdure_document.reading.word.styles import Styles, outline_level
from perdure_document.reading.word.text import Inline, TextReader
from perdure_document.tables import Cell, grid_of, table_block

_WRAPPERS: Final = frozenset(
    map(tag, ["w:sdt", "w:sdtContent", "w:customXml", "w:ins", "w:moveTo", "w:smartTag"])
)
_DEEPEST: Final = 5
_DEEPEST_TABLE: Final = 20


class Story:
    """Reads one part of a document from its first paragraph to its last.

    Args:
        styles: The document's styles.
        numbering: Its lists.
        text: Reads the paragraphs.
        drawings: Reads what is drawn in them.
        left_out: Counts what cannot be carried over.
    """

    def __init__(
        self,
        styles: Styles,
        numbering: Numbering,
        text: TextReader,
        drawings: Drawings,
        left_out: Counter[str],
    ) -> None:
        self._styles, self._numbering = styles, numbering
        self._text, self._drawings, self._left_out = text, drawings, left_out
        self._pending: Inline | None = None
        self._depth = 0
        self.comments: list[str] = []

    def blocks(self, element: etree._Element) -> Iterator[Block]:
        """Yield the blocks in an element that holds paragraphs and tables."""
        for child in contents(element):
            if child.tag == tag("w:p"):
                yield from self._paragraph(child)
            elif child.tag == tag("w:tbl"):
                yield from self._table(child)
            elif child.tag == tag("w:altChunk"):
                self._left_out["embedded document"] += 1

    def _paragraph(self, paragraph: etree._Element) -> Iterator[Block]:
        properties = paragraph.find(tag("w:pPr"))
        inline = self._text.read(paragraph, self._pending)
        self._pending = None
        if properties is not None and _goes_on(properties):
            self._pending = inline
            return
        name = None if properties is None else attribute(properties.find(tag("w:pStyle")))
        hidden = properties is not None and switched_on(
            properties.find(f"{tag('w:rPr')}/{tag('w:vanish')}")
        )
        text = inline.text
        numbered = None
        if text or not hidden:
            numbered = self._numbering.next(properties, name)
        self.comments += inline.comments
        if text or (numbered and numbered.number and not inline.objects):
            yield self._block(properties, name, inline, numbered)
        for drawing in inline.objects:
            for box in self._drawings.boxes(drawing):
                if self._depth < _DEEPEST_TABLE:
                    self._depth += 1
                    yield from self.blocks(box)
                    self._depth -= 1
            yield from self._drawings.blocks(drawing)

    def _block(
        self,
        properties: etree._Element | None,
        name: str | None,
        inline: Inline,
        numbered: Numbered | None,
    ) -> Block:
        style = self._styles.get(name)
        number = numbered.number if numbered else ""
        own = None if properties is None else properties.find(tag("w:outlineLvl"))
        heading = style.heading if own is None else outline_level(own)
        if style.title and not heading:
            heading = 1
        if heading:
            return Block(
                type="heading",
                text=flat(inline.text),
                markdown=inline.markdown,
                level=min(heading, 6),
                number=number,
            )
        if inline.formula:
            return Block(type="formula", text=inline.formula, number=number)
        if numbered is not None or style.list is not None:
            ordered = style.list.ordered if numbered is None and style.list else bool(number)
            level = max(numbered.level if numbered else 0, style.list.depth if style.list else 0)
            return Block(
                type="item",
                text=flat(inline.text),
                markdown=inline.markdown,
                level=min(level, _DEEPEST),
                ordered=ordered,
                number=number,
            )
        kind = "quote" if style.quote else "paragraph"
        return Block.model_validate(
            {"type": kind, "text": inline.text, "markdown": inline.markdown}
        )

    def _table(self, table: etree._Element) -> Iterator[Block]:
        if self._depth >= _DEEPEST_TABLE:
            self._left_out["table nested too deeply"] += 1
            return
        self._depth += 1
        rows = [row for row in contents(table) if row.tag == tag("w:tr") and not _deleted(row)]
        cells = [list(_cells(row)) for row in rows]
        nested = any(cell.find(f".//{tag('w:tbl')}") is not None for row in cells for cell in row)
        single = len(cells) == 1 or all(len(row) <= 1 for row in cells)
        if cells and ((nested and single) or (len(cells) == 1 and len(cells[0]) == 1)):
            # A table that only arranges what stands in it.
            for row in cells:
                for cell in row:
                    yield from self.blocks(cell)
        else:
            loose: list[Block] = []
            grid = grid_of(self._rows(rows, cells, loose))
            if grid.rows:
                yield table_block(grid)
            yield from loose
        self._depth -= 1

    def _rows(
        self,
        rows: list[etree._Element],
        cells: list[list[etree._Element]],
        loose: list[Block],
    ) -> Iterator[list[Cell]]:
        """Yield the cells that begin in each row; pictures and charts in them become loose."""
        covering = _rows_covered(rows, cells)
        for number, (row, elements) in enumerate(zip(rows, cells, strict=True)):
            properties = row.find(tag("w:trPr"))
            header = properties is not None and switched_on(properties.find(tag("w:tblHeader")))
            made = []
            column = _number(properties, "w:gridBefore")
            for element in elements:
                width = _width(element)
                if not _continues(element):
                    text = self._cell(element, loose)
                    height = covering.get((number, column), 1)
                    made.append(Cell(text, height, width, header, column))
                column += width
            yield made

    def _cell(self, element: etree._Element, loose: list[Block]) -> str:
        texts = []
        for block in self.blocks(element):
            if block.type in {"picture", "chart"}:
                loose.append(block)
            elif block.type == "table":
                texts += ["; ".join(" | ".join(filter(None, row)) for row in block.rows)]
            elif block.type == "formula":
                texts.append(f"${block.text}$")
            else:
                texts.append(block.numbered_text)
        return " ".join(texts)


def contents(element: etree._Element) -> Iterator[etree._Element]:
    """Yield the paragraphs, tables, rows or cells in an element, whatever is wrapped around."""
    for child in shown(element):
        if child.tag in _WRAPPERS:
            yield from contents(child)
        else:
            yield child


def _goes_on(properties: etree._Element) -> bool:
    """Say whether the next paragraph belongs to this one: its end is gone, or it is a drop cap.

    Args:
        properties: The paragraph's ``w:pPr``.
    """
    mark = properties.find(tag("w:rPr"))
    if mark is not None and any(mark.find(tag(n)) is not None for n in ("w:del", "w:moveFrom")):
        return True
    return attribute(properties.find(tag("w:framePr")), "w:dropCap") in {"drop", "margin"}


def _deleted(row: etree._Element) -> bool:
    return row.find(f"{tag('w:trPr')}/{tag('w:del')}") is not None


def _cells(row: etree._Element) -> Iterator[etree._Element]:
    for cell in contents(row):
        if cell.tag == tag("w:tc") and cell.find(f"{tag('w:tcPr')}/{tag('w:cellDel')}") is None:
            yield cell


def _number(properties: etree._Element | None, name: str) -> int:
    value = None if properties is None else attribute(properties.find(tag(name)))
    return min(int(value), 1000) if value and value.isdecimal() else 0


def _width(cell: etree._Element) -> int:
    return max(_number(cell.find(tag("w:tcPr")), "w:gridSpan"), 1)


def _continues(cell: etree._Element) -> bool:
    """Say whether a cell belongs to the one above or to the left of it."""
    for name in ("w:vMerge", "w:hMerge"):
        merge = cell.find(f"{tag('w:tcPr')}/{tag(name)}")
        if merge is not None and attribute(merge) != "restart":
            return True
    return False


def _rows_covered(
    rows: list[etree._Element], cells: Iterable[list[etree._Element]]
) -> dict[tuple[int, int], int]:
    """Return how many rows the cells cover that begin at a row and a column."""
    covered: dict[tuple[int, int], int] = {}
    begun: dict[int, tuple[int, int]] = {}
    for number, (row, elements) in enumerate(zip(rows, cells, strict=True)):
        column = _number(row.find(tag("w:trPr")), "w:gridBefore")
        reached = {}
        for element in elements:
            merge = element.find(f"{tag('w:tcPr')}/{tag('w:vMerge')}")
            if merge is not None and attribute(merge) != "restart" and column in begun:
                reached[column] = begun[column]
                covered[begun[column]] = number - begun[column][0] + 1
            else:
                reached[column] = (number, column)
            column += _width(element)
        begun = reached
    return covered
