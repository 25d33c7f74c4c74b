"""What only the parts of an Excel file say: number formats, errors, formulas without a value."""

import functools
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final
from xml.etree import ElementTree as ET

from perdure.agents import InputError
from perdure_analysis.workbooks.binary import formats_of_xls, formats_of_xlsb, reach_of_xlsb

LARGEST: Final = 1 << 30
_RATIO: Final = 250
_HARMLESS: Final = 64 << 20
_BLOCK: Final = 1 << 20
# What the reader of the values takes for so many cells is about 2 GB.
MOST_CELLS: Final = 60_000_000
_COLUMN_OF_CELL: Final = re.compile(rb"\br\s*=\s*[\"']([A-Za-z]{1,8})\d")
_ROW_OF_CELL: Final = re.compile(rb"\br\s*=\s*[\"'][A-Za-z]{1,8}(\d{1,12})[\"']")
_LONGEST_NAME: Final = 4096
_LONGEST_CELL: Final = 1 << 24
_MAIN: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_STRICT: Final = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_BUILT_IN: Final = {9: "0%", 10: "0.00%"}
_CELL: Final = re.compile(rb'<c\s[^>]*?\br="([A-Z]+)(\d+)"([^>]*?)(/?)>')
_STYLE: Final = re.compile(rb'\bs="(\d+)"')
_UNSAVED: Final = re.compile(
    rb'<c\s[^>]*?\br="([A-Z]+)(\d+)"[^>]*>\s*<f(?:[^>]*/>|[^>]*>[^<]*</f>)'
    rb"\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>"
)
_ERROR: Final = re.compile(
    rb'<c\s(?=[^>]*\bt="e")[^>]*?\br="([A-Z]+)(\d+)"[^>]*>(?:[^<]|<(?!v>|/c>))*(?:<f[^>]*>[^<]*</f>)?'
    rb"\s*<v>([^<]*)</v>"
)


@dataclass(slots=True)
class Cells:
    """What the cells of a range are besides their values.

    Attributes:
        formats: The number formats of each column of numbers, counting from 0, how many cells have
            each; empty for a general one.
        unsaved: Formulas without a saved value, by column.
        errors: Cells that hold an error such as #DIV/0!, by column and error.
    """

    formats: dict[int, Counter[str]] = field(default_factory=dict)
    unsaved: Counter[int] = field(default_factory=Counter)
    errors: Counter[tuple[int, str]] = field(default_factory=Counter)


def check_size(file: Path) -> None:
    """Refuse a package whose parts explode.

    Raises:
        InputError: Its parts are larger than 1 GiB together, or more than 250 times as large as
            the file; a sheet reaches too far; or it is damaged.
    """
    status = file.stat()
    try:
        with zipfile.ZipFile(file) as package:
            size = sum(entry.file_size for entry in package.infolist())
        if size > LARGEST or size > max(_HARMLESS, _RATIO * status.st_size):
            raise InputError(
                f"{file} grows to {size >> 20:,} MB when it is unpacked, more than a workbook may:"
                " save the table as CSV"
            )
        cells = _most_cells(file, status.st_size, status.st_mtime_ns)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise InputError(f"{file} is a damaged workbook ({error}): repair it") from error
    if cells > MOST_CELLS:
        raise InputError(
            f"{file} has a sheet that reaches over {cells:,} cells, and at most {MOST_CELLS:,} are"
            " read: delete what stands far from the table, or save the table as CSV"
        )


@functools.lru_cache(maxsize=8)
def _most_cells(file: Path, size: int, modified: int) -> int:  # noqa: ARG001 -- what is remembered
    """Return over how many cells the largest sheet of an Excel file reaches, blank ones included.

    The reader of the values takes memory for each of them: a file of two cells may end the process.
    """
    most = 0
    with zipfile.ZipFile(file) as package:
        for name in package.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".bin"):
                most = max(most, reach_of_xlsb(package.read(name)))
            if not name.endswith(".xml"):
                continue
            last_row, columns, rest = 0, set[bytes](), b""
            with package.open(name) as stream:
                while block := stream.read(_BLOCK):
                    text = rest + block
                    columns.update(_COLUMN_OF_CELL.findall(text))
                    last_row = max(last_row, *map(int, _ROW_OF_CELL.findall(text)), 0)
                    rest = block[-_LONGEST_NAME:]  # a name may be parted between two blocks
            last = max((_column(letters.upper()) + 1 for letters in columns), default=0)
            most = max(most, last_row * last)
    return most


