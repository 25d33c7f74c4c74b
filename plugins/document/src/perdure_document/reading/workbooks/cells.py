"""Reading the cells of a sheet as they are shown, row by row."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import IO, Final, NamedTuple

from lxml import etree

from perdure_document.formatting import flat
from perdure_document.reading.number_formats.built_in import GENERAL
from perdure_document.reading.number_formats.shown import shown_number, shown_text
from perdure_document.reading.ooxml.package import local_name
from perdure_document.reading.workbooks.parts import Workbook, decoded, drop, rich_text

Place = tuple[int, int]
LAST_ROW: Final = 1_048_576
LAST_COLUMN: Final = 16_384
_REFERENCE: Final = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})")
_CELL_CHARACTERS: Final = 4
_REMEMBERED: Final = 50_000
_MILLION: Final = Decimal(1_000_000)
# Workbooks know no zones. Day 60 of 1900 never was, so day 0 is two days before the first.
_BASE_1900: Final = datetime(1899, 12, 30, tzinfo=UTC)
_BASE_1904: Final = datetime(1904, 1, 1, tzinfo=UTC)
_TRUE: Final = {"1", "true"}


class Range(NamedTuple):
    """A rectangle of cells; rows and columns are counted from 1, both ends included."""

    top: int
    left: int
    bottom: int
    right: int

    def holds(self, place: Place) -> bool:
        """Say whether a cell lies in it."""
        return self.top <= place[0] <= self.bottom and self.left <= place[1] <= self.right


class Sheet:
    """The cells of a sheet that people see, by row and column from 1, and what goes with them.

    Attributes:
        texts: What the cells show.
        numbers: Which cells hold a number or a date.
        size: How many characters they take.
        last_row: The last row that was kept.
        rows_left_out: How many further rows have content.
        merged: The ranges that are one cell.
        hidden_rows: The hidden rows.
        hidden_columns: The hidden columns.
        hidden_row_count: How many hidden rows have content.
        hidden_column_count: How many hidden columns have content.
        unseen: How many cells have a value that their format hides.
        unsaved: The cells whose formula has no saved value.
        links: Where cells lead, by the identifier of a relationship.
        embedded: The objects of other programs on the sheet.
        sparklines: How many cells show a small chart.
        pictures: How many cells show a picture.
        head, foot: What is printed above and below every page.
    """

    def __init__(self) -> None:
        self.texts: dict[Place, str] = {}
        self.numbers: set[Place] = set()
        self.size = 0
        self.last_row = 0
        self.rows_left_out = 0
        self.merged: list[Range] = []
        self.hidden_rows: set[int] = set()
        self.hidden_columns: set[int] = set()
        self.hidden_row_count = 0
        self.hidden_column_count = 0
        self.unseen = 0
        self.unsaved: list[Place] = []
        self.links: dict[Place, str] = {}
        self.embedded: set[str] = set()
        self.sparklines = 0
        self.pictures = 0
        self.head = ""
        self.foot = ""


def read_sheet(stream: IO[bytes], workbook: Workbook, allowance: int) -> Sheet:
    """Read the cells of a sheet.

    Args:
        stream: The sheet's part.
        workbook: What all sheets share.
        allowance: How many characters to keep; the rows after them are only counted.
    """
    return _SheetReader(workbook, allowance).read(stream)


def range_of(reference: str) -> Range | None:
    """Return the range ``B2:C7`` or the cell ``B2``; ``None`` for what is neither."""
    ends = [_REFERENCE.fullmatch(end) for end in reference.upper().split(":")]
    places = [(int(end[2]), column_of(end[1])) for end in ends if end]
    if len(places) != len(ends) or len(places) > 2:
        return None
    (top, left), (bottom, right) = places[0], places[-1]
    return Range(min(top, bottom), min(left, right), max(top, bottom), max(left, right))


def column_of(letters: str) -> int:
    """Return the number of a column, from 1: ``AA`` is 27."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def reference_of(place: Place) -> str:
    """Return what a workbook calls a cell: ``AA7``."""
    row, number = place
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row}"


