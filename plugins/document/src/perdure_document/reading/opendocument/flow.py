"""The blocks of a text, a text box, a cell: paragraphs, headings, lists, tables, drawings."""

import mimetypes
from collections import Counter
from collections.abc import Iterator
from typing import Final

from lxml import etree

from perdure_document.facts import Block, Picture
from perdure_document.formatting import flat
from perdure_document.reading.opendocument import numbering
from perdure_document.reading.opendocument.package import Package, attribute, count, tag
from perdure_document.reading.opendocument.text import Inline, TextReader
from perdure_document.tables import MOST_COLUMNS, Cell, grid_of, table_block

_TRANSPARENT: Final = frozenset(
    map(
        tag,
        [
            *("text:section", "text:table-of-content", "text:index-body", "text:index-title"),
            *("text:illustration-index", "text:table-index", "text:object-index"),
            *("text:user-index", "text:alphabetical-index", "text:bibliography"),
            *(
                "text:numbered-paragraph",
                "office:text",
                "draw:text-box",
                "draw:a",
                "text:note-body",
            ),
        ],
    )
)
_EMBEDDED: Final = (tag("office:spreadsheet"), tag("office:text"))
_SHAPES: Final = etree.QName(tag("draw:frame")).namespace
_DEEPEST: Final = 5
_DEEPEST_TABLE: Final = 20
_MOST_BLANK_ROWS: Final = 1000


