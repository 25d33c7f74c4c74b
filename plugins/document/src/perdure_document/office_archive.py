"""Office documents are ZIP archives: which one it is, and whether it can be opened safely."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from perdure.agents import InputError
from perdure_document.facts import Kind

_MAIN_PARTS: Final[tuple[tuple[str, Kind], ...]] = (
    ("word/", "docx"),
    ("ppt/", "pptx"),
    ("xl/", "xlsx"),
)
_LARGEST_UNPACKED: Final = 1_000_000_000
_PROGRAMS: Final = {"docx": "Word", "pptx": "PowerPoint", "xlsx": "Excel"}


def recognise_package(file: Path) -> Kind:
    """Say which Office format a ZIP archive is.

    Raises:
        InputError: It is damaged, has a password, unpacks to too much, or is something else.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            unpacked = sum(entry.file_size for entry in archive.infolist())
            locked = any(entry.flag_bits & 1 for entry in archive.infolist())
            kind = _kind(names)
            if kind is not None and unpacked <= _LARGEST_UNPACKED and not locked:
                _read_through(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise InputError(
            f"{file} is a damaged ZIP archive or Office document ({error}): get the file again"
            " or save it anew"
        ) from error
    if kind is None:
        raise InputError(
            f"{file} is a ZIP archive, not a DOCX, PPTX or XLSX document: unpack it and give a"
            " document from it"
        )
    if locked:
        raise InputError(f"{file} has a password: save it without one")
    if unpacked > _LARGEST_UNPACKED:
        raise InputError(
            f"{file} unpacks to {unpacked / 1e6:,.0f} MB and at most"
            f" {_LARGEST_UNPACKED / 1e6:,.0f} MB are read: split it or give a smaller file"
        )
    return kind


@contextmanager
def reading(file: Path, kind: Kind) -> Iterator[None]:
    """Turn whatever a library raises at a malformed document into one sentence.

    Raises:
        InputError: The document cannot be read.
    """
    try:
        yield
    except (InputError, OSError, MemoryError):
        raise
    except Exception as error:
        told = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{file} cannot be read as {kind.upper()} ({told[:200]}): open it in"
            f" {_PROGRAMS.get(kind, 'its program')} and save it anew"
        ) from error


def _kind(names: list[str]) -> Kind | None:
    if "[Content_Types].xml" not in names:
        return None
    for folder, kind in _MAIN_PARTS:
        if any(name.startswith(folder) for name in names):
            return kind
    return None


def _read_through(archive: zipfile.ZipFile) -> None:
    for name in archive.namelist():
        if not name.endswith((".xml", ".rels")):
            continue
        with archive.open(name) as stream:
            while stream.read(1 << 20):
                pass
