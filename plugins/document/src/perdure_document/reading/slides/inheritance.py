"""What a slide's shapes take over from their layout and master: place, bullets, fixed text."""

from collections.abc import Iterator
from typing import Final

from lxml import etree

from perdure_document.facts import Box
from perdure_document.reading.ooxml.package import Package, tag

EMU_PER_POINT: Final = 12_700
_BULLETS: Final = frozenset(map(tag, ["a:buNone", "a:buChar", "a:buAutoNum", "a:buBlip"]))
# A placeholder without a type holds the body; some types stand for others on the master.
_MASTER_TYPES: Final = {"ctrTitle": "title", "subTitle": "body", "obj": "body", "": "body"}
_STYLES: Final = {"title": "p:titleStyle", "body": "p:bodyStyle"}


class Inheritance:
    """The layout and the master below a slide.

    Args:
        package: The presentation's parts.
        slide: The slide's part.
    """

    def __init__(self, package: Package, slide: str) -> None:
        layouts = package.related(slide, "slideLayout")
        masters = package.related(layouts[0], "slideMaster") if layouts else []
        parts = [*layouts[:1], *masters[:1]]
        self.roots = [package.shared(part) for part in parts]
        self._layout = self.roots[0] if layouts else None
        self._master = self.roots[1] if masters else None

    def box(self, shape: etree._Element) -> Box | None:
        """Return where a shape stands, by itself or by its layout or master."""
        for one in (shape, *self._ancestors(shape)):
            for frame in one.iter(tag("a:xfrm"), tag("p:xfrm")):
                offset, extent = frame.find(tag("a:off")), frame.find(tag("a:ext"))
                if offset is not None and extent is not None:
                    left, top = _points(offset, "x"), _points(offset, "y")
                    right, bottom = left + _points(extent, "cx"), top + _points(extent, "cy")
                    return Box(left=left, top=top, right=right, bottom=bottom)
                break
        return None

    def bullet(self, shape: etree._Element, paragraph: etree._Element) -> etree._Element | None:
        """Return the element that says how a paragraph is marked, ``a:buAutoNum`` for instance."""
        properties = paragraph.find(tag("a:pPr"))
        found = _bullet(properties)
        level = level_of(paragraph) + 1
        for one in (shape, *self._ancestors(shape)):
            if found is not None:
                return found
            styles = one.find(f"{tag('p:txBody')}/{tag('a:lstStyle')}")
            if styles is not None:
                found = _bullet(styles.find(tag(f"a:lvl{level}pPr")))
        if found is None and self._master is not None:
            style = _STYLES.get(_master_type(shape) or "", "p:otherStyle")
            path = f"{tag('p:txStyles')}/{tag(style)}/{tag(f'a:lvl{level}pPr')}"
            found = _bullet(self._master.find(path))
        return found

    def fixed(self, slide: etree._Element) -> Iterator[etree._Element]:
        """Yield the shapes with text that the layout and the master show on the slide."""
        shows = slide.get("showMasterSp") not in {"0", "false"}
        for root in self.roots:
            if not shows:
                return
            for shape in root.iter(tag("p:sp")):
                if placeholder(shape) is None:
                    yield shape
            shows = root.get("showMasterSp") not in {"0", "false"}

    def _ancestors(self, shape: etree._Element) -> Iterator[etree._Element]:
        own = placeholder(shape)
        if own is None:
            return
        index, kind = own.get("idx"), own.get("type", "")
        for one in self._placeholders(self._layout):
            other = placeholder(one)
            assert other is not None
            same = other.get("idx") == index if index else other.get("type", "") == kind
            if same:
                yield one
                break
        for one in self._placeholders(self._master):
            if _master_type(one) == _master_type(shape):
                yield one
                break

    @staticmethod
    def _placeholders(root: etree._Element | None) -> Iterator[etree._Element]:
        for shape in () if root is None else root.iter(tag("p:sp")):
            if placeholder(shape) is not None:
                yield shape


def placeholder(shape: etree._Element) -> etree._Element | None:
    """Return the element ``p:ph`` of a placeholder; ``None`` for other shapes."""
    for child in shape:
        found = child.find(f"{tag('p:nvPr')}/{tag('p:ph')}")
        if found is not None:
            return found
    return None


def level_of(paragraph: etree._Element) -> int:
    """Return a paragraph's depth from 0."""
    properties = paragraph.find(tag("a:pPr"))
    level = "0" if properties is None else properties.get("lvl", "0")
    return min(int(level), 8) if level.isdecimal() else 0


def _master_type(shape: etree._Element) -> str | None:
    own = placeholder(shape)
    return None if own is None else _MASTER_TYPES.get(own.get("type", ""), own.get("type", ""))


def _bullet(properties: etree._Element | None) -> etree._Element | None:
    children = () if properties is None else properties
    return next((child for child in children if child.tag in _BULLETS), None)


def _points(element: etree._Element, name: str) -> float:
    value = element.get(name, "0")
    try:
        return round(int(value) / EMU_PER_POINT, 1)
    except ValueError:
        return 0.0
