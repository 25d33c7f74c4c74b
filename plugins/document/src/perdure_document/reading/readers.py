"""Reading a recognised document, whatever its kind; the libraries are imported when needed."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final

from perdure.agents import InputError
from perdure_document.facts import Block, Document, Kind, Source
from perdure_document.files import unchanged
from perdure_document.reading.office_archive import reading
from perdure_document.shortening import shortened

_MODULES: Final[dict[Kind, str]] = {
    "docx": "word.docx",
    "pptx": "slides.pptx",
    "xlsx": "workbooks.xlsx",
    "odt": "opendocument.odt",
    "odp": "opendocument.odp",
    "ods": "opendocument.ods",
    "epub": "epub",
    "eml": "mail.eml",
    "msg": "mail.msg",
    "html": "web.html",
    "markdown": "text.markdown",
    "text": "text.plaintext",
}


def read_whole(source: Source) -> Document:
    """Read a document that is no PDF.

    Raises:
        InputError: It cannot be read, has no text, or changed since it was recognised.
    """
    file = unchanged(source)
    module = import_module(f"perdure_document.reading.{_MODULES[source.kind]}")
    read: Callable[[Source, Path], Document] = getattr(module, f"read_{source.kind}")
    with reading(file, source.kind):
        document = shortened(read(source, file))
    if not any(_says_something(document, block) for block in document.blocks):
        raise InputError(f"{file} holds no text: give a document with text in it")
    return document


def _says_something(document: Document, block: Block) -> bool:
    """Say whether a block has content: the name of a sheet has not."""
    return block.type != "heading" or document.parts != "sheet"
