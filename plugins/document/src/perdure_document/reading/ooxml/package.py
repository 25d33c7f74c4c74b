"""An Office Open XML file as parts that refer to each other."""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import IO, Final, NamedTuple, Self
from urllib.parse import unquote

from lxml import etree

from perdure_document.formatting import flat
from perdure_document.reading.office_archive import content_of_part

_SCHEMAS: Final = "http://schemas.openxmlformats.org"
NAMESPACES: Final = {
    "w": f"{_SCHEMAS}/wordprocessingml/2006/main",
    "r": f"{_SCHEMAS}/officeDocument/2006/relationships",
    "a": f"{_SCHEMAS}/drawingml/2006/main",
    "c": f"{_SCHEMAS}/drawingml/2006/chart",
    "dgm": f"{_SCHEMAS}/drawingml/2006/diagram",
    "m": f"{_SCHEMAS}/officeDocument/2006/math",
    "wp": f"{_SCHEMAS}/drawingml/2006/wordprocessingDrawing",
    "pic": f"{_SCHEMAS}/drawingml/2006/picture",
    "p": f"{_SCHEMAS}/presentationml/2006/main",
    "mc": f"{_SCHEMAS}/markup-compatibility/2006",
    "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
    "v": "urn:schemas-microsoft-com:vml",
    "o": "urn:schemas-microsoft-com:office:office",
}
_RELATIONSHIPS: Final = f"{{{_SCHEMAS}/package/2006/relationships}}Relationship"
# ISO 29500 strict: the same elements in namespaces without a year.
_STRICT: Final = re.compile(rb"http://purl\.oclc\.org/ooxml/([A-Za-z]+)/")
_CORE: Final = {
    "title": "title",
    "creator": "author",
    "subject": "subject",
    "keywords": "keywords",
    "category": "category",
    "lastModifiedBy": "last_modified_by",
    "created": "created",
    "modified": "modified",
}
_TEMPLATE_AUTHORS: Final = {"python-docx", "Steve Canny"}


class Relationship(NamedTuple):
    """What a part refers to: the last word of the type, the part's name or an address outside."""

    type: str
    target: str
    external: bool


@cache
def tag(name: str) -> str:
    """Return an element's full name from a short one such as ``w:p``."""
    prefix, local = name.split(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def attribute(element: etree._Element | None, name: str = "w:val") -> str | None:
    """Return an attribute by its short name; ``None`` when it or the element is missing."""
    if element is None:
        return None
    value = element.get(tag(name))
    return None if value is None else str(value)


def switched_on(element: etree._Element | None) -> bool:
    """Say whether a toggle such as ``w:vanish`` is there and not switched off."""
    return element is not None and attribute(element) not in {"0", "false", "off"}


def local_name(element: etree._Element) -> str:
    """Return an element's name without its namespace; empty for comments and the like."""
    name = element.tag
    return name.rpartition("}")[2] if isinstance(name, str) else ""


class Package:
    """The parts of an Office file.

    Args:
        file: Its path.

    Raises:
        ValueError: It has no main part.
    """

    def __init__(self, file: Path) -> None:
        self._shared: dict[str, etree._Element] = {}
        self._archive = zipfile.ZipFile(file)
        # Names of parts differ in case from program to program.
        self._names = {name.lower(): name for name in self._archive.namelist()}
        main = self.related("", "officeDocument")
        if not main:
            raise ValueError("it has no main part")
        self.main = main[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def has(self, name: str) -> bool:
        """Say whether there is a part of that name."""
        return name.lower() in self._names

    def content(self, name: str) -> bytes:
        """Return the bytes of a part.

        Raises:
            InputError: It is too large, or has too many elements.
            KeyError: There is no such part.
        """
        return content_of_part(self._archive, self._names[name.lower()])

    def open(self, name: str) -> IO[bytes]:
        """Open a part for reading it piece by piece, in the namespaces that the file has.

        Raises:
            KeyError: There is no such part.
        """
        return self._archive.open(self._names[name.lower()])

    def xml(self, name: str) -> etree._Element:
        """Return the root of a part, in the transitional namespaces whatever the file has."""
        content = _STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/", self.content(name))
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, remove_pis=True
        )
        return etree.fromstring(content, parser)

    def shared(self, name: str) -> etree._Element:
        """Return the root of a part that many others refer to, parsed once."""
        if name not in self._shared:
            self._shared[name] = self.xml(name)
        return self._shared[name]

    def relationships(self, name: str) -> dict[str, Relationship]:
        """Return what a part refers to, by identifier; for ``""`` what the package does."""
        folder, base = posixpath.split(name)
        place = posixpath.join(folder, "_rels", f"{base}.rels")
        if not self.has(place):
            return {}
        found = {}
        for element in self.xml(place).iter(_RELATIONSHIPS):
            target, external = element.get("Target", ""), element.get("TargetMode") == "External"
            if not external:
                target = posixpath.normpath(posixpath.join("/", folder, unquote(target)))[1:]
            kind = element.get("Type", "").rpartition("/")[2]
            found[element.get("Id", "")] = Relationship(kind, target, external)
        return found

    def related(self, name: str, kind: str) -> list[str]:
        """Return the parts that a part refers to in that way."""
        return [
            one.target
            for one in self.relationships(name).values()
            if one.type == kind and not one.external and self.has(one.target)
        ]

    def properties(self) -> dict[str, str]:
        """Return what the document says of itself, dates as ISO 8601."""
        found: dict[str, str] = {}
        for name in self.related("", "core-properties"):
            for element in self.xml(name):
                known = _CORE.get(local_name(element))
                text = flat(element.text or "")
                if known and text and text not in _TEMPLATE_AUTHORS:
                    found.setdefault(known, _date(text) if known in _DATES else text)
        return found


_DATES: Final = {"created", "modified"}


def shown(element: etree._Element) -> Iterator[etree._Element]:
    """Yield an element's children; of alternatives only those of the one that is shown."""
    for child in element:
        if child.tag != tag("mc:AlternateContent"):
            yield child
            continue
        choices = [one for one in child if one.tag == tag("mc:Choice")]
        chosen = next((one for one in choices if _understood(one)), None)
        chosen = chosen if chosen is not None else child.find(tag("mc:Fallback"))
        if chosen is not None:
            yield from shown(chosen)


def _understood(choice: etree._Element) -> bool:
    # Ink and three-dimensional models bring a picture for everybody else.
    return not any(one.startswith(("aink", "am3d")) for one in choice.get("Requires", "").split())


def _date(text: str) -> str:
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        return text
