"""Reading web pages: everything that people see, menus and footers at the end."""

from pathlib import Path
from typing import Final, NamedTuple

from lxml import etree
from lxml.etree import ParserError
from lxml.html import HTMLParser, document_fromstring

from perdure.agents import InputError
from perdure_document.facts import Document, Source
from perdure_document.formatting import flat
from perdure_document.reading.encodings import unreadable
from perdure_document.reading.office_archive import reading
from perdure_document.reading.web.flow import Flow
from perdure_document.reading.web.visibility import Visibility

_METADATA: Final = {
    "author": "author",
    "description": "description",
    "keywords": "keywords",
    "date": "created",
    "article:published_time": "created",
    "article:modified_time": "modified",
    "article:author": "author",
}


def read_html(source: Source, file: Path) -> Document:
    """Read a web page.

    Raises:
        InputError: It cannot be parsed.
    """
    with reading(file, "html"):
        text = file.read_text(encoding=source.encoding, errors="replace")
        parsed = parse(text)
        if parsed.cut:
            raise InputError(
                f"{file} nests its elements more than 2,000 deep: save it anew from a browser"
            )
        root = parsed.root
        if root is None:
            raise InputError(f"{file} holds no text: give a document with text in it")
        visibility = Visibility(root)
        flow = Flow(visibility)
        blocks = flow.read(root)
        first = next((block.text for block in blocks if block.type == "heading"), "")
        return Document(
            title=flat(root.findtext(".//title") or "") or first or source.stem,
            kind="html",
            metadata=_metadata(root),
            # A page of nothing but menus says nothing.
            blocks=(*blocks, *flow.running) if blocks else (),
            left_out={one: count for one, count in visibility.left_out.items() if count}
            | unreadable(text),
        )


class Parsed(NamedTuple):
    """A page: its root, ``None`` when there is nothing in it, and whether the parser gave up."""

    root: etree._Element | None
    cut: bool


def parse(text: str) -> Parsed:
    """Parse a page or a part of one."""
    # Decoded before: the parser knows fewer encodings than Python, and believes what a page says.
    parser = HTMLParser(encoding="utf-8", huge_tree=True)
    try:
        root = document_fromstring(text.encode("utf-8", errors="replace"), parser=parser)
    except ParserError:
        root = None
    return Parsed(root, any("Excessive depth" in one.message for one in parser.error_log))


def _metadata(root: etree._Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for meta in root.iter("meta"):
        name = str(meta.get("name") or meta.get("property") or "").lower()
        content = flat(str(meta.get("content") or ""))
        if name in _METADATA and content:
            found.setdefault(_METADATA[name], content)
    if language := root.get("lang"):
        found["language"] = str(language)
    return found