class _SheetReader:
    def __init__(self, workbook: Workbook, allowance: int) -> None:
        self._workbook = workbook
        self._allowance = allowance
        self._sheet = Sheet()
        self._hidden_with_content: set[int] = set()
        self._zeros, self._rows_hidden = True, False
        self._row = 0
        self._shown: dict[tuple[str, str], str] = {}

    def read(self, stream: IO[bytes]) -> Sheet:
        parts = (
            *("sheetView", "sheetFormatPr", "col", "row", "mergeCell", "hyperlink", "oddHeader"),
            *("oddFooter", "oleObject", "sparkline"),
        )
        for _, element in etree.iterparse(
            stream,
            tag=tuple(f"{{*}}{name}" for name in parts),
            resolve_entities=False,
            no_network=True,
        ):
            name = local_name(element)
            if name == "row":
                self._read_row(element)
                drop(element)
            else:
                self._read_other(name, element)
        self._sheet.hidden_column_count = len(self._hidden_with_content)
        return self._sheet

    def _read_other(self, name: str, element: etree._Element) -> None:
        sheet = self._sheet
        match name:
            case "sheetView":
                self._zeros = element.get("showZeros", "1") in _TRUE
            case "sheetFormatPr":
                self._rows_hidden = element.get("zeroHeight") in _TRUE
            case "col":
                self._read_columns(element)
            case "mergeCell":
                if found := range_of(element.get("ref", "")):
                    sheet.merged.append(found)
            case "hyperlink":
                self._read_link(element)
            case "oddHeader":
                sheet.head = running_text(element.text or "")
            case "oddFooter":
                sheet.foot = running_text(element.text or "")
            case "sparkline":
                sheet.sparklines += 1
            case _:
                sheet.embedded.add(element.get("shapeId", ""))

    def _read_columns(self, element: etree._Element) -> None:
        first, last = _number(element.get("min")), _number(element.get("max"))
        hidden = self._sheet.hidden_columns
        if element.get("hidden") not in _TRUE and element.get("width") != "0":
            return
        last = min(last, LAST_COLUMN)
        if first not in hidden or last not in hidden:
            hidden.update(range(first, last + 1))

    def _read_link(self, element: etree._Element) -> None:
        found = range_of(element.get("ref", ""))
        identifier = next(
            (str(value) for key, value in element.attrib.items() if str(key).endswith("}id")), ""
        )
        if found and identifier:
            self._sheet.links[found.top, found.left] = identifier

    def _read_row(self, row: etree._Element) -> None:
        sheet = self._sheet
        self._row = _number(row.get("r")) or self._row + 1
        hidden = row.get("hidden") in _TRUE or (self._rows_hidden and row.get("hidden") is None)
        if hidden:
            sheet.hidden_rows.add(self._row)
        if not len(row) or self._row > LAST_ROW:
            return
        if hidden:
            sheet.hidden_row_count += any(_has_content(cell) for cell in row)
        elif sheet.size >= self._allowance:
            sheet.rows_left_out += any(_has_content(cell) for cell in row)
        else:
            for column, cell in _columns(row):
                self._read_cell(cell, column)

    def _read_cell(self, cell: etree._Element, column: int) -> None:
        sheet = self._sheet
        value = _value(cell)
        if value is None or column > LAST_COLUMN:
            return
        if column in sheet.hidden_columns:
            self._hidden_with_content.add(column)
            return
        place = self._row, column
        kind, raw, has_formula = value
        if not raw:
            if has_formula and kind != "str":
                sheet.unsaved.append(place)
            return
        if kind == "e" and cell.get("vm"):
            # Programs that know no pictures in cells read an error there.
            sheet.pictures += 1
            return
        text, is_number = self._text(cell, kind, raw)
        if not text:
            # A zero that is not shown says nothing; another value may be hidden on purpose.
            sheet.unseen += bool(raw.strip("0."))
            return
        sheet.texts[place] = text
        if is_number:
            sheet.numbers.add(place)
        sheet.last_row = self._row
        sheet.size += len(text) + _CELL_CHARACTERS

    def _text(self, cell: etree._Element, kind: str, raw: str) -> tuple[str, bool]:
        """Return what a cell shows, and whether it is a number."""
        code = self._code(cell)
        if kind in {"s", "str", "inlineStr"}:
            text = self._string(raw) if kind == "s" else raw
            return flat(shown_text(decoded(text) if kind == "str" else text, code)), False
        if kind in {"b", "e"}:
            return (raw if kind == "e" else "TRUE" if raw in _TRUE else "FALSE"), False
        return (self._date if kind == "d" else self._number)(raw, code), True

    def _string(self, raw: str) -> str:
        number, strings = _number(raw), self._workbook.strings
        return strings[number] if number < len(strings) else ""

    def _code(self, cell: etree._Element) -> str:
        style = _number(cell.get("s"))
        codes = self._workbook.codes
        return codes[style] if style < len(codes) else GENERAL

    def _number(self, raw: str, code: str) -> str:
        if not self._zeros and raw.strip("0.") == "":
            return ""
        found = self._shown.get((raw, code))
        if found is None:
            try:
                value = Decimal(raw)
            except InvalidOperation:
                return flat(raw)
            if not value.is_finite():
                return flat(raw)
            found = flat(shown_number(value, code, self._workbook.base_1904))
            if len(self._shown) > _REMEMBERED:
                self._shown.clear()
            self._shown[raw, code] = found
        return found

    def _date(self, raw: str, code: str) -> str:
        """Show a date that the file writes as ISO 8601."""
        try:
            moment = datetime.fromisoformat(raw).replace(tzinfo=UTC)
        except ValueError:
            return flat(raw)
        if code == GENERAL:
            return raw.removesuffix("T00:00:00")
        base = _BASE_1904 if self._workbook.base_1904 else _BASE_1900
        past = moment - base
        days = Decimal(past.days) + (Decimal(past.seconds) + past.microseconds / _MILLION) / 86_400
        return flat(shown_number(days, code, self._workbook.base_1904))


