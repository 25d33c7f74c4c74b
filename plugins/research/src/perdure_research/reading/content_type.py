"""Recognising what bytes hold, by themselves rather than by their name."""

import codecs
import re
from typing import Final, Literal

from perdure.agents import InputError
from perdure_research.reading.encodings import is_binary

Format = Literal["text", "markdown", "html", "pdf", "table"]

TAKEN: Final = "a text, Markdown, HTML or PDF file"
# What the document agent reads and this one does not; PDFs are read by both.
OFFICE_SUFFIXES: Final = frozenset(
    {".docx", ".pptx", ".xlsx", ".odt", ".odp", ".ods", ".epub", ".eml", ".msg"}
)
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_OLD_OFFICE: Final = b"\xd0\xcf\x11\xe0"
_SIGNATURES: Final[dict[bytes, str]] = {
    b"\x89PNG\r\n": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"PK\x03\x04": "a ZIP archive or an Office document",
    b"PK\x05\x06": "an empty ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"\x7fELF": "a program",
    b"SQLite format 3\0": "an SQLite database",
}
_SUFFIXES: Final[dict[str, Format]] = {
    ".htm": "html",
    ".html": "html",
    ".xhtml": "html",
    ".markdown": "markdown",
    ".md": "markdown",
    ".pdf": "pdf",
    ".csv": "table",
    ".tsv": "table",
}
_MEDIA_TYPES: Final[dict[str, Format]] = {
    "application/pdf": "pdf",
    "application/xhtml+xml": "html",
    "text/html": "html",
    "text/markdown": "markdown",
    "text/x-markdown": "markdown",
    "text/csv": "table",
    "text/tab-separated-values": "table",
}
_HTML: Final = re.compile(
    rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)


def recognise(name: str, content: bytes, *, suffix: str = "", media_type: str = "") -> Format:
    """Say what kind of source bytes are.

    Args:
        name: What the error calls them.
        content: All of them.
        suffix: The ending of their name, with its dot, in lower case.
        media_type: What a server calls them.

    Raises:
        InputError: There is nothing in them, they are none of the kinds, or not what they claim.
    """
    if not content.strip():
        raise InputError(f"{name} is empty: give {TAKEN} with words in it")
    claimed = _MEDIA_TYPES.get(media_type) or _SUFFIXES.get(suffix)
    if b"%PDF-" in content[:1024]:
        return "pdf"
    if suffix in OFFICE_SUFFIXES and (content.startswith((*_ZIP, _OLD_OFFICE)) or suffix == ".eml"):
        raise InputError(
            f"{name} is read by the document agent only: pip install perdure-document where the"
            " worker runs, or save it as PDF"
        )
    for signature, what in _SIGNATURES.items():
        if content.startswith(signature):
            claim = ", not the PDF it claims to be" if claimed == "pdf" else ""
            raise InputError(f"{name} is {what}{claim}: give {TAKEN}")
    if claimed == "pdf":
        raise InputError(
            f"{name} is not the PDF it claims to be (a PDF begins with %PDF): give the right file"
        )
    if _HTML.match(content[:4096].removeprefix(codecs.BOM_UTF8)):
        return "html"
    if is_binary(content):
        raise InputError(f"{name} holds binary data, no text: give {TAKEN}")
    return claimed or "text"
