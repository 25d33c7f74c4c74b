"""Dates and times as people and programs write them: the order of day, month and year, zones."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from perdure_analysis.column_types.cells import Cells, bound, counts, is_mark, literal
from perdure_analysis.database.connection import TABLE, Database

Order = Literal["day-month-year", "month-day-year", "year-month-day"]

ORDERS: Final[tuple[Order, ...]] = ("day-month-year", "month-day-year", "year-month-day")
_MONTHS: Final = (
    "jan(?:uary|uari|uar|vier|v|eiro)?|ener?o?|gen(?:naio)?",
    "feb(?:ruary|ruari|ruar|rero|braio)?|f[ée]v(?:rier|r|ereiro)?",
    *("mar(?:ch|zo|s|ço)?|märz|mrz|maart", "apr(?:il|ile)?|avr(?:il)?|abr(?:il)?"),
    *("may|mai|mayo|maio|mag(?:gio)?|mei", "june?|juni|juin|junio|junho|giu(?:gno)?"),
    "july?|juli|juillet|juil|julio|julho|lug(?:lio)?",
    "aug(?:ust|ustus)?|ao[uû]t|ago(?:sto)?",
    "sept?(?:ember|embre|iembre)?|set(?:tembre|embro)?",
    "oct(?:ober|obre|ubre)?|okt(?:ober)?|ott(?:obre)?|out(?:ubro)?",
    "nov(?:ember|embre|iembre|embro)?",
    "dec(?:ember)?|dez(?:ember|embro)?|d[ée]c(?:embre)?|dic(?:iembre|embre)?",
)
NAME: Final = (
    "(?i)\\b(jan|ene|gen|feb|f[ée]v|mar|mär|mrz|maa|apr|avr|abr|may|mai|mag|mei|jun|jui|giu|jul|lug"
    "|aug|ao[uû]|ago|sep|set|oct|okt|ott|out|nov|dec|dez|d[ée]c|dic)"
)
WEEKDAY: Final = "(?i)^(mon|tues?|wed(nes)?|thu(rs)?|fri|sat(ur)?|sun)(day)?[.,]?\\s+"
FIGURES: Final = "^\\d{1,4}[-./]\\d{1,2}[-./]\\d"
_DAY_FIRST: Final = (
    "(?i)^(\\d{1,2})(?:st|nd|rd|th|\\.)?[\\s-]*(?:of\\s|de\\s)?#(\\d\\d)#(?:[\\s.,-]|de\\s)*"
)
# What a date with the month's name becomes; years of two digits as in POSIX.
_NAMED: Final = {
    _DAY_FIRST + "(\\d{4})\\b": "\\3-\\2-\\1",
    _DAY_FIRST + "(6[0-8]|[0-5]\\d)\\b": "20\\3-\\2-\\1",
    _DAY_FIRST + "(\\d{2})\\b": "19\\3-\\2-\\1",
    "(?i)^#(\\d\\d)#[\\s.-]*(\\d{1,2})(?:st|nd|rd|th)?(?:,\\s*|\\s+|-)(\\d{4})\\b": "\\3-\\1-\\2",
    "^(\\d{4})[\\s.-]*#(\\d\\d)#[\\s.-]*(\\d{1,2})\\b": "\\1-\\2-\\3",
    "^#(\\d\\d)#[\\s.,-]*(\\d{4})$": "\\2-\\1-1",
}
_CLOCK: Final = "(\\d{1,2}(?::\\d{2}(?::\\d{2}(?:[.,]\\d{1,9})?)?)?)\\s*([ap]\\.?m\\.?)?"
_ZONE: Final = "(z|utc|gmt|[-+]\\d{2}(?::?\\d{2})?|[a-z]+/[a-z_]+(?:/[a-z_]+)?)"
_PARTS: Final = ("a", "s", "b", "s2", "c", "clock", "half", "zone")
_DATE: Final = (
    "(?i)^(\\d{1,4})([-./])(\\d{1,2})([-./])(\\d{1,4})\\.?"
    f"(?:(?:[T,]\\s*|\\s+){_CLOCK}\\s*{_ZONE}?)?$"
)
_SEPARATORS: Final = {".": "dots", "/": "slashes", "-": "hyphens"}
_CENTURY: Final = (
    "CASE WHEN length({0}) <> 2 THEN {0} WHEN {0} < '69' THEN '20' || {0} ELSE '19' || {0} END"
)


@dataclass(frozen=True, slots=True)
class DateShapes:
    """How many values of a column can be read as dates in which order.

    Attributes:
        cells: The column.
        fits: Values that each order reads; those with the year of four digits first, or with the
            month's name, are in all three.
        spans: First and last day under each order; empty where nothing fits.
        ordered: Values in which the order matters: numbers only, the year not plainly first.
        short: Of these, the ones whose year may have two digits.
        named: Values with the month's name.
        zoned: Values with a zone; ``shifted``, one that is not UTC.
        halves: Values with AM or PM.
        separator: What most often stands between day and month.
    """

    cells: Cells
    fits: dict[Order, int]
    spans: dict[Order, tuple[str, str, int]]
    ordered: int
    short: int
    named: int
    zoned: int
    shifted: int
    halves: int
    separator: str

    @property
    def is_dated(self) -> bool:
        """Whether some order reads enough of the values."""
        return self.cells.rest > 0 and max(self.fits.values()) >= self.cells.least

    @property
    def best(self) -> list[Order]:
        """The orders that read the most values."""
        most = max(self.fits.values())
        return [order for order in ORDERS if self.fits[order] == most]

    @property
    def proves(self) -> Order | None:
        """The order that alone reads the most values of a column in which the order matters."""
        return self.best[0] if self.ordered and self.is_dated and len(self.best) == 1 else None


def _with_numbers(text: str) -> str:
    """Return SQL for a text in which a date with a month's name is written year-month-day."""
    named = f"regexp_replace({text}, {literal(WEEKDAY)}, '')"
    for number, names in enumerate(_MONTHS, start=1):
        pattern = literal(f"(?i)\\b(?:{names})\\b\\.?")
        named = f"regexp_replace({named}, {pattern}, '#{number:02}#')"
    for pattern, replacement in _NAMED.items():
        named = f"regexp_replace({named}, {literal(pattern)}, '{replacement}')"
    return f"CASE WHEN regexp_matches({text}, '(?i)[a-zà-ÿ]{{3}}') THEN {named} ELSE {text} END"


