"""Reading ODP: slides with what their master shows, notes and comments."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lxml import etree

from perdure_document.facts import Block, Document, Source
from perdure_document.formatting import flat
from perdure_document.reading.office_archive import reading
from perdure_document.reading.opendocument.flow import Flow
from perdure_document.reading.opendocument.odt import remarks
from perdure_document.reading.opendocument.package import Package, attribute, tag

_POINTS: Final = {"cm": 72 / 2.54, "mm": 72 / 25.4, "in": 72.0, "pt": 1.0}
_SAME_ROW: Final = 14.0
_SHOWN_BY_PAGE: Final = {"footer": "display-footer", "date-time": "display-date-time"}


def read_odp(source: Source, file: Path) -> Document:
    """Read an OpenDocument presentation; hidden slides are counted and not read.

    Raises:
        InputError: It cannot be read.
    """
    left_out: Counter[str] = Counter()
    with reading(file, "odp"), Package(file) as package:
        pages = list(package.content.iter(tag("draw:page")))
        blocks = tuple(
            block.model_copy(update={"part": number})
            for number, page in enumerate(pages, 1)
            for block in _Slide(package, page, left_out).blocks()
        )
        metadata = package.properties()
        first = next((block.text for block in blocks if block.type == "heading"), "")
        return Document(
            title=metadata.pop("title", "") or first or source.stem,
            kind="odp",
            metadata=metadata,
            blocks=blocks,
            parts="slide",
            names=("",) * len(pages),
            left_out={kind: count for kind, count in left_out.items() if count},
        )


class _Slide:
    def __init__(self, package: Package, page: etree._Element, left_out: Counter[str]) -> None:
        self._package, self._page, self._left_out = package, page, left_out
        self._flow = Flow(package, left_out)

    def blocks(self) -> Iterator[Block]:
        """Yield the title, the rest from top to bottom, what the master shows, and the notes."""
        if self._says("presentation:visibility") == "hidden":
            self._left_out["hidden slide"] += 1
            return
        shapes = [one for one in self._page if isinstance(one.tag, str) and _is_shape(one)]
        titles = [one for one in shapes if attribute(one, "presentation:class") == "title"]
        for title in titles:
            text = flat(" ".join(one.numbered_text for one in self._flow.drawing(title)))
            if text:
                yield Block(type="heading", text=text, level=2)
        rest = [one for one in shapes if one not in titles]
        for shape in sorted(rest, key=_place):
            if attribute(shape, "presentation:placeholder") != "true":
                yield from self._flow.drawing(shape)
        yield from self._margin()
        yield from remarks(self._flow)
        for frame in self._page.iterfind(f"{tag('presentation:notes')}/{tag('draw:frame')}"):
            if attribute(frame, "presentation:class") == "notes":
                for block in self._flow.drawing(frame):
                    if block.text:
                        yield Block(type="note", text=block.numbered_text)

    def _says(self, name: str) -> str:
        style = attribute(self._page, "draw:style-name")
        return self._package.style_value(style, "style:drawing-page-properties", name)

    def _margin(self) -> Iterator[Block]:
        name = attribute(self._page, "draw:master-page-name")
        texts = []
        for master in self._package.styles.iter(tag("style:master-page")):
            if attribute(master, "style:name") != name:
                continue
            for shape in master:
                kind = attribute(shape, "presentation:class") if _is_shape(shape) else "none"
                if not kind and self._says("presentation:background-objects-visible") != "false":
                    texts += [one.numbered_text for one in self._flow.drawing(shape)]
                elif (
                    kind in _SHOWN_BY_PAGE
                    and self._says(f"presentation:{_SHOWN_BY_PAGE[kind]}") == "true"
                ):
                    texts.append(self._declared(kind))
        if text := flat(" ".join(texts)):
            yield Block(type="footer", text=text)

    def _declared(self, kind: str) -> str:
        used = attribute(self._page, f"presentation:use-{kind}-name")
        for element in self._package.content.iter(tag(f"presentation:{kind}-decl")):
            if attribute(element, "presentation:name") == used:
                return flat("".join(map(str, element.itertext())))
        return ""


def _is_shape(element: etree._Element) -> bool:
    return (
        isinstance(element.tag, str)
        and etree.QName(element).namespace == etree.QName(tag("draw:frame")).namespace
    )


def _place(shape: etree._Element) -> tuple[float, float]:
    top, left = (_points(attribute(shape, name)) for name in ("svg:y", "svg:x"))
    return (top // _SAME_ROW, left)


def _points(length: str) -> float:
    try:
        return float(length[:-2]) * _POINTS.get(length[-2:], 1.0)
    except ValueError:
        return 0.0
