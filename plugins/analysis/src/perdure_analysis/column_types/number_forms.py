"""Numbers as people and programs write them: which form a column of text has, and its values."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from perdure_analysis.column_types.cells import Cells, bound, counts, is_mark, literal, matches
from perdure_analysis.database.connection import TABLE, Database

Form = Literal["numbers", "numbers with a comma for thousands", "numbers with a decimal comma"]
PLAIN: Final[Form] = "numbers"
THOUSANDS: Final[Form] = "numbers with a comma for thousands"
DECIMAL_COMMA: Final[Form] = "numbers with a decimal comma"
# No letters but those of an exponent, or infinity.
FIGURES: Final = "[^A-Za-z]+([eE][-+]?[0-9]+)?|[-+]?(?i:inf|infinity)"

_UNITS: Final = "[$€£¥₹₽₩₺₴₪฿₫¢%‰]"
_PERCENT: Final = {"%", "‰"}
_GAP: Final = " \u00a0\u2007\u2009\u202f'\u2019"
# A group of thousands never begins with 0: 0,125 is an eighth, and so is 0.125.
_GROUP: Final = "[1-9]\\d{0,2}"
_INDIAN: Final = "[1-9]\\d?(,\\d{2})+,\\d{3}"
_PATTERNS: Final[dict[Form, str]] = {
    PLAIN: "[-+]?((\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d+)?|(?i:inf|infinity|nan))",
    THOUSANDS: f"[-+]?(({_GROUP}(,\\d{{3}})+|{_INDIAN}|\\d+)(\\.\\d*)?|\\.\\d+)",
    DECIMAL_COMMA: f"[-+]?(({_GROUP}(\\.\\d{{3}})+|\\d+)(,\\d+)?|,\\d+)",
}
_GAPPED: Final = f"[-+]?{_GROUP}([{_GAP}]\\d{{3}})+([.,]\\d+)?"
# (12.50) and 12.50-: without letters, and without a sign in front.
_BOOKED: Final = f"^(?:\\([{_GAP}]*(\\d[^()]*?)[{_GAP}]*\\)|(\\d.*?)[{_GAP}]*-)$"
_DOUBLE_DIGITS: Final = 15
_MOST_DIGITS: Final = 38
_BIGINT_DIGITS: Final = 18


def either_point(text: str) -> str:
    """Return SQL that says whether a text is a number such as 1.250, whose point may be either."""
    return f"contains({text}, '.') AND " + matches(text, f"[-+]?{_GROUP}\\.\\d{{3}}")


_EITHER_COMMA: Final = matches("n", f"[-+]?{_GROUP},\\d{{3}}")
_EITHER_POINT: Final = either_point("n")
_IS_PLAIN, _IS_THOUSANDS, _IS_COMMA = (matches("n", text) for text in _PATTERNS.values())
_DECIMAL_POINT: Final = f"contains(n, '.') AND NOT ({_EITHER_POINT}) AND {_IS_PLAIN}"


@dataclass(frozen=True, slots=True)
class NumberShapes:
    """How many values of a column look like what.

    Attributes:
        cells: The column.
        fits: Values that each form reads.
        decimal_comma: Values that only a decimal comma explains, such as 12,5 or 1.234,50.
        thousands_comma: Values that only a comma for thousands explains: 1,234,567 or 1,234.5.
        decimal_point: Values that only a decimal point explains, such as 12.5 or 0.125.
        either_comma: Values such as 1,250.
        either_point: Values such as 1.250.
        units: Currencies and percent signs, how many values have each; the empty one is none.
        booked: Values in brackets or with a sign behind them, which are negative.
        type: The DuckDB type that holds the plain numbers without rounding, where it is known.
    """

    cells: Cells
    fits: dict[Form, int]
    decimal_comma: int = 0
    thousands_comma: int = 0
    decimal_point: int = 0
    either_comma: int = 0
    either_point: int = 0
    units: tuple[tuple[str, int], ...] = ()
    booked: int = 0
    type: str = ""

    @property
    def is_numeric(self) -> bool:
        """Whether some form reads enough of the values."""
        return max(self.fits.values()) >= self.cells.least

    @property
    def proves(self) -> Literal["comma", "point", ""]:
        """Which decimal mark the column proves; empty when none, or both."""
        point = self.thousands_comma + self.decimal_point
        if not self.is_numeric or bool(point) == bool(self.decimal_comma):
            return ""
        return "point" if point else "comma"

    @property
    def named_units(self) -> list[str]:
        """The units that values have, the most frequent first."""
        return [unit for unit, _ in self.units if unit]

    @property
    def mixes_units(self) -> bool:
        """Whether values of several units stand together, which must not be added up.

        A number without a sign is taken to be in the only currency of its column, but not to be a
        percentage.
        """
        named = self.named_units
        return len(named) > 1 or (len(named) < len(self.units) and bool(_PERCENT & set(named)))


def number_text(text: str) -> str:
    """Return SQL for a text's number: no unit, no gaps between thousands, the sign in front.

    Bookkeepers write a negative number in brackets, or with its sign behind it.
    """
    bare = f"regexp_replace(replace({text}, '\u2212', '-'), {literal(_UNITS)}, '', 'g')"
    bare = f"regexp_replace(trim({bare}, {literal(_GAP)}), {literal(_BOOKED)}, '-\\1\\2')"
    bare = f"regexp_replace(trim({bare}, {literal(_GAP)}), '^([-+])\\s+', '\\1')"
    gapless = f"regexp_replace(n, {literal(f'[{_GAP}]')}, '', 'g')"
    return bound(bare, "n", f"CASE WHEN {matches('n', _GAPPED)} THEN {gapless} ELSE n END")


def number_shapes(database: Database, cells: Cells) -> NumberShapes:
    """Count which of a column's values look like what."""
    plain, point, either = counts(
        database,
        f"SELECT n FROM (SELECT {cells.text} AS n FROM {TABLE}) WHERE NOT {is_mark('n')}",  # noqa: S608
        (_IS_PLAIN, _DECIMAL_POINT, _EITHER_POINT),
    )
    if plain == cells.rest:
        return NumberShapes(cells, {PLAIN: plain}, decimal_point=point, either_point=either)
    numbers = (
        f"SELECT * FROM (SELECT {cells.text} AS t, {number_text(cells.text)} AS n"  # noqa: S608
        f" FROM {TABLE}) WHERE NOT {is_mark('t')}"
    )
    *fits, decimal_comma, thousands_comma, point, either_comma, either_point, booked = counts(
        database,
        numbers,
        (
            _IS_PLAIN,
            _IS_THOUSANDS,
            _IS_COMMA,
            f"{_IS_COMMA} AND NOT {_IS_THOUSANDS} AND NOT {_IS_PLAIN}",
            f"{_IS_THOUSANDS} AND contains(n, ',') AND NOT {_IS_COMMA}",
            _DECIMAL_POINT,
            _EITHER_COMMA,
            _EITHER_POINT,
            f"regexp_matches(t, '[-\u2212)]$') AND ({_IS_PLAIN} OR {_IS_THOUSANDS} OR {_IS_COMMA})",
        ),
    )
    units = database.rows(
        f"SELECT regexp_extract(t, {literal(_UNITS)}), count(*) FROM ({numbers})"  # noqa: S608
        f" WHERE {_IS_PLAIN} OR {_IS_THOUSANDS} OR {_IS_COMMA} GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    return NumberShapes(
        cells=cells,
        fits=dict(zip(_PATTERNS, fits, strict=True)),
        decimal_comma=decimal_comma,
        thousands_comma=thousands_comma,
        decimal_point=point,
        either_comma=either_comma,
        either_point=either_point,
        units=tuple((str(unit), int(str(count))) for unit, count in units),
        booked=booked,
    )


