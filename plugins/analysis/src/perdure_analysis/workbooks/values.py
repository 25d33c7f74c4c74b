"""The values of a sheet's table, written as text that DuckDB reads with the types they have."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isclose
from typing import Final, TextIO

from perdure_analysis.database.reading import NULL
from perdure_analysis.workbooks.grid import Merged, Region, Value
from perdure_analysis.workbooks.package import Cells

_TYPES: Final[dict[frozenset[str], str]] = {
    frozenset({"whole"}): "BIGINT",
    frozenset({"number"}): "DOUBLE",
    frozenset({"whole", "number"}): "DOUBLE",
    frozenset({"date"}): "DATE",
    frozenset({"moment"}): "TIMESTAMP",
    frozenset({"date", "moment"}): "TIMESTAMP",
    frozenset({"time"}): "TIME",
    frozenset({"duration"}): "INTERVAL",
    frozenset({"yes or no"}): "BOOLEAN",
}
_NUMBERS: Final = ("whole", "number")
_WHOLE: Final = 1 << 53
_CODE: Final = re.compile(r"0{2,}")
_CURRENCY: Final = re.compile(r"\[\$([^\]-]+)|([$€£¥₹₽₩₺₴₪฿₫])(?!-)")
_QUOTED: Final = re.compile(r'"[^"]*"|\\.')
_TOTAL: Final = re.compile(
    r"\s*(grand[\s-]*|sub[\s-]*)?(totals?|sum|summe|gesamt(summe)?|insgesamt|somme|suma|totale)\b",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Column:
    """A column of a table.

    Attributes:
        place: Which column of the sheet it is, counting from 0.
        percent: Whether its numbers are shown in percent, and written so.
        digits: To how many digits its numbers are filled up with zeros: codes rather than numbers.
        stays_text: Whether its numbers must not be added up.
        kinds: How many of its values are of which kind.
        total: Its numbers, added up.
        notes: What a reader must know of it.
    """

    place: int
    name: str
    percent: bool = False
    digits: int = 0
    stays_text: bool = False
    kinds: Counter[str] = field(default_factory=Counter)
    total: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def type(self) -> str:
        """The DuckDB type that holds every value."""
        return "VARCHAR" if self.stays_text else _TYPES.get(frozenset(self.kinds), "VARCHAR")

    @property
    def mostly_numbers(self) -> bool:
        """Whether more than half of the values are numbers, in a column of text."""
        numbers = sum(self.kinds[kind] for kind in _NUMBERS)
        return self.type == "VARCHAR" and 2 * numbers > self.kinds.total()


@dataclass(frozen=True, slots=True)
class Written:
    """A table that is written row by row."""

    columns: list[Column]
    rows: Iterator[list[Value]]

    def write(self, stream: TextIO) -> list[str]:
        """Write the rows, and return those left out because they add up the rows above them."""
        writer = csv.writer(stream)
        writer.writerow([column.name for column in self.columns])
        left_out: list[str] = []
        last: list[Value] | None = None
        for row in self.rows:
            if last is not None:
                writer.writerow(self._texts(last))
            last = row
        if last is not None:
            if self._adds_up(last):
                left_out.append(", ".join(str(value) for value in last if value != ""))
            else:
                writer.writerow(self._texts(last))
        return left_out

    def _texts(self, row: Sequence[Value]) -> list[str]:
        texts = []
        for column, value in zip(self.columns, row, strict=True):
            text, kind = _text(value, column)
            if kind:
                column.kinds[kind] += 1
                if kind in _NUMBERS:
                    column.total += float(str(value))
            texts.append(text)
        return texts

    def _adds_up(self, row: Sequence[Value]) -> bool:
        """Say whether a row calls itself a total, and each of its numbers is one."""
        if not any(isinstance(value, str) and _TOTAL.match(value) for value in row):
            return False
        sums = [
            (column.total, float(value))
            for column, value in zip(self.columns, row, strict=True)
            if isinstance(value, int | float) and not isinstance(value, bool)
        ]
        return bool(sums) and any(
            isclose(total, value, rel_tol=1e-9, abs_tol=1e-9) for total, value in sums
        )


def write_values(
    rows: Iterable[list[Value]], region: Region, merged: Merged, cells: Cells
) -> Written:
    """Return a table of a sheet, ready to be written.

    Args:
        rows: The sheet's rows.
        region: Where the table lies.
        merged: The sheet's merged cells: a value counts for every row that its cell spans.
        cells: What the cells are besides their values.
    """
    names = region.names or tuple(f"column{n}" for n in range(region.right - region.left))
    columns = [
        _column(place, name, cells)
        for place, name in zip(range(region.left, region.right), names, strict=True)
    ]
    return Written(columns, _rows(rows, region, merged, columns))


def _column(place: int, name: str, cells: Cells) -> Column:
    column = Column(place, name)
    formats = cells.formats.get(place)
    if not formats:
        return column
    plain = {code: _QUOTED.sub("", code) for code in formats}
    shown = formats.total()
    percent = sum(count for code, count in formats.items() if "%" in plain[code])
    units = Counter[str]()
    for code, count in formats.items():
        if found := _CURRENCY.search(code):
            units[(found[1] or found[2]).strip()] += count
    codes = {len(code) for code in formats if _CODE.fullmatch(code)}
    if percent == shown:
        column.percent = True
        column.notes.append(f"`{name}` was read as numbers in %, as its cells are shown.")
    elif len(units) > 1 or percent:
        marks = units + Counter({"%": percent})
        marks += Counter({"no sign": shown - marks.total()})
        held = ", ".join(f"{unit}: {count:,}" for unit, count in marks.most_common())
        column.stays_text = True
        column.notes.append(
            f"`{name}` mixes units ({held}), which cannot be added up: it was left as text."
        )
    elif units:
        column.notes.append(f"`{name}` was read as numbers in {next(iter(units))}.")
    elif len(codes) == len(formats):
        column.digits = codes.pop()
        column.stays_text = True
    return column


def _rows(
    rows: Iterable[list[Value]], region: Region, merged: Merged, columns: list[Column]
) -> Iterator[list[Value]]:
    """Yield the table's rows; blank lines between them are no rows."""
    width = region.right - region.left
    spans = {
        (start[0], start[1]): end[0]
        for start, end in merged
        if start[0] >= region.body and end[0] > start[0]
    }
    open_spans: dict[int, tuple[int, Value]] = {}
    for number, row in enumerate(rows):
        if number >= region.bottom:
            return
        if number < region.body:
            continue
        cells = row[region.left : region.right]
        cells += [""] * (width - len(cells))
        blank = all(value == "" for value in cells)
        for place, (end, value) in open_spans.items():
            if number <= end and cells[place - region.left] == "":
                cells[place - region.left] = value
        for place in range(region.left, region.right):
            if end_row := spans.get((number, place)):
                open_spans[place] = end_row, cells[place - region.left]
                note = f"Merged cells of `{columns[place - region.left].name}` count for every row"
                if not any(note in one for one in columns[place - region.left].notes):
                    columns[place - region.left].notes.append(f"{note} they span.")
        if not blank:
            yield cells


def _text(value: Value, column: Column) -> tuple[str, str]:
    """Return a value as text, and its kind; empty for none."""
    text, kind = NULL, ""
    match value:
        case bool():
            text, kind = str(value).lower(), "yes or no"
        case int() | float():
            return _number(value, column)
        case str():
            if value and not value.isspace():
                text, kind = value, "text"
        case datetime():
            text, kind = value.isoformat(" "), "moment"
        case date():
            text, kind = value.isoformat(), "date"
        case time():
            text, kind = value.isoformat(), "time"
        case timedelta():
            text, kind = f"{value.days} days {value.seconds} seconds", "duration"
            if value.microseconds:
                text += f" {value.microseconds} microseconds"
    return text, kind


def _number(value: float, column: Column) -> tuple[str, str]:
    if column.percent:
        shown = Decimal(repr(value)) * 100
        whole = shown == shown.to_integral_value()
        return (str(int(shown)), "whole") if whole else (format(shown, "f"), "number")
    if float(value).is_integer() and abs(value) < _WHOLE:
        return str(int(value)).zfill(column.digits), "whole"
    return repr(value), "number"
