"""What is drawn in a Word document: pictures, charts, diagrams, text boxes, embedded objects."""

import mimetypes
from collections import Counter
from collections.abc import Iterator
from typing import Final

from lxml import etree

from perdure_document.facts import Block, Picture
from perdure_document.formatting import flat
from perdure_document.reading.ooxml.charts import chart_block
from perdure_document.reading.ooxml.diagrams import diagram_texts
from perdure_document.reading.ooxml.extended_charts import URI, extended_chart_block
from perdure_document.reading.ooxml.package import (
    Package,
    Relationship,
    attribute,
    local_name,
    shown,
    tag,
)

_NEWER_CHART: Final = f"{{{URI}}}chart"
_DRAWN: Final = frozenset(map(tag, ["a:blip", "v:imagedata"]))


class Drawings:
    """Reads the drawings of one part.

    Args:
        package: The document's parts.
        part: The part whose drawings are read, such as ``word/document.xml``.
        left_out: Counts what cannot be carried over.
    """

    def __init__(self, package: Package, part: str, left_out: Counter[str]) -> None:
        self._package, self._left_out = package, left_out
        self._relationships = package.relationships(part)

    def boxes(self, drawing: etree._Element) -> Iterator[etree._Element]:
        """Yield the text boxes in a drawing, each once; those in a box are left to that box."""
        for child in shown(drawing):
            if child.tag == tag("w:txbxContent"):
                yield child
            else:
                yield from self.boxes(child)

    def blocks(self, drawing: etree._Element) -> Iterator[Block]:
        """Yield what a drawing shows beside its text boxes.

        Args:
            drawing: A ``w:drawing``, ``w:pict`` or ``w:object``.
        """
        description = _description(drawing)
        for element in _outside_boxes(drawing):
            name = local_name(element)
            if element.tag in {tag("c:chart"), _NEWER_CHART}:
                yield from self._chart(element)
            elif element.tag == tag("dgm:relIds"):
                yield from self._diagram(element)
            elif element.tag in _DRAWN:
                yield from self._picture(element, description)
            elif element.tag == tag("v:textpath") and flat(element.get("string", "")):
                yield Block(type="paragraph", text=flat(element.get("string", "")))
            elif element.tag == tag("o:OLEObject"):
                self._left_out["embedded object"] += 1
            elif name in {"videoFile", "audioFile", "webVideoPr"}:
                self._left_out["video or sound"] += 1

    def _chart(self, element: etree._Element) -> Iterator[Block]:
        found = self._target(attribute(element, "r:id"))
        block = None
        if found is not None and self._package.has(found.target):
            read = extended_chart_block if element.tag == _NEWER_CHART else chart_block
            block = read(self._package.xml(found.target))
        if block is None or not (block.text or block.rows):
            self._left_out["chart without data"] += 1
        else:
            yield block

    def _diagram(self, element: etree._Element) -> Iterator[Block]:
        found = self._target(attribute(element, "r:dm"))
        texts = []
        if found is not None and self._package.has(found.target):
            texts = diagram_texts(self._package.xml(found.target))
        if not texts:
            self._left_out["diagram without text"] += 1
        for depth, text in texts:
            yield Block(type="item", text=text, level=min(depth, 5))

    def _picture(self, element: etree._Element, description: str) -> Iterator[Block]:
        identifier = attribute(element, "r:embed") or attribute(element, "r:id")
        found = self._target(identifier or attribute(element, "r:link"))
        if found is None:
            return
        if found.external or not self._package.has(found.target):
            self._left_out["picture outside the file"] += 1
            yield Block(type="picture", text=description)
            return
        media_type = mimetypes.guess_type(found.target)[0] or "application/octet-stream"
        picture = Picture(reference=found.target, media_type=media_type)
        yield Block(type="picture", text=description, picture=picture)

    def _target(self, identifier: str | None) -> Relationship | None:
        return self._relationships.get(identifier or "")


def _outside_boxes(element: etree._Element) -> Iterator[etree._Element]:
    for child in shown(element):
        yield child
        if child.tag != tag("w:txbxContent"):
            yield from _outside_boxes(child)


def _description(drawing: etree._Element) -> str:
    for element in drawing.iter(tag("wp:docPr"), tag("v:shape")):
        text = element.get("descr") or element.get("title") or element.get("alt") or ""
        if flat(text):
            return flat(text)
    return ""
