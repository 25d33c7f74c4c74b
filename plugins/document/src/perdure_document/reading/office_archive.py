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
_MEDIA_TYPES: Final[dict[str, Kind]] = {
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
}
_LARGEST_UNPACKED: Final = 1_000_000_000
_LARGEST_MANIFEST: Final = 10_000_000
_LARGEST_PART: Final = 64_000_000
# Parsed elements take some 200 bytes of memory each, however short they are.
_MOST_TAGS: Final = 4_000_000
_PROGRAMS: Final = {
    "docx": "Word",
    "pptx": "PowerPoint",
    "xlsx": "Excel",
    "odt": "LibreOffice",
    "odp": "LibreOffice",
    "ods": "LibreOffice",
    "epub": "an e-book editor",
    "eml": "a mail program",
    "msg": "Outlook",
}


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
            kind = _kind(archive, names)
            locked = locked or _encrypted(archive, names)
            if kind is not None and unpacked <= _LARGEST_UNPACKED and not locked:
                _read_through(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise InputError(
            f"{file} is a damaged ZIP archive or Office document ({error}): get the file again"
            " or save it anew"
        ) from error
    if kind is None:
        raise InputError(
            f"{file} is a ZIP archive, not a DOCX, PPTX, XLSX, OpenDocument or EPUB file: unpack it"
            " and give a document from it"
        )
    if locked:
        raise InputError(f"{file} has a password: save it without one")
    if unpacked > _LARGEST_UNPACKED:
        raise InputError(
            f"{file} unpacks to {unpacked / 1e6:,.0f} MB and at most"
            f" {_LARGEST_UNPACKED / 1e6:,.0f} MB are read: split it or give a smaller file"
        )
    return kind


def content_of_part(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the XML or HTML of a part that is to be parsed whole.

    Raises:
        InputError: It is too large, or has too many elements.
        KeyError: There is no such part.
    """
    entry = archive.getinfo(name)
    _check_size(f"{archive.filename} ({name})", entry.file_size)
    return _checked(f"{archive.filename} ({name})", archive.read(entry))


def content_of_file(file: Path) -> bytes:
    """Return the XML of a file that is to be parsed whole.

    Raises:
        InputError: It is too large, or has too many elements.
    """
    _check_size(str(file), file.stat().st_size)
    return _checked(str(file), file.read_bytes())


def _check_size(name: str, size: int) -> None:
    if size > _LARGEST_PART:
        raise InputError(
            f"{name} has {size / 1e6:,.0f} MB and at most {_LARGEST_PART / 1e6:,.0f} MB of XML are"
            " read at once: split the document"
        )


def _checked(name: str, content: bytes) -> bytes:
    if (tags := content.count(b"<")) > _MOST_TAGS:
        raise InputError(
            f"{name} has {tags:,} tags and at most {_MOST_TAGS:,} are read at once: split the"
            " document"
        )
    return content


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


def _kind(archive: zipfile.ZipFile, names: list[str]) -> Kind | None:
    if "META-INF/container.xml" in names:
        return "epub"
    if "mimetype" in names and "content.xml" in names:
        media_type = archive.open("mimetype").read(200).decode("ascii", errors="replace").strip()
        return _MEDIA_TYPES.get(media_type.removesuffix("-template"))
    if "[Content_Types].xml" not in names:
        return None
    for folder, kind in _MAIN_PARTS:
        if any(name.startswith(folder) for name in names):
            return kind
    return None


def _encrypted(archive: zipfile.ZipFile, names: list[str]) -> bool:
    """Say whether an OpenDocument file has a password: its manifest says how it is encrypted."""
    manifest = "META-INF/manifest.xml"
    if manifest not in names or archive.getinfo(manifest).file_size > _LARGEST_MANIFEST:
        return False
    return b"encryption-data" in archive.read(manifest)


def _read_through(archive: zipfile.ZipFile) -> None:
    for name in archive.namelist():
        if not name.endswith((".xml", ".rels")):
            continue
        with archive.open(name) as stream:
            while stream.read(1 << 20):
                pass
