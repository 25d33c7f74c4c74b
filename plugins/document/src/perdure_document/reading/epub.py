"""Reading EPUB: the chapters in the order in which a reader turns the pages."""

import posixpath
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from lxml import etree

from perdure_document.facts import Block, Document, Source
from perdure_document.formatting import flat
from perdure_document.reading.office_archive import content_of_part, reading
from perdure_document.reading.web.flow import Flow
from perdure_document.reading.web.html import parse
from perdure_document.reading.web.visibility import Visibility
from perdure_document.shortening import LONGEST

_PAGES: Final = {"application/xhtml+xml", "text/html", "application/x-dtbook+xml"}
_ENCODING: Final = re.compile(rb"^[^>]{0,100}encoding\s*=\s*[\"']([A-Za-z0-9_.:-]+)")
_METADATA: Final = {
    "creator": "author",
    "date": "created",
    "language": "language",
    "publisher": "publisher",
    "description": "description",
    "subject": "subject",
}


def read_epub(source: Source, file: Path) -> Document:
    """Read an electronic book.

    Raises:
        InputError: It cannot be read.
    """
    left_out: Counter[str] = Counter()
    with reading(file, "epub"), zipfile.ZipFile(file) as archive:
        book = _Book(archive)
        metadata = book.metadata()
        blocks = tuple(_blocks_of_book(archive, book, left_out))
        first = next((block.text for block in blocks if block.type == "heading"), "")
        return Document(
            title=metadata.pop("title", "") or first or source.stem,
            kind="epub",
            metadata=metadata,
            blocks=blocks,
            left_out={kind: count for kind, count in left_out.items() if count},
        )


class _Book:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        container = _xml(archive, "META-INF/container.xml")
        place = next(
            (one.get("full-path", "") for one in container.iter("{*}rootfile")), "content.opf"
        )
        self._folder = posixpath.dirname(place)
        self._root = _xml(archive, place)

    def metadata(self) -> dict[str, str]:
        """Return what the book says of itself; authors in one text."""
        found: dict[str, list[str]] = {}
        for element in self._root.iter("{http://purl.org/dc/elements/1.1/}*"):
            name = etree.QName(element).localname
            text = flat(element.text or "")
            if text and (name in _METADATA or name == "title"):
                found.setdefault(_METADATA.get(name, name), []).append(text)
        joined = {name: ", ".join(texts) for name, texts in found.items()}
        return {**joined, "title": found["title"][0]} if "title" in found else joined

    def chapters(self) -> Iterator[str]:
        """Yield the names of the pages in the archive, in their order."""
        items = {one.get("id"): one for one in self._root.iter("{*}item")}
        names = set(self._archive.namelist())
        for reference in self._root.iter("{*}itemref"):
            item = items.get(reference.get("idref"))
            if item is None or item.get("media-type") not in _PAGES:
                continue
            name = posixpath.normpath(
                posixpath.join(self._folder, unquote(item.get("href", "").partition("#")[0]))
            )
            if name in names:
                yield name


def _blocks_of_book(
    archive: zipfile.ZipFile, book: _Book, left_out: Counter[str]
) -> Iterator[Block]:
    """Yield the blocks of the chapters; after more characters than are kept, no further ones."""
    characters = 0
    for chapter in book.chapters():
        if characters > LONGEST:
            break
        for block in _blocks(archive, chapter, left_out):
            characters += len(block.all_text)
            yield block


def _blocks(archive: zipfile.ZipFile, chapter: str, left_out: Counter[str]) -> Iterator[Block]:
    content = content_of_part(archive, chapter)
    declared = _ENCODING.match(content)
    encoding = declared[1].decode("ascii") if declared else "utf-8"
    try:
        text = content.decode(encoding, errors="replace")
    except LookupError:
        text = content.decode("utf-8", errors="replace")
    root, cut = parse(text.removeprefix("\ufeff"))
    left_out["text nested too deeply"] += cut
    if root is None:
        return
    visibility = Visibility(root)
    flow = Flow(visibility)
    for block in (*flow.read(root), *flow.running):
        yield _in_archive(block, posixpath.dirname(chapter))
    left_out.update(visibility.left_out)


def _in_archive(block: Block, folder: str) -> Block:
    """Let a picture refer to its file in the archive rather than from its page."""
    if block.picture is None:
        return block
    place = posixpath.normpath(posixpath.join(folder, unquote(block.picture.reference)))
    picture = block.picture.model_copy(update={"reference": place})
    return block.model_copy(update={"picture": picture})


def _xml(archive: zipfile.ZipFile, name: str) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    return etree.fromstring(content_of_part(archive, name), parser)