def _parts(text: str, *, named: bool) -> str:
    names = ", ".join(map(literal, _PARTS))
    plain = _with_numbers(text) if named else text
    return f"regexp_extract({plain}, {literal(_DATE)}, [{names}])"


def _day(p: str, order: Order) -> str:
    """Return SQL for the day; NULL where the parts make none."""
    years = {"first": _CENTURY.format(f"{p}.a"), "last": _CENTURY.format(f"{p}.c")}
    shape, text = {
        "day-month-year": (
            f"length({p}.a) <= 2 AND length({p}.c) IN (2, 4)",
            f"concat_ws('-', {years['last']}, {p}.b, {p}.a)",
        ),
        "month-day-year": (
            f"length({p}.a) <= 2 AND length({p}.c) IN (2, 4)",
            f"concat_ws('-', {years['last']}, {p}.a, {p}.b)",
        ),
        "year-month-day": (
            f"length({p}.a) = 2 AND length({p}.c) <= 2",
            f"concat_ws('-', {years['first']}, {p}.b, {p}.c)",
        ),
    }[order]
    return (
        f"CASE WHEN {p}.s <> {p}.s2 THEN NULL"
        f" WHEN length({p}.a) = 4 AND length({p}.c) <= 2"
        f" THEN TRY_CAST(concat_ws('-', {p}.a, {p}.b, {p}.c) AS DATE)"
        f" WHEN {shape} THEN TRY_CAST({text} AS DATE) END"
    )


def _time(p: str) -> str:
    half = f"upper(replace({p}.half, '.', ''))"
    formats = "['%I:%M:%S %p', '%I:%M %p', '%I %p']"
    return (
        f"CASE WHEN {p}.clock = '' THEN TIME '00:00' WHEN {p}.half = ''"
        f" THEN TRY_CAST(replace({p}.clock, ',', '.') AS TIME)"
        f" ELSE CAST(try_strptime(concat_ws(' ', {p}.clock, {half}), {formats}) AS TIME) END"
    )


def moment(shapes: DateShapes, order: Order) -> str:
    """Return SQL for the moment in a cell of a column; NULL for none.

    It is an instant where the column names zones; a time without one is taken as UTC then.

    Args:
        shapes: The column.
        order: In which order day, month and year stand where that is not plain.
    """
    parts = _parts(shapes.cells.text, named=shapes.named > 0)
    return bound(parts, "p", _moment("p", order, zoned=shapes.zoned > 0))


def _moment(p: str, order: Order, *, zoned: bool) -> str:
    local = f"({_day(p, order)} + {_time(p)})"
    if not zoned:
        return local
    zone = (
        f"CASE WHEN lower({p}.zone) IN ('', 'z', 'utc', 'gmt') THEN '+00:00'"
        f" WHEN contains({p}.zone, '/') THEN ' ' || {p}.zone"
        f" ELSE regexp_replace({p}.zone, '^(...)(\\d\\d)$', '\\1:\\2') END"
    )
    return f"TRY_CAST(CAST({local} AS VARCHAR) || {zone} AS TIMESTAMPTZ)"


