"""The blocks of a slide: its title, its texts, tables, charts, diagrams and pictures."""

import mimetypes
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from lxml import etree

from perdure_document.facts import Block, Box, Picture
from perdure_document.formatting import flat
from perdure_document.reading.ooxml.charts import chart_block
from perdure_document.reading.ooxml.diagrams import diagram_texts
from perdure_document.reading.ooxml.extended_charts import URI, extended_chart_block
from perdure_document.reading.ooxml.package import Package, attribute, local_name, shown, tag
from perdure_document.reading.slides.inheritance import Inheritance, placeholder
from perdure_document.reading.slides.text import Line, lines_of, text_of
from perdure_document.tables import Cell, grid_of, table_block

_NEWER_CHART: Final = f"{{{URI}}}chart"
_SHAPES: Final = frozenset(map(tag, ["p:sp", "p:grpSp", "p:graphicFrame", "p:pic", "p:cxnSp"]))
_TITLES: Final = {"title", "ctrTitle"}
_MARGINS: Final = {"ftr", "hdr", "dt", "sldNum"}
_DEEPEST: Final = 5
_SAME_ROW: Final = 14.0


class Slide:
    """Reads the shapes of one slide.

    Args:
        package: The presentation's parts.
        part: The slide's part.
        number: The slide's number from 1.
        left_out: Counts what is not shown or cannot be carried over.
    """

    def __init__(self, package: Package, part: str, number: int, left_out: Counter[str]) -> None:
        self._package, self._number, self._left_out = package, number, left_out
        self._root = package.xml(part)
        self._relationships = package.relationships(part)
        self._inheritance = Inheritance(package, part)
        self._margins: list[str] = []

    @property
    def hidden(self) -> bool:
        """Whether the slide is left out of the show."""
        return self._root.get("show") in {"0", "false"}

    def blocks(self) -> Iterator[Block]:
        """Yield the title, then the rest from top to bottom, then what stands in the margins."""
        tree = self._root.find(f"{tag('p:cSld')}/{tag('p:spTree')}")
        shapes = [] if tree is None else list(self._shapes(tree))
        titles = [shape for shape in shapes if _kind(shape) in _TITLES]
        for title in titles:
            lines = list(lines_of(title, self._inheritance))
            if text := flat(" ".join(line.text for line in lines)):
                yield self._block("heading", text, self._inheritance.box(title), level=2)
        for shape in self._in_order(shape for shape in shapes if shape not in titles):
            yield from self._shape(shape)
        for shape in self._inheritance.fixed(self._root):
            self._margins += [line.text for line in lines_of(shape, self._inheritance)]
        if text := flat(" ".join(self._margins)):
            yield Block(type="footer", text=text, part=self._number)

    def _shapes(self, tree: etree._Element) -> Iterator[etree._Element]:
        for shape in shown(tree):
            if shape.tag not in _SHAPES:
                continue
            properties = next(iter(shape.iter(tag("p:cNvPr"))), None)
            if properties is not None and properties.get("hidden") in {"1", "true"}:
                self._left_out["hidden shape"] += 1
            else:
                yield shape

    def _in_order(self, shapes: Iterable[etree._Element]) -> Iterator[etree._Element]:
        """Yield shapes from top to bottom, those side by side from left to right."""
        placed = [(self._inheritance.box(shape), shape) for shape in shapes]
        nowhere = Box(left=0, top=0, right=0, bottom=0)
        boxes = [(box or nowhere, shape) for box, shape in placed]
        boxes.sort(key=lambda one: one[0].top)
        row = 0
        rows = []
        for place, (box, shape) in enumerate(boxes):
            if place and box.top - boxes[place - 1][0].top > _SAME_ROW:
                row += 1
            rows.append((row, box.left, shape))
        for _, members in groupby(rows, key=lambda one: one[0]):
            for _, _, shape in sorted(members, key=lambda one: one[1]):
                yield shape

    def _shape(self, shape: etree._Element, depth: int = 0) -> Iterator[Block]:
        if shape.tag == tag("p:grpSp"):
            if depth < 50:
                for inner in self._in_order(self._shapes(shape)):
                    yield from self._shape(inner, depth + 1)
        elif shape.tag == tag("p:graphicFrame"):
            yield from self._frame(shape)
        elif shape.tag == tag("p:pic"):
            yield from self._picture(shape)
        elif shape.tag == tag("p:sp"):
            lines = list(lines_of(shape, self._inheritance))
            if _kind(shape) in _MARGINS:
                self._margins += [line.text for line in lines]
            else:
                box = self._inheritance.box(shape) if not depth else None
                yield from self._lines(lines, box)
                if not lines and next(shape.iter(tag("a:blip")), None) is not None:
                    yield from self._picture(shape)

    def _lines(self, lines: list[Line], box: Box | None) -> Iterator[Block]:
        for line in lines:
            if line.formula:
                yield self._block("formula", line.formula, box)
            elif line.marked:
                yield self._block(
                    "item",
                    line.text,
                    box,
                    markdown=line.markdown,
                    level=min(line.level, _DEEPEST),
                    ordered=bool(line.number),
                    number=line.number,
                )
            else:
                yield self._block("paragraph", line.text, box, markdown=line.markdown)

    def _frame(self, frame: etree._Element) -> Iterator[Block]:
        box = self._inheritance.box(frame)
        for element in _descendants(frame):
            if element.tag == tag("a:tbl"):
                grid = grid_of(_rows(element))
                if grid.rows:
                    yield table_block(grid, part=self._number).model_copy(update={"box": box})
            elif element.tag in {tag("c:chart"), _NEWER_CHART}:
                yield from self._chart(element, box)
            elif element.tag == tag("dgm:relIds"):
                yield from self._diagram(element, box)
            elif element.tag == tag("p:oleObj"):
                self._left_out["embedded object"] += 1
            elif element.tag == tag("p:pic"):
                yield from self._picture(element)

    def _chart(self, element: etree._Element, box: Box | None) -> Iterator[Block]:
        part = self._target(attribute(element, "r:id"))
        read = extended_chart_block if element.tag == _NEWER_CHART else chart_block
        block = read(self._package.xml(part), self._number) if part else None
        if block is None or not (block.text or block.rows):
            self._left_out["chart without data"] += 1
        else:
            yield block.model_copy(update={"box": box})

    def _diagram(self, element: etree._Element, box: Box | None) -> Iterator[Block]:
        part = self._target(attribute(element, "r:dm"))
        texts = diagram_texts(self._package.xml(part)) if part else []
        if not texts:
            self._left_out["diagram without text"] += 1
        for depth, text in texts:
            yield self._block("item", text, box, level=min(depth, _DEEPEST))

    def _picture(self, shape: etree._Element) -> Iterator[Block]:
        names = {local_name(element) for element in shape.iter()}
        if names & {"videoFile", "audioFile", "media", "quickTimeFile"}:
            self._left_out["video or sound"] += 1
        properties = next(iter(shape.iter(tag("p:cNvPr"))), None)
        description = "" if properties is None else flat(properties.get("descr") or "")
        box = self._inheritance.box(shape)
        for blip in shape.iter(tag("a:blip")):
            target = self._target(attribute(blip, "r:embed"))
            if target is None:
                self._left_out["picture outside the file"] += 1
                yield self._block("picture", description, box)
            else:
                media_type = mimetypes.guess_type(target)[0] or "application/octet-stream"
                picture = Picture(reference=target, media_type=media_type)
                yield self._block("picture", description, box, picture=picture)

    def _target(self, identifier: str | None) -> str | None:
        found = self._relationships.get(identifier or "")
        if found is None or found.external or not self._package.has(found.target):
            return None
        return found.target

    def _block(self, kind: str, text: str, box: Box | None, **more: object) -> Block:
        return Block.model_validate(
            {"type": kind, "text": text, "box": box, "part": self._number, **more}
        )


def _kind(shape: etree._Element) -> str:
    found = placeholder(shape)
    return "" if found is None else found.get("type", "")


def _descendants(element: etree._Element) -> Iterator[etree._Element]:
    for child in shown(element):
        yield child
        if child.tag not in {tag("a:tbl"), tag("p:pic")}:
            yield from _descendants(child)


def _rows(table: etree._Element) -> Iterator[list[Cell]]:
    properties = table.find(tag("a:tblPr"))
    headed = properties is not None and properties.get("firstRow") in {"1", "true"}
    for number, row in enumerate(table.findall(tag("a:tr"))):
        cells = []
        for column, cell in enumerate(row.findall(tag("a:tc"))):
            if {cell.get("hMerge"), cell.get("vMerge")} & {"1", "true"}:
                continue
            text = " ".join(text_of(paragraph) for paragraph in cell.iter(tag("a:p")))
            rows, columns = (_count(cell.get(name)) for name in ("rowSpan", "gridSpan"))
            cells.append(Cell(text, rows, columns, headed and not number, column))
        yield cells


def _count(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 1
