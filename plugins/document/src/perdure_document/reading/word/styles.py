"""The styles of a Word document: which are headings, numbered or hidden."""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final, NamedTuple

from lxml import etree

from perdure_document.reading.ooxml.package import attribute, switched_on, tag

_HEADING: Final = re.compile(r"heading (\d)", re.IGNORECASE)
_LIST: Final = re.compile(r"list (bullet|number|paragraph)(?: (\d))?", re.IGNORECASE)
_DEEPEST_OUTLINE: Final = 8


class ListStyle(NamedTuple):
    """What the name of a style such as ``List Number 2`` says: numbered, and the depth from 0."""

    ordered: bool
    depth: int


class Style:
    """A style with what it inherits from others.

    Args:
        chain: Its element and those of the styles that it is based on, nearest first.
    """

    def __init__(self, chain: tuple[etree._Element, ...]) -> None:
        self._chain = chain
        self._found: dict[tuple[str, ...], etree._Element | None] = {}
        self.name = (attribute(chain[0].find(tag("w:name"))) or "").lower() if chain else ""

    def element(self, *names: str) -> etree._Element | None:
        """Return the nearest element on a path below the style, such as ``w:pPr``, ``w:numPr``."""
        if names not in self._found:
            path = "/".join(map(tag, names))
            elements = (one.find(path) for one in self._chain)
            self._found[names] = next((one for one in elements if one is not None), None)
        return self._found[names]

    @property
    def numbered_by(self) -> str | None:
        """The identifier of the style in the chain that has the numbering."""
        path = f"{tag('w:pPr')}/{tag('w:numPr')}"
        found = (one for one in self._chain if one.find(path) is not None)
        return next((attribute(one, "w:styleId") for one in found), None)

    @property
    def title(self) -> bool:
        """Whether it is that of the document's title."""
        return self.name == "title"

    @cached_property
    def heading(self) -> int:
        """The level of a heading from 1; 0 for other styles."""
        for one in self._chain:
            name = attribute(one.find(tag("w:name"))) or ""
            if found := _HEADING.match(name):
                return max(int(found[1]), 1)
        return outline_level(self.element("w:pPr", "w:outlineLvl"))

    @cached_property
    def list(self) -> ListStyle | None:
        """What its name says of a list; a ``List Paragraph`` is only indented."""
        found = _LIST.match(self.name)
        if found is None or found[1].lower() == "paragraph":
            return None
        return ListStyle(found[1].lower() == "number", int(found[2] or 1) - 1)

    @property
    def quote(self) -> bool:
        """Whether it sets a quotation."""
        return "quote" in self.name


class Styles:
    """The styles of a document by their identifiers.

    Args:
        root: The root of the part ``word/styles.xml``; ``None`` when there is none.
    """

    def __init__(self, root: etree._Element | None) -> None:
        elements = [] if root is None else list(root.iter(tag("w:style")))
        self._elements = {attribute(one, "w:styleId") or "": one for one in elements}
        self._default = next(
            (
                attribute(one, "w:styleId")
                for one in elements
                if attribute(one, "w:type") == "paragraph"
                and attribute(one, "w:default") in {"1", "true", "on"}
            ),
            None,
        )
        self._known: dict[str, Style] = {}

    def get(self, identifier: str | None) -> Style:
        """Return a paragraph's style; without an identifier the default one."""
        return self.named(identifier or self._default or "")

    def named(self, identifier: str) -> Style:
        """Return a style by its identifier; an empty one when it is unknown."""
        if identifier not in self._known:
            self._known[identifier] = Style(tuple(self._chain(identifier)))
        return self._known[identifier]

    def hides(self, run: etree._Element, paragraph: Style) -> bool:
        """Say whether a run is hidden text: by itself, its style, or its paragraph's."""
        properties = run.find(tag("w:rPr"))
        if properties is not None:
            for name in ("w:vanish", "w:specVanish"):
                own = properties.find(tag(name))
                if own is not None:
                    return switched_on(own)
            style = attribute(properties.find(tag("w:rStyle")))
            if style:
                found = self.named(style).element("w:rPr", "w:vanish")
                if found is not None:
                    return switched_on(found)
        return switched_on(paragraph.element("w:rPr", "w:vanish"))

    def _chain(self, identifier: str) -> Iterator[etree._Element]:
        seen: set[str] = set()
        current: str | None = identifier
        while current and current not in seen and current in self._elements:
            seen.add(current)
            yield self._elements[current]
            current = attribute(self._elements[current].find(tag("w:basedOn")))


def outline_level(element: etree._Element | None) -> int:
    """Return the level of a heading from 1 that ``w:outlineLvl`` says; 0 for body text."""
    value = attribute(element) or ""
    return int(value) + 1 if value.isdecimal() and int(value) <= _DEEPEST_OUTLINE else 0