def running_text(code: str) -> str:
    """Return the words of a header or a footer, without the codes for fonts, pages and dates."""
    text = re.sub(r"&(?:\"[^\"]*\"|K[0-9A-Fa-f]{6}|K\d\d[+-]\d{3}|\d+)", "", code)
    text = re.sub(r"&[LCR]", " ", text)
    pages = re.sub(r"&[PN](?:[+-]\d+)?", "\0", text)
    if "\0" in pages:
        # "Page 1 of 9" is different on every page and says nothing of the document.
        pages = re.sub(r"\w*\s*\0(?:\s*\S+\s*\0)?", "", pages)
    return flat(re.sub(r"&(?!&)[A-Z]", "", pages, flags=re.IGNORECASE).replace("&&", "&"))


def _columns(row: Iterable[etree._Element]) -> Iterator[tuple[int, etree._Element]]:
    """Yield the cells of a row with their columns; one that names none follows the last."""
    column = 0
    for cell in row:
        letters = cell.get("r", "").rstrip("0123456789")
        column = column_of(letters) if letters.isalpha() and letters.isupper() else column + 1
        yield column, cell


def _value(cell: etree._Element) -> tuple[str, str, bool] | None:
    """Return a cell's type, its value as written and whether it has a formula, if it has content.

    The names of elements are compared by their ends: strict files have other namespaces.
    """
    raw, has_formula = "", False
    kind = cell.get("t", "n")
    for child in cell:
        name = child.tag
        if not isinstance(name, str):
            continue
        if name.endswith("}v"):
            raw = child.text or ""
        elif name.endswith("}f"):
            has_formula = True
        elif name.endswith("}is"):
            kind, raw = "inlineStr", rich_text(child)
    if not raw and not has_formula:
        return None
    return kind, raw, has_formula


def _has_content(cell: etree._Element) -> bool:
    value = _value(cell)
    return value is not None and bool(value[1])


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0
