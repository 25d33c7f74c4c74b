"""Reading a table of a workbook: the saved values of its cells, as number formats mean them."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from perdure.agents import InputError
from perdure_analysis.database.reading import Reading
from perdure_analysis.formatting import counted
from perdure_analysis.workbooks.grid import Grid, Region, Value, regions
from perdure_analysis.workbooks.opendocument import look_into_document
from perdure_analysis.workbooks.package import Cells, check_size, look_into
from perdure_analysis.workbooks.values import Column, write_values

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_OLD: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ODS: Final = b"application/vnd.oasis.opendocument.spreadsheet"
_OTHERS: Final = {"word/": "a Word document", "ppt/": "a PowerPoint presentation"}
_KEPT_ROWS: Final = 64
_LISTED: Final = 20
_QUOTED: Final = 3


def workbook_kind(file: Path, head: bytes) -> Literal["excel", "ods"] | None:
    """Return which kind of workbook a file is; ``None`` for anything else.

    Raises:
        InputError: It is another Office document.
    """
    if head.startswith(_OLD):
        return "excel"
    if not head.startswith(b"PK\x03\x04"):
        return None
    try:
        with zipfile.ZipFile(file) as package:
            names = package.namelist()
            if "mimetype" in names and package.getinfo("mimetype").file_size < len(_ODS) * 2:
                kind = package.read("mimetype")
                if kind.startswith(_ODS):
                    return "ods"
                if kind.startswith(b"application/vnd.oasis.opendocument"):
                    raise InputError(f"{file} is an OpenDocument file without sheets: give a table")
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError):
        return None
    if any(name.startswith("xl/workbook.") for name in names):
        return "excel"
    for folder, what in _OTHERS.items():
        if "[Content_Types].xml" in names and any(name.startswith(folder) for name in names):
            raise InputError(f"{file} is {what}, not a table: give a workbook or a CSV file")
    return None


def choose_sheet_table(file: Path, table: str | None) -> str:
    """Return the table to profile: the one asked for, or the only one there is.

    Args:
        file: The workbook.
        table: A sheet's name, or, of a sheet with several tables, ``sheet!B3:F120``.

    Raises:
        InputError: No such table, none at all, several and none asked for, or a damaged file.
    """
    with _opened(file) as workbook:
        hidden = _hidden(workbook)
        found = {
            name: (sheet, region)
            for sheet in workbook.sheet_names
            for name, region in _tables(workbook, sheet)
        }
    if not found:
        raise InputError(f"{file} has no sheet with a table: give a workbook with rows in it")
    listed = ", ".join(list(found)[:_LISTED]) + (" …" if len(found) > _LISTED else "")
    if table in found:
        return str(table)
    if table is not None:
        of_sheet = [name for name, (sheet, _) in found.items() if sheet == table]
        why = f"has {len(of_sheet)} tables in the sheet" if of_sheet else "has no table"
        raise InputError(
            f"{file} {why} {table!r}: name one of {', '.join(of_sheet) or listed} in the parameter"
            " 'table'"
        )
    visible = [name for name, (sheet, _) in found.items() if sheet not in hidden] or list(found)
    # Sheets of remarks are no tables beside one that is.
    filled = [name for name in visible if found[name][1].bottom > found[name][1].body]
    wide = [name for name in filled if found[name][1].right - found[name][1].left > 1]
    visible = wide or filled or visible
    if len(visible) > 1:
        raise InputError(
            f"{file} holds {len(found)} tables ({listed}): name one in the parameter 'table'"
        )
    return visible[0]


def read_workbook(reading: Reading) -> None:
    """Read the table that the source names.

    Raises:
        InputError: The workbook is damaged, or changed since it was recognised.
    """
    with _opened(reading.content) as workbook:
        sheet, region, others = _find(workbook, reading.source.table or "", reading.content)
        rows, columns = range(region.body, region.bottom), range(region.left, region.right)
        look = look_into if reading.source.format == "excel" else look_into_document
        cells = look(reading.content, sheet, rows, columns)
        written = write_values(_values(workbook, sheet), region, _merged(workbook, sheet), cells)
        with reading.file.open("w", encoding="utf-8", newline="", errors="replace") as stream:
            left_out = written.write(stream)
    reading.create_from_csv({column.name: column.type for column in written.columns})
    reading.mostly_numbers.update(one.name for one in written.columns if one.mostly_numbers)
    reading.as_text.update(one.name for one in written.columns if one.stays_text)
    reading.left_out += len(left_out)
    reading.notes += _notes(region, others, cells, written.columns, left_out)


def _notes(
    region: Region, others: list[str], cells: Cells, columns: list[Column], left_out: list[str]
) -> list[str]:
    notes = []
    if others:
        notes.append(f"Other tables of the workbook were not read: {', '.join(others[:_LISTED])}.")
    if not region.names:
        notes.append("No header was found: columns are numbered from 0.")
    if region.outside:
        shown = "; ".join(f"'{text[:60]}'" for text in region.outside[:_QUOTED])
        more = " …" if len(region.outside) > _QUOTED else ""
        notes.append(f"Text around the table is no row of it: {shown}{more}.")
    notes += [f"A line was left out because it adds up those above it: {one}." for one in left_out]
    notes += [note for column in columns for note in column.notes]
    names = {column.place: column.name for column in columns}
    for place, count in sorted(cells.unsaved.items()):
        notes.append(
            f"{counted(count, 'formula')} in `{names[place]}` {'has' if count == 1 else 'have'} no"
            " saved value and count as missing: open the workbook in a spreadsheet program and save"
            " it."
        )
    for (place, error), count in sorted(cells.errors.items()):
        notes.append(
            f"{counted(count, 'cell')} in `{names[place]}` {'holds' if count == 1 else 'hold'} the"
            f" error {error} and count as missing."
        )
    return notes


@contextmanager
def _opened(file: Path) -> Iterator["CalamineWorkbook"]:
    import python_calamine

    with file.open("rb") as stream:
        packed = stream.read(4).startswith(b"PK")
    if packed:
        check_size(file)
    try:
        with python_calamine.CalamineWorkbook.from_path(file) as workbook:
            yield workbook
    except python_calamine.PasswordError as error:
        raise InputError(f"{file} is encrypted: save it without a password") from error
    except (python_calamine.CalamineError, OSError) as error:
        first = str(error).partition("\n")[0]
        raise InputError(f"{file} cannot be read as a workbook ({first}): repair it") from error
    except BaseException as error:
        # The reader's own failures are no exceptions of Python's.
        if type(error).__name__ != "PanicException":
            raise
        raise InputError(
            f"{file} cannot be read as a workbook (its reader failed: {error}): save the table as"
            " .xlsx or as CSV"
        ) from error


def _hidden(workbook: "CalamineWorkbook") -> set[str]:
    from python_calamine import SheetVisibleEnum

    return {one.name for one in workbook.sheets_metadata if one.visible != SheetVisibleEnum.Visible}


def _tables(workbook: "CalamineWorkbook", sheet: str) -> list[tuple[str, Region]]:
    """Return the tables of a sheet, by what they are called in the parameter ``table``."""
    found = regions(_grid(workbook, sheet))
    if len(found) == 1:
        return [(sheet, found[0])]
    return [(f"{sheet}!{region.address}", region) for region in found]


def _find(workbook: "CalamineWorkbook", table: str, file: Path) -> tuple[str, Region, list[str]]:
    found: tuple[str, Region] | None = None
    others = []
    for sheet in workbook.sheet_names:
        for name, region in _tables(workbook, sheet):
            if name == table:
                found = sheet, region
            else:
                others.append(name)
    if found is None:
        raise InputError(f"{file} changed while it was being profiled: hand the goal in again")
    return *found, others


def _sheet(workbook: "CalamineWorkbook", name: str) -> "CalamineSheet | None":
    import python_calamine

    try:
        return workbook.get_sheet_by_name(name)
    except python_calamine.WorksheetNotFound:
        return None  # a sheet of charts


def _merged(
    workbook: "CalamineWorkbook", name: str
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    sheet = _sheet(workbook, name)
    return list(sheet.merged_cell_ranges or ()) if sheet is not None else []


def _values(workbook: "CalamineWorkbook", name: str) -> Iterator[list[Value]]:
    """Yield the rows of a sheet from its first row and column on."""
    sheet = _sheet(workbook, name)
    if sheet is None or sheet.start is None:
        return
    top, left = sheet.start
    for _ in range(top):
        yield []
    before: list[Value] = [""] * left
    for row in sheet.iter_rows():
        yield before + row


def _grid(workbook: "CalamineWorkbook", sheet: str) -> Grid:
    filled: list[int] = []
    texts: list[int] = []
    kept: dict[int, list[Value]] = {}
    for number, row in enumerate(_values(workbook, sheet)):
        mask = text = 0
        for place, value in enumerate(row):
            if isinstance(value, str):
                if value and not value.isspace():
                    text |= 1 << place
            else:
                mask |= 1 << place
        mask |= text
        if number < _KEPT_ROWS or mask.bit_count() <= 1 or filled[-1].bit_count() <= 1:
            kept[number] = row
        filled.append(mask)
        texts.append(text)

    def rows(first: int, end: int) -> list[list[Value]]:
        if all(number in kept for number in range(first, end)):
            return [kept[number] for number in range(first, end)]
        return list(islice(_values(workbook, sheet), first, end))

    return Grid(filled, texts, rows, _merged(workbook, sheet))