def date_shapes(database: Database, cells: Cells) -> DateShapes | None:
    """Count how many of a column's values can be read as dates in which order.

    Returns:
        ``None`` where too few look like a date at all.
    """
    texts = f"SELECT t FROM (SELECT {cells.text} AS t FROM {TABLE}) WHERE NOT {is_mark('t')}"  # noqa: S608
    is_named = f"regexp_matches(t, {literal(NAME)}) AND regexp_matches(t, '\\d')"
    figures, named = counts(database, texts, (f"regexp_matches(t, {literal(FIGURES)})", is_named))
    if figures + named < cells.least:
        return None
    shifted = "lower(p.zone) NOT IN ('', 'z', 'utc', 'gmt', '+00', '+0000', '+00:00')"
    ordered = "length(p.a) <= 2 AND p.a <> ''"
    counted = (
        f"{ordered}",
        f"{ordered} AND length(p.c) <= 2",
        f"{is_named} AND p.a <> ''",
        "p.zone <> ''",
        shifted,
        "p.half <> ''",
    )
    moments = ", ".join(
        f"{_moment('p', order, zoned=False)} AS m{place}" for place, order in enumerate(ORDERS)
    )
    spans = ", ".join(
        f"count(m{place}), CAST(CAST(min(m{place}) AS DATE) AS VARCHAR),"
        f" CAST(CAST(max(m{place}) AS DATE) AS VARCHAR),"
        f" coalesce(date_diff('day', min(m{place}), max(m{place})), 0)"
        for place in range(len(ORDERS))
    )
    counters = ", ".join(f"count(*) FILTER ({condition})" for condition in counted)
    separator, *found = database.row(
        f"SELECT mode(nullif(p.s, '')) FILTER ({ordered}), {counters}, {spans}"  # noqa: S608
        f" FROM (SELECT t, p, {moments} FROM"
        f" (SELECT t, {_parts('t', named=named > 0)} AS p FROM ({texts})))"
    )
    in_order, short, with_names, zoned, offset, halves = (
        int(str(count)) for count in found[: len(counted)]
    )
    orders = [found[start : start + 4] for start in range(len(counted), len(found), 4)]
    return DateShapes(
        cells,
        {order: int(str(facts[0])) for order, facts in zip(ORDERS, orders, strict=True)},
        {
            order: (str(facts[1]), str(facts[2]), int(str(facts[3])))
            for order, facts in zip(ORDERS, orders, strict=True)
        },
        ordered=in_order,
        short=short,
        named=with_names,
        zoned=zoned,
        shifted=offset,
        halves=halves,
        separator=str(separator or "-"),
    )


def choose_order(shapes: DateShapes, others: Iterable[DateShapes]) -> tuple[Order, str]:
    """Choose the order of day, month and year, and say why where a column's values leave it open.

    Args:
        shapes: The column.
        others: The table's other columns of dates, which may prove the order.
    """
    best = shapes.best
    if not shapes.ordered or len(best) == 1:
        return best[0], ""
    chosen, why = _between(best, shapes, others)
    rest = [
        f"{_written(order, shapes.separator)} ({' to '.join(shapes.spans[order][:2])})"
        for order in best
        if order != chosen
    ]
    return chosen, f"{why}; it may be {' or '.join(rest)}"


def _between(
    best: list[Order], shapes: DateShapes, others: Iterable[DateShapes]
) -> tuple[Order, str]:
    proven = {other.proves: other.cells.name for other in others}
    certain = [order for order in best if order in proven]
    if len(certain) == 1:
        return certain[0], f"the order was taken from `{proven[certain[0]]}`"
    # Years that are taken for days scatter over decades.
    spans = {order: shapes.spans[order][2] for order in best}
    year_first = spans.pop("year-month-day", None)
    if (
        year_first is not None
        and spans
        and shapes.separator != "."
        and year_first < min(spans.values())
    ):
        return "year-month-day", "the year was taken to be first, where it varies the least"
    if "month-day-year" in best and shapes.halves and shapes.separator != ".":
        return "month-day-year", "the order was taken to be the one usual beside AM and PM"
    usual = _SEPARATORS[shapes.separator]
    return best[0], f"the order was taken to be the one most usual with {usual}"


def wording(shapes: DateShapes, order: Order) -> str:
    """Say as what a column was read: its form, and what is not plain about it."""
    if shapes.ordered:
        form = f"dates written {_written(order, shapes.separator)}"
    else:
        form = "dates with the month's name" if shapes.named else "dates"
    if shapes.short:
        form += " (two-digit years from 1969 to 2068)"
    if shapes.shifted:
        form += ", instants in UTC"
    return form


def _written(order: Order, separator: str) -> str:
    return order.replace("-", separator)
