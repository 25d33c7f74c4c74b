"""Finding the numbers, dates and times that stand in columns of text, a few stray words among them.

What a value is, the whole column decides, and where that leaves two readings open, the table's
other columns: they were written by the same hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from perdure_analysis.column_types import date_forms, number_forms
from perdure_analysis.column_types.cells import (
    CONVERTED,
    Cells,
    blank_marks,
    counts,
    is_mark,
    marks_of,
    matches,
    remarks,
    text_of,
)
from perdure_analysis.column_types.date_forms import DateShapes
from perdure_analysis.column_types.number_forms import NumberShapes
from perdure_analysis.column_types.plain_columns import PlainDates, plain_columns
from perdure_analysis.database.connection import TABLE, Database, quoted
from perdure_analysis.database.reading import Reading
from perdure_analysis.formatting import counted

ENOUGH: Final = 0.9
_MOSTLY: Final = 0.5
_CLOCK: Final = "\\d{1,2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?"
_HALVES: Final = "['%I:%M:%S %p', '%I:%M %p', '%I:%M:%S%p', '%I:%M%p']"


@dataclass(frozen=True, slots=True)
class _Decision:
    """How a column is converted: to a DuckDB type, by an expression that is NULL for strays."""

    cells: Cells
    type: str
    value: str
    what: str
    plain: bool
    doubt: str = ""


def refine(reading: Reading) -> list[str]:
    """Turn columns of text that hold numbers, dates or times, in nine of ten values, into those.

    Values that stand for a missing one are not counted in this; they and the values that do not
    fit become missing, and are named. What is such a mark in one of these columns is one in the
    columns that stay text, too.

    Returns:
        A note for each column changed in a way that a reader must know, and for each that was not
        changed though it looks like numbers.
    """
    database = reading.database
    shares = {
        name: _MOSTLY if name in reading.mostly_numbers else ENOUGH
        for name, kind in database.columns().items()
        if kind == "VARCHAR" and name not in reading.as_text
    }
    plain = plain_columns(database, shares)
    numbers: list[NumberShapes] = []
    dates: list[DateShapes] = []
    decided: dict[str, _Decision] = {}
    for name, share in shares.items():
        match plain[name] if name in plain else _look_at(reading, name, share):
            case NumberShapes() as shapes:
                numbers.append(shapes)
            case DateShapes() as moments:
                dates.append(moments)
            case PlainDates() as days:
                decided[name] = _Decision(days.cells, days.type, days.value, "dates", plain=True)
            case _Decision() as decision:
                decided[name] = decision
    notes = [_mixed_units(shapes) for shapes in numbers if shapes.mixes_units]
    for shapes in numbers:
        if not shapes.mixes_units:
            decided[shapes.cells.name] = _as_numbers(reading, shapes, numbers)
    for moments in dates:
        decided[moments.cells.name] = _as_dates(database, moments, dates)
    marks = marks_of(database, [one.cells for one in decided.values() if one.cells.marks])
    notes += _convert(database, [decided[name] for name in shares if name in decided])
    return notes + blank_marks(database, [name for name in shares if name not in decided], marks)


def _look_at(
    reading: Reading, name: str, share: float
) -> NumberShapes | DateShapes | _Decision | None:
    """Return what a column of text holds; ``None`` where that is text."""
    database = reading.database
    cells, figures, digits, codes = _count(database, name, share)
    if not cells.rest or codes:
        return None
    if digits < cells.least:
        return _booleans(database, cells) if reading.source.format == "csv" else None
    if figures >= cells.least:
        numbers = number_forms.number_shapes(database, cells)
        if numbers.is_numeric:
            return numbers
    if clock := _times(database, cells):
        return clock
    dates = date_forms.date_shapes(database, cells)
    return dates if dates and dates.is_dated else None


def _count(database: Database, name: str, share: float) -> tuple[Cells, int, int, int]:
    """Return a column's counts, and how many values are figures, have digits, and are codes."""
    present, marks, figures, digits, codes = counts(
        database,
        f"SELECT t, {is_mark('t')} AS mark FROM (SELECT {text_of(name)} AS t FROM {TABLE})",  # noqa: S608
        (
            "t IS NOT NULL",
            "mark",
            f"NOT mark AND {matches('t', number_forms.FIGURES)}",
            "NOT mark AND regexp_matches(t, '(?i)\\d|^[-+]?inf')",
            # Codes such as '00123' are names rather than numbers.
            matches("t", "0\\d+"),
        ),
    )
    cells = Cells(name, present, marks, least=share * (present - marks))
    return cells, figures, digits, codes


