"""Recognising what kind of table a file is, by its content."""

import codecs
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from perdure.agents import InputError, InputFile
from perdure_analysis.archives.contents import DEEPEST, layer, unpacked
from perdure_analysis.archives.unpacking import packing
from perdure_analysis.facts import Format, Packing, Source
from perdure_analysis.loading import duckdb_file, sqlite
from perdure_analysis.workbooks.workbook import choose_sheet_table, workbook_kind

TAKEN: Final = "a CSV, JSON, Parquet, Excel, ODS, SQLite or DuckDB file"
_HEAD_BYTES: Final = 65_536
_CHUNK_BYTES: Final = 1 << 20
_LISTED: Final = 5
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
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x7fELF": "a program",
    b"\x89HDF": "an HDF5 file",
    b"ARROW1": "an Arrow file",
    b"ORC": "an ORC file",
}


def look_at_all(paths: Sequence[str], table: str | None = None, keys: Sequence[str] = ()) -> Source:
    """Recognise the tables of one or several files.

    Args:
        paths: The files.
        table: Which table, of each file that holds several.
        keys: Columns to join several files by.

    Raises:
        InputError: A file is missing, unreadable, empty, or no table; keys for a single file.
    """
    if len(paths) == 1:
        if keys:
            raise InputError(
                f"{paths[0]} is the only file, and there is nothing to join it with by"
                f" {', '.join(keys)}: give several files in the parameter 'paths'"
            )
        return look_at(paths[0], table)
    parts = tuple(_look_at_part(path, table) for path in paths)
    return Source(
        path=os.path.commonpath([os.path.dirname(part.path) for part in parts]),  # noqa: PTH120
        name=f"{parts[0].name} and {len(parts) - 1} more",
        format=parts[0].format,
        size=sum(part.size for part in parts),
        modified=max(part.modified for part in parts),
        table=table,
        parts=parts,
        keys=tuple(keys),
    )


def _look_at_part(path: str, table: str | None) -> Source:
    """Recognise one of several files: the table's name counts for those that hold several."""
    try:
        return look_at(path)
    except InputError:
        if table is None:
            raise
        return look_at(path, table)


def look_at(path: str, table: str | None = None) -> Source:
    """Recognise the table that a file holds.

    Args:
        path: The file; a relative path counts from the worker's working directory.
        table: Which table of a file that holds several: of a database, a workbook, an archive.

    Raises:
        InputError: The file is missing, unreadable, empty, or no table.
    """
    found = InputFile.look_at(path, wanted=TAKEN)
    file = Path(found.path)
    with tempfile.TemporaryDirectory(prefix="perdure-analysis-") as folder:
        content = _recognise(file, found.head, table, Path(folder))
    return Source(
        path=found.path,
        name=file.name,
        format=content.format,
        size=found.size,
        modified=found.modified,
        encoding=content.encoding,
        table=content.table,
        packed=content.packed,
        notes=content.notes,
    )


@dataclass(frozen=True, slots=True)
class _Content:
    """What a file holds; the attributes are those of :class:`Source`."""

    format: Format
    encoding: str = ""
    table: str | None = None
    packed: tuple[Packing, ...] = ()
    notes: tuple[str, ...] = ()


def _recognise(file: Path, head: bytes, table: str | None, folder: Path) -> _Content:
    """Recognise a file of several tables or in another file, else one of a single table."""
    if workbook := workbook_kind(file, head):
        return _Content(workbook, table=choose_sheet_table(file, table))
    if kind := packing(head):
        return _unpacked_content(file, kind, table, folder)
    if head.startswith(b"SQLite format 3\0"):
        return _Content("sqlite", table=sqlite.choose_table(file, table))
    if head[8:12] == b"DUCK":
        return _Content("duckdb", table=duckdb_file.choose_table(file, table))
    if table is not None:
        raise InputError(
            f"{file} holds one table and has no table {table!r} to choose: leave the"
            " parameter 'table' out"
        )
    return _one_table(file, head)


def _one_table(file: Path, head: bytes) -> _Content:
    if head.startswith(b"PAR1"):
        return _Content("parquet")
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
        return _Content("json", encoding)
    return _Content("csv", encoding)


def _unpacked_content(file: Path, kind: str, table: str | None, folder: Path) -> _Content:
    packed, table = layer(file, kind, table)
    depth = len(list(folder.iterdir())) + 1
    if depth > DEEPEST:
        raise InputError(
            f"{file} is packed more than {DEEPEST} times over: unpack it, and give the table in it"
        )
    with unpacked(file, packed, folder) as inner:
        with inner.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
        if not head.strip():
            raise InputError(f"{inner} is empty: give a file with a table in it")
        content = _recognise(inner, head, table, folder)
    notes = content.notes
    if packed.others:
        names = ", ".join(packed.others[:_LISTED]) + (" …" if len(packed.others) > _LISTED else "")
        notes += (f"Only {packed.member} of the archive was read, not {names}.",)
    inside = Packing(kind=kind, member=packed.member)
    return replace(content, packed=(inside, *content.packed), notes=notes)


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
