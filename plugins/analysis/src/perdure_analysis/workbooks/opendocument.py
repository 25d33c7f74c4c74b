"""Which cells of an OpenDocument sheet are percentages or amounts of a currency."""

import zipfile
from collections import Counter
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from perdure_analysis.workbooks.package import Cells

_OFFICE: Final = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_CELLS: Final = {f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"}


def look_into_document(file: Path, sheet: str, rows: range, columns: range) -> Cells:
    """Return how the numbers of a range of an ODS sheet are shown, as Excel's formats say it.

    Args:
        file: The workbook.
        sheet: The sheet's name.
        rows: Counting from 0.
        columns: Counting from 0.
    """
    found = Cells()
    try:
        with zipfile.ZipFile(file) as package, package.open("content.xml") as stream:
            row, is_sheet = 0, False
            for event, element in ET.iterparse(stream, ("start", "end")):  # noqa: S314
                if element.tag == f"{_TABLE}table" and event == "start":
                    row, is_sheet = 0, element.get(f"{_TABLE}name") == sheet
                elif element.tag == f"{_TABLE}table-row" and event == "end":
                    repeated = int(element.get(f"{_TABLE}number-rows-repeated") or 1)
                    if is_sheet:
                        times = len(range(max(row, rows.start), min(row + repeated, rows.stop)))
                        _collect(found, element, columns, times)
                    row += repeated
                    element.clear()
    except (zipfile.BadZipFile, ET.ParseError, KeyError, ValueError):
        # The reader of the values has judged the file already.
        return found
    return found


def _collect(found: Cells, row: ET.Element, columns: range, times: int) -> None:
    place = 0
    for cell in row:
        if cell.tag not in _CELLS:
            continue
        repeated = int(cell.get(f"{_TABLE}number-columns-repeated") or 1)
        code = {
            "float": "",
            "percentage": "0%",
            "currency": f"[${cell.get(f'{_OFFICE}currency') or '¤'}]",
        }.get(cell.get(f"{_OFFICE}value-type") or "none")
        if code is not None and times:
            for column in range(max(place, columns.start), min(place + repeated, columns.stop)):
                found.formats.setdefault(column, Counter())[code] += times
        place += repeated