def look_into(file: Path, sheet: str, rows: range, columns: range) -> Cells:
    """Return what the cells of a range of an Excel sheet are; of XLS and XLSB their formats only.

    Args:
        file: The workbook.
        sheet: The sheet's name.
        rows: Counting from 0.
        columns: Counting from 0.
    """
    found = Cells()
    try:
        if not zipfile.is_zipfile(file):
            found.formats = formats_of_xls(file, sheet, rows, columns, _BUILT_IN)
            return found
        with zipfile.ZipFile(file) as package:
            if "xl/workbook.bin" in package.NameToInfo:
                found.formats = formats_of_xlsb(package, sheet, rows, columns, _BUILT_IN)
                return found
            part = _sheet_part(package, sheet)
            if part is None:
                return found
            styles = _styles(package)
            with package.open(part) as stream:
                for text in _whole_rows(stream):
                    _collect(found, text, styles, rows, columns)
    except (zipfile.BadZipFile, ET.ParseError, KeyError, OSError, struct.error, LookupError):
        # The reader of the values has judged the file already.
        return found
    return found


def _collect(found: Cells, text: bytes, styles: list[str], rows: range, columns: range) -> None:
    for match in _CELL.finditer(text):
        if match[4] or b't="' in match[0].replace(b't="n"', b""):
            continue
        column, row = _column(match[1]), int(match[2]) - 1
        if row in rows and column in columns:
            style = _STYLE.search(match[0])
            number = int(style[1]) if style else 0
            code = styles[number] if number < len(styles) else ""
            found.formats.setdefault(column, Counter())[code] += 1
    for match in _UNSAVED.finditer(text):
        if int(match[2]) - 1 in rows and _column(match[1]) in columns:
            found.unsaved[_column(match[1])] += 1
    for match in _ERROR.finditer(text):
        if int(match[2]) - 1 in rows and _column(match[1]) in columns:
            found.errors[_column(match[1]), match[3].decode()] += 1


def _whole_rows(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield a sheet's XML in pieces that end where a cell or a row does, if any does."""
    rest = b""
    while block := stream.read(_BLOCK):
        text = rest + block
        ends = [text.rfind(one) + len(one) for one in (b"</row>", b"</c>") if one in text]
        end = max(ends, default=len(text) if len(text) >= _LONGEST_CELL else 0)
        yield text[:end]
        rest = text[end:]
    yield rest


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1


def _sheet_part(package: zipfile.ZipFile, sheet: str) -> str | None:
    """Return the part that holds a sheet, by the workbook's list and its relations."""
    root = "xl/workbook.xml"
    if root not in package.namelist():
        return None
    relation = next(
        (
            value
            for entry in ET.fromstring(package.read(root)).iter()  # noqa: S314
            if entry.tag in {f"{_MAIN}sheet", f"{_STRICT}sheet"} and entry.get("name") == sheet
            for name, value in entry.items()
            if name.endswith("}id")
        ),
        None,
    )
    for entry in ET.fromstring(package.read("xl/_rels/workbook.xml.rels")):  # noqa: S314
        if entry.get("Id") == relation:
            target = entry.get("Target") or ""
            return target[1:] if target.startswith("/") else f"xl/{target}"
    return None


def _styles(package: zipfile.ZipFile) -> list[str]:
    """Return the number format of each cell style; empty for a general one."""
    if "xl/styles.xml" not in package.namelist():
        return []
    root = ET.fromstring(package.read("xl/styles.xml"))  # noqa: S314
    prefix = _STRICT if root.tag.startswith(_STRICT) else _MAIN
    codes = dict(_BUILT_IN)
    for entry in root.iter(f"{prefix}numFmt"):
        codes[int(entry.get("numFmtId") or 0)] = entry.get("formatCode") or ""
    return [
        codes.get(int(entry.get("numFmtId") or 0), "")
        for entry in root.iterfind(f"{prefix}cellXfs/{prefix}xf")
    ]
