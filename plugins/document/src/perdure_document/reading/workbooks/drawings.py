"""What lies above the cells of a sheet: text boxes, charts, pictures, diagrams, form controls."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from lxml import etree

from perdure_document.facts import Block, Picture
from perdure_document.formatting import flat
from perdure_document.reading.ooxml.charts import Cells, chart_block
from perdure_document.reading.ooxml.diagrams import diagram_texts
from perdure_document.reading.ooxml.extended_charts import URI, extended_chart_block
from perdure_document.reading.ooxml.package import Package, local_name, shown, tag

_ANCHORS: Final = {"twoCellAnchor", "oneCellAnchor", "absoluteAnchor"}
_CONTROLS: Final = {"Button", "Checkbox", "Radio", "GBox", "Label", "Dialog", "Edit"}
_BOXES: Final = {"Checkbox": "☐☑", "Radio": "○◉"}


class Drawing:
    """A sheet's drawing as blocks, in the order of the cells that its shapes lie on.

    Args:
        package: The workbook's file.
        number: The sheet's number, from 1.
        cells: Returns what the cells show that a chart refers to.
    """

    def __init__(self, package: Package, number: int, cells: Cells) -> None:
        self._package = package
        self._number = number
        self._cells = cells
        self.left_out: Counter[str] = Counter()

    def blocks(self, name: str) -> list[Block]:
        """Return the blocks of a drawing.

        Args:
            name: The drawing's part.
        """
        relations = self._package.relationships(name)
        targets = {key: one.target for key, one in relations.items() if not one.external}
        found: list[tuple[tuple[int, int], Block]] = []
        for anchor in shown(self._package.xml(name)):
            if local_name(anchor) in _ANCHORS:
                place = _place(anchor)
                newer = [one for one in anchor.iter(tag("a:graphicData")) if one.get("uri") == URI]
                found += ((place, self._newer_chart(one, targets)) for one in newer)
                # Programs that do not know newer charts show a box that says so.
                for shape in () if newer else shown(anchor):
                    found += ((place, block) for block in self._shape(shape, targets))
        found.sort(key=lambda one: one[0])
        return [block for _, block in found]

    def controls(self, name: str) -> Iterator[Block]:
        """Yield the texts of the form controls in a drawing of the old kind (VML).

        Args:
            name: The drawing's part.
        """
        for shape in self._package.xml(name).iter("{*}shape"):
            data = next(shape.iter("{*}ClientData"), None)
            kind = data.get("ObjectType", "") if data is not None else ""
            box = next(shape.iter("{*}textbox"), None)
            text = flat(" ".join(map(str, box.itertext()))) if box is not None else ""
            if kind in _CONTROLS and text and data is not None:
                checked = next(data.iter("{*}Checked"), None)
                on = checked is not None and (checked.text or "").strip() != "0"
                mark = f"{_BOXES[kind][on]} " if kind in _BOXES else ""
                yield Block(type="paragraph", text=f"{mark}{text}", part=self._number)

    def _shape(self, shape: etree._Element, targets: dict[str, str]) -> Iterator[Block]:
        name = local_name(shape)
        if name not in {"sp", "grpSp", "pic", "graphicFrame", "cxnSp"}:
            return
        about = next(shape.iter("{*}cNvPr"), None)
        if about is not None and about.get("hidden") in {"1", "true"}:
            # The shape of a control or an object is hidden, and kept elsewhere for older programs.
            self.left_out["hidden shape"] += next(shape.iter("{*}compatExt"), None) is None
        elif name == "grpSp":
            for inner in shown(shape):
                yield from self._shape(inner, targets)
        elif name == "pic":
            yield self._picture(shape, about, targets)
        elif name == "graphicFrame":
            yield from self._frame(shape, targets)
        else:
            yield from self._texts(shape)

    def _texts(self, shape: etree._Element) -> Iterator[Block]:
        for paragraph in shape.iter(tag("a:p")):
            pieces = [
                "\n" if local_name(one) == "br" else one.text or ""
                for one in paragraph.iter(tag("a:t"), tag("a:br"))
            ]
            if text := flat("".join(pieces)):
                yield Block(type="paragraph", text=text, part=self._number)

    def _picture(
        self, shape: etree._Element, about: etree._Element | None, targets: dict[str, str]
    ) -> Block:
        image = next(shape.iter(tag("a:blip")), None)
        reference = targets.get(image.get(tag("r:embed"), ""), "") if image is not None else ""
        return Block(
            type="picture",
            text=flat(about.get("descr", "")) if about is not None else "",
            picture=Picture(reference=reference) if reference else None,
            part=self._number,
        )

    def _frame(self, frame: etree._Element, targets: dict[str, str]) -> Iterator[Block]:
        for data in frame.iter(tag("a:graphicData")):
            for child in data:
                kind = local_name(child)
                target = targets.get(child.get(tag("r:id"), ""), "")
                if kind == "chart" and target:
                    yield chart_block(self._package.xml(target), self._number, self._cells)
                elif kind == "relIds":
                    root = self._package.xml(targets[child.get(tag("r:dm"), "")])
                    for depth, text in diagram_texts(root):
                        yield Block(type="item", text=text, level=depth, part=self._number)
                else:
                    self.left_out["embedded object"] += 1

    def _newer_chart(self, data: etree._Element, targets: dict[str, str]) -> Block:
        target = next((targets.get(one.get(tag("r:id"), ""), "") for one in data), "")
        return extended_chart_block(self._package.xml(target), self._number)


def _place(anchor: etree._Element) -> tuple[int, int]:
    begin = next((one for one in anchor if local_name(one) == "from"), None)
    if begin is None:
        return 0, 0
    numbers = {local_name(one): (one.text or "").strip() for one in begin}
    row, column = numbers.get("row", ""), numbers.get("col", "")
    return int(row) if row.isdecimal() else 0, int(column) if column.isdecimal() else 0