def choose_form(
    shapes: NumberShapes, others: Iterable[NumberShapes], *, comma_decimals: bool
) -> tuple[Form, str]:
    """Choose how a column's numbers are read, and say why where its values leave it open.

    Args:
        shapes: The column.
        others: The table's other columns, which may prove which decimal mark the file has.
        comma_decimals: Whether the file's form speaks for a decimal comma, as semicolons do.
    """
    columns: dict[str, list[str]] = {"comma": [], "point": [], "": []}
    for other in others:
        columns[other.proves].append(f"`{other.cells.name}`")
    commas = shapes.decimal_comma + shapes.thousands_comma + shapes.either_comma
    if shapes.decimal_comma or shapes.thousands_comma:
        form = DECIMAL_COMMA if shapes.decimal_comma >= shapes.thousands_comma else THOUSANDS
        if shapes.fits[form] < shapes.fits[PLAIN]:
            form = PLAIN
        return form, ""
    if commas:
        if shapes.decimal_point:
            return THOUSANDS, ""
        return _between_commas(columns, comma_decimals=comma_decimals)
    if shapes.either_point and not shapes.decimal_point and columns["comma"]:
        if columns["point"]:
            return PLAIN, "its point may stand for thousands; it was taken for the decimal mark"
        return DECIMAL_COMMA, (
            f"its point was taken for thousands because {columns['comma'][0]} has a decimal comma"
        )
    return PLAIN, ""


