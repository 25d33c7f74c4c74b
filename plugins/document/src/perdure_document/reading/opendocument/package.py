"""An OpenDocument file as parts: content, styles, and the objects embedded in it."""

import posixpath
import zipfile
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final, Self
from urllib.parse import unquote

from lxml import etree

from perdure_document.formatting import flat
from perdure_document.reading.office_archive import content_of_file, content_of_part

_OASIS: Final = "urn:oasis:names:tc:opendocument:xmlns"
NAMESPACES: Final = {
    **{
        name: f"{_OASIS}:{name}:1.0"
        for name in ("office", "style", "text", "table", "presentation", "chart", "meta", "form")
    },
    "draw": f"{_OASIS}:drawing:1.0",
    "fo": f"{_OASIS}:xsl-fo-compatible:1.0",
    "svg": f"{_OASIS}:svg-compatible:1.0",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xlink": "http://www.w3.org/1999/xlink",
    "xml": "http://www.w3.org/XML/1998/namespace",
    "math": "http://www.w3.org/1998/Math/MathML",
}
_MOST_STYLES: Final = 100
_PROPERTIES: Final = {
    "dc:title": "title",
    "meta:initial-creator": "author",
    "dc:creator": "last_modified_by",
    "dc:subject": "subject",
    "meta:keyword": "keywords",
    "meta:creation-date": "created",
    "dc:date": "modified",
}


@cache
def tag(name: str) -> str:
    """Return a full name from a short one such as ``text:p``."""
    prefix, local = name.split(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def attribute(element: etree._Element, name: str) -> str:
    """Return an attribute by its short name; empty when it is missing."""
    value = element.get(tag(name))
    return "" if value is None else str(value)


def count(element: etree._Element, name: str, default: int = 1) -> int:
    """Return an attribute that is a whole number."""
    value = attribute(element, name)
    return int(value) if value.isdecimal() else default


class Package:
    """The parts of an OpenDocument file; a flat one is a single part, the content."""

    def __init__(self, file: Path) -> None:
        self._archive = zipfile.ZipFile(file) if zipfile.is_zipfile(file) else None
        self._names = set(self._archive.namelist()) if self._archive else set[str]()
        self._styles: dict[str, etree._Element] = {}
        if self._archive is None:
            self.content = _parsed(content_of_file(file))
        else:
            self.content = self.xml("content.xml")
        self.styles = self.xml("styles.xml") if self.has("styles.xml") else self.content
        for root in (self.styles, self.content):
            for style in root.iter(tag("style:style")):
                self._styles[attribute(style, "style:name")] = style

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._archive is not None:
            self._archive.close()

    def has(self, name: str) -> bool:
        """Say whether there is a part of that name."""
        return name in self._names

    def xml(self, name: str) -> etree._Element:
        """Return the root of a part.

        Raises:
            InputError: It is too large, or has too many elements.
            KeyError: There is no such part.
        """
        if self._archive is None:
            raise KeyError(name)
        return _parsed(content_of_part(self._archive, name))

    def embedded(self, element: etree._Element) -> str:
        """Return the name of the part that ``xlink:href`` refers to; empty when it is outside."""
        target = unquote(attribute(element, "xlink:href"))
        name = posixpath.normpath(target) if target else ""
        return name if self.has(name) or self.has(f"{name}/content.xml") else ""

    def style_chain(self, name: str) -> Iterator[etree._Element]:
        """Yield a style and those that it is based on, so many as programs let people nest."""
        seen: set[str] = set()
        while name and name not in seen and name in self._styles and len(seen) < _MOST_STYLES:
            seen.add(name)
            yield self._styles[name]
            name = attribute(self._styles[name], "style:parent-style-name")

    def style_value(self, name: str, properties: str, value: str) -> str:
        """Return what a style says, by itself or by those it is based on, such as ``fo:color``."""
        for style in self.style_chain(name):
            found = style.find(tag(properties))
            if found is not None and attribute(found, value):
                return attribute(found, value)
        return ""

    def properties(self) -> dict[str, str]:
        """Return what the document says of itself, dates as ISO 8601."""
        found: dict[str, str] = {}
        root = self.xml("meta.xml") if self.has("meta.xml") else self.content
        meta = next(root.iter(tag("office:meta")), None)
        for element in () if meta is None else meta.iter():
            for name, known in _PROPERTIES.items():
                if element.tag == tag(name) and (text := flat(element.text or "")):
                    date = known in {"created", "modified"}
                    found.setdefault(known, _date(text) if date else text)
        return found


def _parsed(content: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    return etree.fromstring(content, parser)


def _date(text: str) -> str:
    try:
        return datetime.fromisoformat(text[:19]).isoformat()
    except ValueError:
        return text
