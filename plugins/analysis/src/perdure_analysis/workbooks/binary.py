"""The number formats of cells in binary workbooks: XLS as in [MS-XLS], XLSB as in [MS-XLSB]."""

import struct
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

Formats = dict[int, Counter[str]]
_Record = tuple[int, bytes]

_LARGEST: Final = 1 << 30
_FORMAT, _XF, _BOUND_SHEET, _EOF = 0x041E, 0x00E0, 0x0085, 0x000A
_NUMBER, _RK, _MULTIPLE_RK, _FORMULA = 0x0203, 0x027E, 0x00BD, 0x0006
_BRT_ROW, _BRT_FORMAT, _BRT_XF, _BRT_BEGIN_XFS, _BRT_END_XFS = 0, 44, 47, 617, 618
_BRT_SHEET: Final = 156
_BRT_LAST_CELL: Final = 11  # blank cells, texts, numbers, formulas
_BRT_NUMBERS: Final = {2, 5, 9}  # a rounded number, a number, a formula whose result is one


def formats_of_xls(
    file: Path, sheet: str, rows: range, columns: range, built_in: Mapping[int, str]
) -> Formats:
    """Return the number formats of the numbers in a range, by column, how many cells have each.

    Args:
        file: An XLS file.
        sheet: The sheet's name.
        rows: Counting from 0.
        columns: Counting from 0.
        built_in: Formats that files do not spell out, by their number.

    Raises:
        OSError: It cannot be read as one.
        struct.error: It is damaged.
    """
    import olefile

    with olefile.OleFileIO(str(file)) as container:
        name = next(one for one in ("Workbook", "Book") if container.exists(one))
        if container.get_size(name) > _LARGEST:
            return {}
        content = container.openstream(name).read()
    codes, styles, start = dict(built_in), list[int](), -1
    for kind, data in _records(content, 0):
        if kind == _FORMAT:
            (number,) = struct.unpack_from("<H", data)
            codes[number] = _text(data, 2, "<H")
        elif kind == _XF:
            styles.append(struct.unpack_from("<H", data, 2)[0])
        elif kind == _BOUND_SHEET and _text(data, 6, "<B") == sheet:
            (start,) = struct.unpack_from("<I", data)
    found: Formats = {}
    if start < 0:
        return found
    for row, column, style in _cells(content, start):
        if row in rows and column in columns:
            number = styles[style] if style < len(styles) else 0
            found.setdefault(column, Counter())[codes.get(number, "")] += 1
    return found


def formats_of_xlsb(
    package: zipfile.ZipFile, sheet: str, rows: range, columns: range, built_in: Mapping[int, str]
) -> Formats:
    """Return the same of an XLSB file.

    Raises:
        KeyError: A part of it is missing.
        struct.error: It is damaged.
    """
    relation = ""
    for kind, data in _long_records(package.read("xl/workbook.bin")):
        if kind == _BRT_SHEET:
            identifier, after = _wide_text(data, 8)
            if _wide_text(data, after)[0] == sheet:
                relation = identifier
    relations = ET.fromstring(package.read("xl/_rels/workbook.bin.rels"))  # noqa: S314
    target = next((one.get("Target") or "" for one in relations if one.get("Id") == relation), "")
    if not target:
        return {}
    part = target[1:] if target.startswith("/") else f"xl/{target}"
    styles = _styles_of_xlsb(package, built_in)
    found: Formats = {}
    row = 0
    for kind, data in _long_records(package.read(part)):
        if kind == _BRT_ROW:
            (row,) = struct.unpack_from("<I", data)
        elif kind in _BRT_NUMBERS and row in rows:
            column, style = struct.unpack_from("<II", data)
            style &= 0xFFFFFF
            if column in columns:
                code = styles[style] if style < len(styles) else ""
                found.setdefault(column, Counter())[code] += 1
    return found


def reach_of_xlsb(part: bytes) -> int:
    """Return over how many cells a sheet of an XLSB file reaches, blank ones included."""
    row = rows = columns = 0
    for kind, data in _long_records(part):
        if kind == _BRT_ROW and len(data) >= 4:
            (row,) = struct.unpack_from("<I", data)
        elif kind <= _BRT_LAST_CELL and len(data) >= 4:
            rows = max(rows, row + 1)
            columns = max(columns, struct.unpack_from("<I", data)[0] + 1)
    return rows * columns


def _styles_of_xlsb(package: zipfile.ZipFile, built_in: Mapping[int, str]) -> list[str]:
    codes, styles, within = dict(built_in), list[str](), False
    if "xl/styles.bin" not in package.NameToInfo:
        return styles
    for kind, data in _long_records(package.read("xl/styles.bin")):
        if kind == _BRT_FORMAT:
            (number,) = struct.unpack_from("<H", data)
            codes[number] = _wide_text(data, 2)[0]
        elif kind in {_BRT_BEGIN_XFS, _BRT_END_XFS}:
            within = kind == _BRT_BEGIN_XFS
        elif kind == _BRT_XF and within:
            styles.append(codes.get(struct.unpack_from("<H", data, 2)[0], ""))
    return styles


def _records(content: bytes, start: int) -> Iterator[_Record]:
    """Yield the records of an XLS stream, up to the end of the part that begins at a place."""
    while start + 4 <= len(content):
        kind, length = struct.unpack_from("<HH", content, start)
        if kind == _EOF:
            return
        yield kind, content[start + 4 : start + 4 + length]
        start += 4 + length


def _cells(content: bytes, start: int) -> Iterator[tuple[int, int, int]]:
    """Yield the row, the column and the style of each number in an XLS sheet."""
    for kind, data in _records(content, start):
        if kind in {_NUMBER, _RK} or (kind == _FORMULA and data[12:14] != b"\xff\xff"):
            yield struct.unpack_from("<HHH", data)
        elif kind == _MULTIPLE_RK:
            row, column = struct.unpack_from("<HH", data)
            for place in range(4, len(data) - 2, 6):
                yield row, column, struct.unpack_from("<H", data, place)[0]
                column += 1


def _text(data: bytes, place: int, length: str) -> str:
    """Return a text of an XLS record: its length, how it is written, its characters."""
    (count,) = struct.unpack_from(length, data, place)
    place += struct.calcsize(length)
    if data[place] & 1:
        return data[place + 1 : place + 1 + 2 * count].decode("utf-16-le", errors="replace")
    return data[place + 1 : place + 1 + count].decode("latin-1")


def _long_records(content: bytes) -> Iterator[_Record]:
    """Yield the records of a part of an XLSB file; kinds and lengths take as few bytes as fit."""
    place = 0
    while place < len(content):
        kind = content[place]
        place += 1
        if kind & 0x80 and place < len(content):
            kind = (kind & 0x7F) | content[place] << 7
            place += 1
        length = shift = 0
        while place < len(content):
            part = content[place]
            place += 1
            length |= (part & 0x7F) << shift
            shift += 7
            if not part & 0x80 or shift == 28:
                break
        yield kind, content[place : place + length]
        place += length


def _wide_text(data: bytes, place: int) -> tuple[str, int]:
    """Return a text of an XLSB record, and the place behind it."""
    (count,) = struct.unpack_from("<I", data, place)
    end = place + 4 + 2 * count
    return data[place + 4 : end].decode("utf-16-le", errors="replace"), end