def _between_commas(columns: dict[str, list[str]], *, comma_decimals: bool) -> tuple[Form, str]:
    """Decide what the comma of numbers such as 1,250 is, by what the file has elsewhere."""
    proven = {mark: names for mark, names in columns.items() if mark and names}
    if "comma" in proven and "point" not in proven:
        why = f"because {proven['comma'][0]} has a decimal comma"
        return DECIMAL_COMMA, f"its comma was taken for the decimal mark {why}"
    if "point" in proven and "comma" not in proven:
        why = f"because {proven['point'][0]} has a decimal point"
        return THOUSANDS, f"its comma was taken for thousands {why}"
    if comma_decimals:
        why = "as is usual where semicolons separate the values; it may stand for thousands"
        return DECIMAL_COMMA, f"its comma was taken for the decimal mark, {why}"
    return THOUSANDS, "its comma was taken for thousands; it may be the decimal mark"


def canonical(shapes: NumberShapes, form: Form) -> str:
    """Return SQL for a cell's number with a decimal point and nothing else; NULL for no number."""
    if form == PLAIN and len(shapes.fits) == 1:
        # Every value but the marks is a plain number: DuckDB's cast knows them apart.
        return shapes.cells.text
    number = number_text(shapes.cells.text)
    written = {
        PLAIN: "x",
        THOUSANDS: "replace(x, ',', '')",
        DECIMAL_COMMA: "replace(replace(x, '.', ''), ',', '.')",
    }[form]
    return bound(number, "x", f"CASE WHEN {matches('x', _PATTERNS[form])} THEN {written} END")


def exact_type(database: Database, cells: Cells, number: str) -> str:
    """Return the DuckDB type that holds a column's numbers without rounding, else DOUBLE.

    Args:
        database: Holds the table.
        cells: The column.
        number: SQL for a number as text, as :func:`canonical` gives it.
    """
    texts = (
        f"SELECT n FROM (SELECT {number} AS n, {cells.text} AS t FROM {TABLE})"  # noqa: S608
        f" WHERE NOT {is_mark('t')}"
    )
    odd, broken, whole, scale, long = (
        int(str(value))
        for value in database.row(
            "SELECT count(*) FILTER (regexp_matches(n, '[eEiInN]')),"  # noqa: S608
            " count(*) FILTER (contains(n, '.')),"
            " coalesce(max(length(ltrim(split_part(n, '.', 1), '+-0'))), 0),"
            " coalesce(max(length(split_part(n, '.', 2))), 0),"
            " count(*) FILTER (length(ltrim(replace(n, '.', ''), '+-0')) > "
            f"{_DOUBLE_DIGITS}) FROM ({texts})"
        )
    )
    if odd or (not broken and whole > _MOST_DIGITS):
        return "DOUBLE"
    if not broken:
        wide = whole > _BIGINT_DIGITS and database.whole(
            f"SELECT count(n) - count(TRY_CAST(n AS BIGINT)) FROM ({texts})"  # noqa: S608
        )
        return "HUGEINT" if wide else "BIGINT"
    if not long or whole + scale > _MOST_DIGITS:
        return "DOUBLE"
    exact = f"DECIMAL({_MOST_DIGITS}, {scale})"
    rounded = database.whole(
        f"SELECT count(*) FROM ({texts}) WHERE TRY_CAST(n AS {exact})"  # noqa: S608
        f" <> TRY_CAST(CAST(TRY_CAST(n AS DOUBLE) AS VARCHAR) AS {exact})"
    )
    return exact if rounded else "DOUBLE"
