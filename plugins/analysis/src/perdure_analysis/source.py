"""Recognising what kind of table a file is, by its content."""

import codecs
import os
import stat
from pathlib import Path
from typing import Final

from perdure.agents import InputError
from perdure_analysis.facts import Format, Source
from perdure_analysis.sqlite import choose_table

TAKEN: Final = "a CSV, JSON, Parquet or SQLite file"
_HEAD_BYTES: Final = 65_536
_CHUNK_BYTES: Final = 1 << 20
_JSON_SUFFIXES: Final = {".json", ".jsonl", ".ndjson", ".geojson"}
_TABLE_SUFFIXES: Final = {".csv", ".tsv", ".tab", ".psv", ".txt"}
_BYTE_ORDER_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SIGNATURES: Final[dict[bytes, str]] = {
    b"\x89PNG\r\n": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive or an Office document",
    b"PK\x05\x06": "an empty ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"\x7fELF": "a program",
    b"\x89HDF": "an HDF5 file",
    b"ARROW1": "an Arrow file",
    b"ORC": "an ORC file",
}


def look_at(path: str, table: str | None = None) -> Source:
    """Recognise the table that a file holds.

    Args:
        path: The file; a relative path counts from the worker's working directory.
        table: Which table of an SQLite database.

    Raises:
        InputError: The file is missing, unreadable, empty, or no table.
    """
    file = Path(path).expanduser().absolute()
    try:
        status = file.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{file} is a folder: give the path of {TAKEN}")
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{file} is not a regular file: give the path of {TAKEN}")
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
        raise InputError(f"{file} is empty: give a file with a table in it")
    kind, encoding = _recognise(file, head)
    if kind == "sqlite":
        table = choose_table(file, table)
    elif table is not None:
        raise InputError(
            f"{file} is no SQLite database and has no table {table!r} to choose: leave the"
            " parameter 'table' out"
        )
    return Source(
        path=os.fspath(file),
        name=file.name,
        format=kind,
        size=status.st_size,
        modified=status.st_mtime_ns,
        encoding=encoding,
        table=table,
    )


def _recognise(file: Path, head: bytes) -> tuple[Format, str]:
    if head.startswith(b"SQLite format 3\0"):
        return "sqlite", ""
    if head.startswith(b"PAR1"):
        return "parquet", ""
    for signature, what in _SIGNATURES.items():
        if head.startswith(signature):
            raise InputError(f"{file} is {what}, not a table: give {TAKEN}")
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if head.startswith(mark)), "")
    if not encoding:
        if b"\0" in head:
            raise InputError(f"{file} holds binary data, not a table: give {TAKEN}")
        encoding = _text_encoding(file)
    start = head.decode(encoding, errors="ignore").lstrip()[:1]
    suffix = file.suffix.lower()
    if suffix in _JSON_SUFFIXES or (start in {"{", "["} and suffix not in _TABLE_SUFFIXES):
        return "json", encoding
    return "csv", encoding


def _text_encoding(file: Path) -> str:
    """Return UTF-8 where the whole file is that, else what a Western spreadsheet writes."""
    for encoding in ("utf-8", "cp1252"):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with file.open("rb") as stream:
                while chunk := stream.read(_CHUNK_BYTES):
                    decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"