def _booleans(database: Database, cells: Cells) -> _Decision | None:
    value = f"TRY_CAST({cells.text} AS BOOLEAN)"
    fits = database.whole(f"SELECT count({value}) FROM {TABLE}")  # noqa: S608
    if fits < cells.present:
        return None
    return _Decision(cells, "BOOLEAN", value, "yes or no", plain=True)


def _times(database: Database, cells: Cells) -> _Decision | None:
    text = cells.text
    value = (
        f"CASE WHEN {matches(text, _CLOCK)} THEN TRY_CAST({text} AS TIME) WHEN"
        f" contains({text}, ':') THEN CAST(try_strptime({text}, {_HALVES}) AS TIME) END"
    )
    if database.whole(f"SELECT count({value}) FROM {TABLE}") < cells.least:  # noqa: S608
        return None
    return _Decision(cells, "TIME", value, "times of day", plain=True)


def _as_numbers(reading: Reading, shapes: NumberShapes, all_of: list[NumberShapes]) -> _Decision:
    others = [other for other in all_of if other is not shapes]
    form, doubt = number_forms.choose_form(shapes, others, comma_decimals=reading.comma_decimals)
    number = number_forms.canonical(shapes, form)
    kind = shapes.type if form == number_forms.PLAIN else ""
    kind = kind or number_forms.exact_type(reading.database, shapes.cells, number)
    what: str = form
    units = shapes.named_units
    if units:
        without = dict(shapes.units).get("", 0)
        what += f" in {units[0]}"
        what += f" ({counted(without, 'value')} without the sign)" if without else ""
    if shapes.booked:
        what += f", {counted(shapes.booked, 'value')} in brackets or before a sign as negative"
    return _Decision(
        shapes.cells,
        kind,
        f"TRY_CAST({number} AS {kind})",
        what,
        plain=what == number_forms.PLAIN,
        doubt=doubt,
    )


def _mixed_units(shapes: NumberShapes) -> str:
    held = ", ".join(f"{unit or 'no sign'}: {count:,}" for unit, count in shapes.units)
    return (
        f"`{shapes.cells.name}` mixes units ({held}), which cannot be added up: it was left as"
        " text."
    )


def _as_dates(database: Database, shapes: DateShapes, all_of: list[DateShapes]) -> _Decision:
    others = [other for other in all_of if other is not shapes]
    order, doubt = date_forms.choose_order(shapes, others)
    value = date_forms.moment(shapes, order)
    what = date_forms.wording(shapes, order)
    plain = what == "dates"
    kind = "TIMESTAMP WITH TIME ZONE"
    if shapes.zoned:
        without = shapes.cells.rest - shapes.zoned
        if without:
            doubt += "; " if doubt else ""
            doubt += f"{counted(without, 'value')} without a zone counted as UTC"
    else:
        midnight = database.row(
            f"SELECT coalesce(bool_and(CAST(m AS TIME) = TIME '00:00'), false)"  # noqa: S608
            f" FROM (SELECT {value} AS m FROM {TABLE})"
        )[0]
        kind = "DATE" if midnight else "TIMESTAMP"
    return _Decision(shapes.cells, kind, value, what, plain, doubt)


def _convert(database: Database, decisions: Sequence[_Decision]) -> list[str]:
    """Change the types of columns; return what a reader must know."""
    if not decisions:
        return []
    values = ", ".join(
        f"CAST({one.value} AS {one.type}) AS {quoted(one.cells.name)}" for one in decisions
    )
    database.rows(f"CREATE TABLE {CONVERTED} AS SELECT * REPLACE ({values}) FROM {TABLE}")  # noqa: S608
    read = database.row(
        f"SELECT {', '.join(f'count({quoted(one.cells.name)})' for one in decisions)}"  # noqa: S608
        f" FROM {CONVERTED}"
    )
    notes = []
    for one, count in zip(decisions, read, strict=True):
        if one.cells.present > int(str(count)):
            notes += remarks(database, one.cells, one.what, plain=one.plain)
        elif not one.plain:
            notes.append(f"`{one.cells.name}` was read as {one.what}.")
        if one.doubt:
            notes.append(f"`{one.cells.name}` is not certain: {one.doubt}.")
    database.rows(f"DROP TABLE {TABLE}")
    database.rows(f"ALTER TABLE {CONVERTED} RENAME TO {TABLE}")
    return notes
