"""Reading XLSX with openpyxl, row by row."""

from collections.abc import Iterable
from datetime import date, datetime, time
from pathlib import Path
from typing import Final

from openpyxl import load_workbook

from perdure_document.facts import Block, Document, Source
from perdure_document.formatting import counted, even, flat
from perdure_document.office_archive import reading
from perdure_document.office_properties import properties

ROWS: Final = 200
COLUMNS: Final = 40


def read_xlsx(source: Source, file: Path) -> Document:
    """Read a workbook: every sheet as a table, its first rows only when it is long.

    Raises:
        InputError: It cannot be read.
    """
    notes: list[str] = []
    blocks: list[Block] = []
    with reading(file, "xlsx"), file.open("rb") as stream:
        workbook = load_workbook(stream, read_only=True, data_only=True)
        metadata = properties(workbook.properties)
        names = tuple(flat(sheet.title) for sheet in workbook.worksheets)
        for number, sheet in enumerate(workbook.worksheets, 1):
            # Some programs write a wrong size, and openpyxl would believe it.
            sheet.reset_dimensions()
            blocks.append(Block(type="heading", text=names[number - 1], level=2, part=number))
            rows, total, cut = _table(sheet.iter_rows(values_only=True))
            if rows:
                blocks.append(Block(type="table", rows=rows, total_rows=total, part=number))
            if total > len(rows):
                notes.append(
                    f"Sheet {names[number - 1]} has {counted(total, 'row')}: the first"
                    f" {len(rows):,} are shown."
                )
            if cut:
                notes.append(f"Sheet {names[number - 1]} is shown with {COLUMNS} columns only.")
        workbook.close()
    title = metadata.pop("title", "") or source.stem
    return Document(
        title=title,
        kind="xlsx",
        metadata=metadata,
        blocks=tuple(blocks),
        parts="sheet",
        names=names,
        notes=tuple(notes),
    )


def _table(values: Iterable[Iterable[object]]) -> tuple[tuple[tuple[str, ...], ...], int, bool]:
    kept: list[list[str]] = []
    total, cut = 0, False
    for row in values:
        cells = list(row)
        if all(value is None or value == "" for value in cells):
            continue
        total += 1
        if total <= ROWS:
            cut = cut or any(value is not None for value in cells[COLUMNS:])
            kept.append([_written(value) for value in cells[:COLUMNS]])
    rows = even(kept)
    return rows, total if rows else 0, cut


def _written(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)
