"""Recognising what kind of document a file is, by its content."""

import re
from pathlib import Path
from typing import Final

from perdure.agents import InputError, InputFile
from perdure_document.facts import Kind, Source
from perdure_document.reading.encodings import encoding_of
from perdure_document.reading.mail.recognition import is_email
from perdure_document.reading.text.plaintext import kind_of_text

TAKEN: Final = "a PDF, Office, OpenDocument, EPUB, e-mail, HTML, Markdown or text file"
LARGEST_BYTES: Final = 200_000_000
_PROMISES: Final = {
    f".{name.lower()}": name
    for name in ("PDF", "DOCX", "PPTX", "XLSX", "ODT", "ODP", "ODS", "EPUB")
}
_FLAT: Final = re.compile(
    r"<office:document\b[^>]*"
    r"office:mimetype=[\"']application/vnd\.oasis\.opendocument\.(text|presentation|spreadsheet)"
)
_FLAT_KINDS: Final[dict[str, Kind]] = {"text": "odt", "presentation": "odp", "spreadsheet": "ods"}
_PDF_WITHIN: Final = 1024
# A stream that every message of Outlook has, in the container's directory.
_OUTLOOK: Final = "__properties_version1.0".encode("utf-16-le")
_SIGNATURES: Final[dict[bytes, str]] = {
    b"\x89PNG\r\n": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"II*\0": "a TIFF picture",
    b"MM\0*": "a TIFF picture",
    b"RIFF": "a picture, sound or film",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
    b"SQLite format 3\0": "an SQLite database",
    b"{\\rtf": "an RTF document",
    b"%!PS": "a PostScript file",
}


def look_at(path: str) -> Source:
    """Recognise the document that a file holds.

    Args:
        path: The file; a relative path counts from the worker's working directory.

    Raises:
        InputError: The file is missing, unreadable, empty, too large, locked, or no document.
    """
    found = InputFile.look_at(path, wanted=TAKEN)
    file = Path(found.path)
    if found.size > LARGEST_BYTES:
        raise InputError(
            f"{file} has {found.size / 1e6:,.0f} MB and at most {LARGEST_BYTES / 1e6:,.0f} MB are"
            " read: split it or give a smaller file"
        )
    kind, encoding = _recognise(file, found.head)
    return Source(
        path=found.path,
        name=file.name,
        stem=file.stem,
        kind=kind,
        size=found.size,
        modified=found.modified,
        encoding=encoding,
    )


def _recognise(file: Path, head: bytes) -> tuple[Kind, str]:
    if b"%PDF-" in head[:_PDF_WITHIN]:
        return "pdf", ""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        from perdure_document.reading.office_archive import recognise_package

        return recognise_package(file), ""
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        if _OUTLOOK in head or file.suffix.lower() == ".msg":
            return "msg", ""
        raise InputError(
            f"{file} is an old Office document or one with a password: save it as DOCX, PPTX or"
            " XLSX without a password"
        )
    promise = _PROMISES.get(file.suffix.lower())
    but = f" although its name ends in {file.suffix}" if promise else ""
    for signature, what in _SIGNATURES.items():
        if head.startswith(signature):
            raise InputError(f"{file} is {what}, not a document{but}: give {TAKEN}")
    encoding = encoding_of(file, head)
    if not encoding:
        raise InputError(f"{file} holds binary data, not a document{but}: give {TAKEN}")
    beginning = head.decode(encoding, errors="ignore").replace("\r\n", "\n")
    if flat := _FLAT.search(beginning):
        return _FLAT_KINDS[flat[1]], encoding
    if is_email(beginning, file.suffix.lower()):
        return "eml", encoding
    kind = kind_of_text(beginning, file.suffix.lower())
    if promise:
        named = {"html": "a web page", "markdown": "Markdown"}.get(kind, "plain text")
        article = "an" if promise[0] in "XOE" else "a"
        raise InputError(
            f"{file} holds {named}, not {article} {promise} document as its name says: give the"
            f" real {promise}, or rename the file"
        )
    return kind, encoding
