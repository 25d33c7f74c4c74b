"""Dates as people write them, with every reading that a written date may have."""

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january januar janvier enero gennaio januari janeiro jan janv ene gen jän jänner",
            "february februar février fevrier febrero febbraio februari fevereiro feb févr fev",
            "march märz maerz mars marzo maart março marco mar mär mrz mrt",
            "april avril abril aprile apr avr abr",
            "may mai mayo maggio mei maio mag",
            "june juni juin junio giugno junho jun giu",
            "july juli juillet julio luglio julho jul juil lug",
            "august août aout agosto augustus aug ago",
            "september septembre septiembre settembre setembro sep sept set",
            "october oktober octobre octubre ottobre outubro oct okt ott out",
            "november novembre noviembre novembro nov",
            "december dezember décembre decembre diciembre dicembre dezembro dec dez déc dic",
        ),
        1,
    )
    for name in names.split()
}
_MONTH: Final = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})(?![^\W\d_])\.?"
_DAY: Final = r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|º|\.)?"
_YEAR: Final = r"(?P<year>\d{4})"
_WORD: Final = re.compile(r"[^\W\d_]+")
_DIGIT: Final = re.compile(r"\d")
# The last two of the forms name the month.
_NUMERIC_FORMS: Final = 3
# How far around a month's name the other parts of a date stand.
_BEFORE_MONTH, _BEHIND_MONTH = 16, 24
_FORMS: Final = tuple(
    re.compile("".join(form), re.IGNORECASE)
    for form in (
        (
            r"(?<![\d.,/-])(?P<year>\d{4})(?P<sign>[-/.])(?P<month>\d{1,2})(?P=sign)",
            r"(?P<day>\d{1,2})(?![\d/-])",
        ),
        (r"(?P<year>\d{4})\s?年\s?(?P<month>\d{1,2})\s?月\s?(?P<day>\d{1,2})\s?日",),
        (
            r"(?<![\d.,/-])(?P<first>\d{1,2})(?P<sign>[./-])\s?(?P<second>\d{1,2})(?P=sign)\s?",
            r"(?P<year>\d{4}|\d{2})(?![\d/-]|[.,]\d)",
        ),
        (
            rf"(?<![\d.,/-]){_DAY}[\s-]*(?:of\s+|de\s+|di\s+)?{_MONTH}[\s,-]*(?:de\s+|del\s+)?",
            r"(?P<year>\d{4}|\d{2})(?!\d)",
        ),
        (rf"(?<![^\W_]){_MONTH}\s*{_DAY},?\s+{_YEAR}(?!\d)",),
    )
)
_PARTIAL: Final = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?<![^\W_]){_MONTH}\s+(?:de\s+|del\s+)?{_YEAR}(?!\d)",
        rf"(?<![\d.,/-]){_DAY}\s+(?:of\s+|de\s+|di\s+)?{_MONTH}(?![^\W_])",
        rf"(?<![^\W_]){_MONTH}\s+{_DAY}(?!\d)",
    )
)
_FIRST_OF_LAST_CENTURY: Final = 70


class FoundDate(NamedTuple):
    """A written date.

    Attributes:
        start: Its first character.
        end: The character after its last one.
        readings: What it may mean, day before month first; several when the order of day and
            month is not certain, none when day or year are missing.
        century_given: Whether the year has four digits.
    """

    start: int
    end: int
    readings: tuple[date, ...]
    century_given: bool = True


def find_dates(text: str, *, partial: bool = False) -> Iterator[FoundDate]:
    """Yield the dates of a text in order; none overlaps another.

    Args:
        text: The text.
        partial: Whether to yield a month with only a day, or only a year, too.
    """
    yield from _dates_in(text, partial)


@lru_cache(maxsize=1024)
def _dates_in(text: str, partial: bool) -> tuple[FoundDate, ...]:
    """Return the dates of a text; several recognitions of one line ask for the same."""
    if not _DIGIT.search(text):
        return ()
    found: list[FoundDate] = []
    months = [
        (max(0, word.start() - _BEFORE_MONTH), word.end() + _BEHIND_MONTH)
        for word in _WORD.finditer(text)
        if word[0].lower() in _MONTHS
    ]
    for number, form in enumerate(_FORMS):
        for start, end in [(0, len(text))] if number < _NUMERIC_FORMS else months:
            for match in form.finditer(text, start, end):
                readings, century = _readings(match.groupdict())
                if readings:
                    found.append(FoundDate(match.start(), match.end(), readings, century))
    if partial:
        found += [
            FoundDate(match.start(), match.end(), ())
            for form in _PARTIAL
            for start, end in months
            for match in form.finditer(text, start, end)
        ]
    apart: list[FoundDate] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if not apart or one.start >= apart[-1].end:
            apart.append(one)
    return tuple(apart)


def _readings(parts: dict[str, str | None]) -> tuple[tuple[date, ...], bool]:
    year_text = parts["year"] or ""
    year = int(year_text)
    if len(year_text) == 2:
        year += 1900 if year >= _FIRST_OF_LAST_CENTURY else 2000
    if parts.get("first"):
        first, second = int(parts["first"] or 0), int(parts["second"] or 0)
        orders = [(second, first)]
        if parts["sign"] != "." and first != second:
            # Nobody writes the month first with full stops.
            orders.append((first, second))
    else:
        month = parts["month"] or ""
        orders = [
            (int(month) if month.isdigit() else _MONTHS[month.lower()], int(parts["day"] or 0))
        ]
    readings = []
    for month_number, day in orders:
        try:
            readings.append(date(year, month_number, day))
        except ValueError:
            continue
    return tuple(readings), len(year_text) == 4