class Flow:
    """Reads elements in their order.

    Args:
        package: The document's parts.
        left_out: Counts what is not shown or cannot be carried over.

    Attributes:
        notes: The footnotes and endnotes referred to so far.
        comments: The comments so far.
    """

    def __init__(self, package: Package, left_out: Counter[str]) -> None:
        self._package, self._left_out = package, left_out
        self._text = TextReader(package, left_out)
        self._lists = numbering.Lists(package)
        self._depth = 0
        self.notes: list[etree._Element] = []
        self.comments: list[etree._Element] = []

    def blocks(self, element: etree._Element) -> Iterator[Block]:
        """Yield the blocks in an element."""
        for child in element:
            if isinstance(child.tag, str):
                yield from self.block(child)

    def block(self, element: etree._Element) -> Iterator[Block]:
        """Yield the blocks that an element makes."""
        if element.tag == tag("text:p"):
            yield from self._paragraph(element)
        elif element.tag == tag("text:h"):
            yield from self._heading(element)
        elif element.tag == tag("text:list"):
            yield from self._list(element, "", None, 1)
        elif element.tag == tag("table:table"):
            yield from self._table(element)
        elif element.tag in _TRANSPARENT:
            if attribute(element, "text:display") == "none":
                self._left_out["hidden section"] += 1
            elif self._depth < _DEEPEST_TABLE:
                self._depth += 1
                yield from self.blocks(element)
                self._depth -= 1
        elif etree.QName(element).namespace == _SHAPES:
            yield from self.drawing(element)
        elif element.tag == tag("office:annotation"):
            self.comments.append(element)

    def remark(self, element: etree._Element) -> str:
        """Return the text of a note or a comment on one line."""
        return flat(" ".join(block.numbered_text for block in self.blocks(element)))

    def _paragraph(self, element: etree._Element) -> Iterator[Block]:
        inline = self._read(element)
        names = [
            attribute(style, "style:name")
            for style in self._package.style_chain(attribute(element, "text:style-name"))
        ]
        if text := inline.text:
            if "Title" in names:
                yield Block(type="heading", text=flat(text), markdown=inline.markdown, level=1)
            else:
                kind = "quote" if "Quotations" in names else "paragraph"
                yield Block.model_validate(
                    {"type": kind, "text": text, "markdown": inline.markdown}
                )
        for drawn in inline.objects:
            yield from self.drawing(drawn)

    def _heading(self, element: etree._Element, number: str | None = None) -> Iterator[Block]:
        inline = self._read(element)
        level = count(element, "text:outline-level")
        if number is None:
            plain = attribute(element, "text:is-list-header") == "true"
            number = "" if plain or not inline.text else self._lists.headings.next(level)
        if text := flat(inline.text):
            yield Block(
                type="heading",
                text=text,
                markdown=inline.markdown,
                level=min(level, 6),
                number=number,
            )
        for drawn in inline.objects:
            yield from self.drawing(drawn)

    def _read(self, element: etree._Element) -> Inline:
        inline = self._text.read(element)
        self.notes += inline.notes
        self.comments += inline.comments
        return inline

    def _list(
        self, element: etree._Element, style: str, counter: numbering.Counter | None, level: int
    ) -> Iterator[Block]:
        own = attribute(element, "text:style-name")
        if counter is None or (own and own != style):
            style = own or style
            counter = self._lists.begin(element, style)
        for item in element:
            if item.tag not in {tag("text:list-item"), tag("text:list-header")}:
                continue
            first = item.tag == tag("text:list-item")
            for child in item:
                if child.tag == tag("text:list"):
                    if level < _DEEPEST_TABLE:
                        yield from self._list(child, style, counter, level + 1)
                elif first and child.tag in {tag("text:p"), tag("text:h")}:
                    first = False
                    start = attribute(item, "text:start-value")
                    number = counter.next(level, int(start) if start.isdecimal() else None)
                    yield from self._item(child, number, level)
                elif isinstance(child.tag, str):
                    yield from self.block(child)

    def _item(self, element: etree._Element, number: str, level: int) -> Iterator[Block]:
        if element.tag == tag("text:h"):
            yield from self._heading(element, number)
            return
        inline = self._read(element)
        if inline.text or (number and not inline.objects):
            yield Block(
                type="item",
                text=flat(inline.text),
                markdown=inline.markdown,
                level=min(level - 1, _DEEPEST),
                ordered=bool(number),
                number=number,
            )
        for drawn in inline.objects:
            yield from self.drawing(drawn)

    def _table(self, element: etree._Element) -> Iterator[Block]:
        if self._depth >= _DEEPEST_TABLE:
            self._left_out["table nested too deeply"] += 1
            return
        self._depth += 1
        loose: list[Block] = []
        grid = grid_of(self._rows(element, False, loose))
        if grid.rows:
            yield table_block(grid)
        yield from loose
        self._depth -= 1

    def _rows(
        self, element: etree._Element, header: bool, loose: list[Block]
    ) -> Iterator[list[Cell]]:
        for child in element:
            if child.tag in {tag("table:table-header-rows"), tag("table:table-rows")}:
                heads = child.tag == tag("table:table-header-rows")
                yield from self._rows(child, heads, loose)
            elif child.tag == tag("table:table-row-group"):
                yield from self._rows(child, header, loose)
            elif child.tag == tag("table:table-row"):
                if attribute(child, "table:visibility") in {"collapse", "filter"}:
                    self._left_out["hidden row"] += self._says_something(child)
                    continue
                cells = list(self._cells(child, header, loose))
                times = count(child, "table:number-rows-repeated")
                some = any(cell.text for cell in cells)
                for _ in range(min(times, _MOST_BLANK_ROWS) if some else 1):
                    yield cells

    def _says_something(self, row: etree._Element) -> bool:
        return any(text.strip() for text in map(str, row.itertext()))

    def _cells(self, row: etree._Element, header: bool, loose: list[Block]) -> Iterator[Cell]:
        column = 0
        for cell in row:
            times = count(cell, "table:number-columns-repeated")
            if cell.tag == tag("table:table-cell") and column < MOST_COLUMNS:
                text = self._cell(cell, loose)
                rows = count(cell, "table:number-rows-spanned")
                columns = count(cell, "table:number-columns-spanned")
                for place in range(min(times, MOST_COLUMNS - column) if text else 1):
                    yield Cell(text, rows, columns, header, column + place)
            column += times

    def _cell(self, cell: etree._Element, loose: list[Block]) -> str:
        texts = []
        for block in self.blocks(cell):
            if block.type in {"picture", "chart"}:
                loose.append(block)
            elif block.rows:
                texts.append("; ".join(" | ".join(filter(None, row)) for row in block.rows))
            else:
                texts.append(block.numbered_text)
        return " ".join(texts)

    def drawing(self, element: etree._Element) -> Iterator[Block]:
        """Yield what a frame, a shape or a group of shapes shows."""
        if element.tag == tag("draw:g"):
            for child in element:
                if isinstance(child.tag, str) and etree.QName(child).namespace == _SHAPES:
                    yield from self.drawing(child)
        elif element.tag == tag("draw:frame"):
            yield from self._frame(element)
        elif element.tag == tag("draw:control"):
            self._left_out["form control"] += 1
        else:
            yield from self.blocks(element)

    def _frame(self, frame: etree._Element) -> Iterator[Block]:
        """Yield the first form of what a frame holds: the others are for weaker programs."""
        description = flat(
            frame.findtext(tag("svg:desc")) or frame.findtext(tag("svg:title")) or ""
        )
        for child in frame:
            if child.tag == tag("draw:text-box"):
                yield from self.block(child)
                return
            if child.tag == tag("table:table"):
                yield from self._table(child)
                return
            if child.tag in {tag("draw:object"), tag("draw:object-ole")}:
                yield from self._object(child, description)
                return
            if child.tag == tag("draw:image"):
                yield self._picture(child, description)
                yield from self.blocks(child)
                return
            if child.tag in {tag("draw:plugin"), tag("draw:applet"), tag("draw:floating-frame")}:
                self._left_out["video or sound"] += child.tag == tag("draw:plugin")
                self._left_out["embedded object"] += child.tag != tag("draw:plugin")

    def _picture(self, image: etree._Element, description: str) -> Block:
        part = self._package.embedded(image)
        if not part:
            embedded = image.find(tag("office:binary-data")) is not None
            self._left_out["picture outside the file"] += not embedded
            return Block(type="picture", text=description)
        media_type = mimetypes.guess_type(part)[0] or "application/octet-stream"
        picture = Picture(reference=part, media_type=media_type)
        return Block(type="picture", text=description, picture=picture)

    def _object(self, element: etree._Element, description: str) -> Iterator[Block]:
        part = self._package.embedded(element)
        root = element
        if part and self._package.has(f"{part}/content.xml"):
            root = self._package.xml(f"{part}/content.xml")
        formula = next(root.iter(tag("math:math")), None)
        chart = next(root.iter(tag("office:chart")), None)
        if formula is not None:
            if text := _formula(formula):
                yield Block(type="formula", text=text)
        elif chart is not None:
            yield self._chart(chart)
        elif (inner := next(root.iter(*_EMBEDDED), None)) is not None and inner is not element:
            yield from self.blocks(inner)
        else:
            self._left_out["embedded object"] += 1
            if description:
                yield Block(type="picture", text=description)

    def _chart(self, chart: etree._Element) -> Block:
        titles = [
            flat("".join(map(str, element.itertext())))
            for element in chart.iter(tag("chart:title"), tag("chart:subtitle"))
        ]
        table = next(chart.iter(tag("table:table")), None)
        grid = grid_of(() if table is None else self._rows(table, False, []))
        return Block(
            type="chart",
            text="; ".join(filter(None, titles)),
            rows=grid.rows,
            total_rows=grid.total_rows,
        )


def _formula(element: etree._Element) -> str:
    """Return a formula as the editor had it, such as ``E = m c^{2}``; else its characters."""
    source = next(element.iter(tag("math:annotation")), None)
    if source is not None and flat(source.text or ""):
        return flat(source.text or "")
    return flat(" ".join(map(str, element.itertext())))
