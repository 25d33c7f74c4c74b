"""Recognising what kind of document a file is, by its content."""

import os
import stat
from pathlib import Path
from typing import Final

from perdure.agents import InputError
from perdure_document.facts import Kind, Source
from perdure_document.formatting import counted
from perdure_document.plaintext import encoding_of, kind_of_text

TAKEN: Final = "a PDF, DOCX, PPTX, XLSX, HTML, Markdown or text file"
LARGEST_BYTES: Final = 200_000_000
_HEAD_BYTES: Final = 65_536
_PROMISES: Final = {".pdf": "PDF", ".docx": "DOCX", ".pptx": "PPTX", ".xlsx": "XLSX"}
_PDF_WITHIN: Final = 1024
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
    file = Path(path).expanduser().absolute()
    try:
        status = file.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{file} is a folder: give the path of {TAKEN}")
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{file} is not a regular file: give the path of {TAKEN}")
        if status.st_size > LARGEST_BYTES:
            raise InputError(
                f"{file} has {status.st_size / 1e6:,.0f} MB and at most"
                f" {LARGEST_BYTES / 1e6:,.0f} MB are read: split it or give a smaller file"
            )
        with file.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            f"there is no file {file}: give a path that exists where the worker runs"
        ) from error
    except PermissionError as error:
        raise InputError(
            f"{file} may not be read: let the worker's user read it, or give another file"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(
            f"{str(file)!r} cannot be read ({error}): give the path of {TAKEN}"
        ) from error
    if not head.strip():
        raise InputError(f"{file} is empty: give a document with text in it")
    kind, encoding = _recognise(file, head)
    return Source(
        path=os.fspath(file),
        name=file.name,
        stem=file.stem,
        kind=kind,
        size=status.st_size,
        modified=status.st_mtime_ns,
        encoding=encoding,
        pages=_pages(file) if kind == "pdf" else 0,
    )


def unchanged(source: Source) -> Path:
    """Return the path of a file that is still the one recognised.

    Raises:
        InputError: The file has changed since, or is gone.
    """
    file = Path(source.path)
    try:
        status = file.stat()
    except FileNotFoundError as error:
        raise InputError(
            f"{file} was removed while it was being read: put it back and start again"
        ) from error
    if (status.st_size, status.st_mtime_ns) != (source.size, source.modified):
        raise InputError(f"{file} changed while it was being read: start again")
    return file


def _recognise(file: Path, head: bytes) -> tuple[Kind, str]:
    if b"%PDF-" in head[:_PDF_WITHIN]:
        return "pdf", ""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        from perdure_document.office_archive import recognise_package

        return recognise_package(file), ""
    if head.startswith(b"\xd0\xcf\x11\xe0"):
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
    kind = kind_of_text(head.decode(encoding, errors="ignore"), file.suffix.lower())
    if promise:
        named = {"html": "a web page", "markdown": "Markdown"}.get(kind, "plain text")
        article = "an" if promise == "XLSX" else "a"
        raise InputError(
            f"{file} holds {named}, not {article} {promise} document as its name says: give the"
            f" real {promise}, or rename the file"
        )
    return kind, encoding


def _pages(file: Path) -> int:
    from perdure_document import pdf

    pages = pdf.count_pages(file)
    if not pages:
        raise InputError(f"{file} is a PDF with {counted(pages, 'page')}: give one with text")
    return pages
