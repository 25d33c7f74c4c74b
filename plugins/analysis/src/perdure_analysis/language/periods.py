"""The dates and periods that a question names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from perdure_analysis.language.words import Word, plain_words

_MONTHS: Final = {
    name[:length]: number
    for number, name in enumerate(
        (
            *("january", "february", "march", "april", "may", "june", "july", "august"),
            *("september", "october", "november", "december"),
        ),
        start=1,
    )
    for length in (3, 4, len(name))
}
_ORDINALS: Final = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "1st": 1,
    "2nd": 2,
    "3rd": 3,
    "4th": 4,
}
_VALUE_BEFORE: Final = plain_words(
    "than over above under below exceeding exceeds least most > < = >= <= \u2265 \u2264 exactly top"
)
_RELATIVE: Final = plain_words("last this past previous current next recent coming")
_RELATIVE_UNITS: Final = plain_words("day days week weeks month months quarter quarters year years")
_NOW: Final = plain_words("today yesterday tomorrow now recently currently ytd ago")


@dataclass(frozen=True, slots=True)
class Period:
    """A period as a question names it, both ends included.

    Attributes:
        first: Its first day, in year 4 where no year is named; ``None`` for an open beginning.
        last: Its last day, likewise.
        said: The words.
        has_year: Whether a year is named.
        trouble: Why it cannot be told which days are meant; empty where it can.
        ends: Of a range such as ``from 2023 to 2024``, the periods at its ends.
    """

    first: date | None
    last: date | None
    said: str
    has_year: bool = True
    trouble: str = ""
    ends: "tuple[Period, Period] | None" = None

    def in_year(self, year: int) -> "Period":
        """Return the period in a year."""
        first, last = self.first, self.last
        crossing = first is not None and last is not None and last < first
        return replace(
            self,
            first=None if first is None else _moved(first, year),
            last=None if last is None else _moved(last, year + crossing),
            said=f"{self.said} {year}",
            has_year=True,
        )


Found = tuple[int, Period]


def period_at(
    words: Sequence[Word], place: int, reaches: Sequence[tuple[int, int]] = ()
) -> Found | None:
    """Return the period whose words begin at a place, and where they end; ``None`` for none.

    Args:
        words: The question's words.
        place: Where the period begins.
        reaches: First and last years of the table's columns: within these, four digits are a year
            in any century.
    """
    reader = _Reader(words, reaches)
    found = reader.range(place) or reader.one_sided(place) or reader.relative(place)
    if found is None:
        start = place
        if words[place].plain in {"in", "on", "during", "for", "of"}:
            start = place + 1
        found = reader.span(start)
    if found is None:
        return None
    end, period = found
    return end, replace(period, said=" ".join(word.text for word in words[place:end]))


class _Reader:
    def __init__(self, words: Sequence[Word], reaches: Sequence[tuple[int, int]]) -> None:
        self._words = words
        self._reaches = reaches

    def range(self, place: int) -> Found | None:
        """Read ``between D and D``, ``from D to D``, ``D to D``."""
        opening = self._plain(place)
        begin = place + 1 if opening in {"between", "from", "in"} else place
        first = self.span(begin)
        if first is None:
            return None
        joint = self._plain(first[0])
        joints = {"and", "to"} if opening == "between" else {"to", "until", "till", "through"}
        if joint not in joints and not (joint == "-" and opening != "between"):
            return None
        last = self.span(first[0] + 1)
        if last is None:
            return None
        low, high = first[1], last[1]
        if not low.has_year and high.has_year and high.last is not None:
            year = high.last.year
            crossing = low.first is not None and low.first.replace(year=year) > high.last
            low = low.in_year(year - crossing)
        elif low.has_year and not high.has_year and low.first is not None:
            high = high.in_year(low.first.year)
        period = Period(
            low.first,
            high.last,
            "",
            has_year=low.has_year and high.has_year,
            trouble=low.trouble or high.trouble,
            ends=(self._said(low, begin, first[0]), self._said(high, first[0] + 1, last[0])),
        )
        if period.has_year and period.first and period.last and period.last < period.first:
            period = replace(period, trouble="it ends before it begins")
        return last[0], period

    def one_sided(self, place: int) -> Found | None:
        """Read ``since D``, ``before D`` and the like."""
        opening = self._plain(place)
        begin = place + 1
        if opening == "up" and self._plain(begin) == "to":
            opening, begin = "until", begin + 1
        if opening == "starting" and self._plain(begin) in {"from", "in", "on"}:
            opening, begin = "since", begin + 1
        if opening not in {"since", "before", "after", "until", "till", "through", "from"}:
            return None
        if self._plain(begin) in {"the", "and", "including"}:
            begin += 1
        found = self.span(begin)
        if found is None:
            return None
        end, span = found
        if opening == "from":
            if self._plain(end) not in {"on", "onwards", "onward", "forward"}:
                return None if span.first != span.last else (end, span)
            end, opening = end + 1, "since"
        return end, _open_ended(opening, span)

    def relative(self, place: int) -> Found | None:
        """Read ``last year``, ``the past 30 days``, ``today``."""
        trouble = "it depends on the day of asking: name the dates"
        if self._plain(place) in _NOW:
            return place + 1, Period(None, None, "", trouble=trouble)
        if self._plain(place) not in _RELATIVE:
            return None
        end = place + 1
        if self._plain(end).isdigit():
            end += 1
        if self._plain(end) not in _RELATIVE_UNITS:
            return None
        return end + 1, Period(None, None, "", trouble=trouble)

    def span(self, place: int) -> Found | None:
        """Read a day, month, quarter, half or year."""
        if self._plain(place) == "the":
            return self.span(place + 1)
        for read in (self._numeric, self._named_month, self._part_of_year, self._year_alone):
            found = read(place)
            if found is not None:
                return found
        return None

    def _numeric(self, place: int) -> Found | None:
        text = self._plain(place)
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return place + 1, _day(int(text[:4]), int(text[5:7]), int(text[8:]))
        match = re.fullmatch(r"(\d{1,2})([./])(\d{1,2})[./](\d{4})", text)
        if match is None:
            return None
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        if match[2] == "/" and first <= 12 and second <= 12 and first != second:
            trouble = "day and month could stand in either order: write the month's name"
            return place + 1, Period(None, None, "", trouble=trouble)
        if first <= 12 < second:
            first, second = second, first
        return place + 1, _day(year, second, first)

    def _named_month(self, place: int) -> Found | None:
        day = self._day_number(place)
        if day is not None:
            after = place + 1 + (self._plain(place + 1) == "of")
            month = self._month(after)
            if month is None:
                return None
            return self._with_year(after + 1, month, day)
        month = self._month(place)
        if month is None:
            return None
        day = self._day_number(place + 1)
        if day is None:
            return self._with_year(place + 1, month, None)
        return self._with_year(place + 2, month, day)

    def _with_year(self, place: int, month: int, day: int | None) -> Found:
        begin = place + (self._plain(place) == "of")
        year = self._year(begin)
        end = place if year is None else begin + 1
        period = _months(year or 4, month, 1) if day is None else _day(year or 4, month, day)
        return end, replace(period, has_year=year is not None)

    def _part_of_year(self, place: int) -> Found | None:
        text = self._plain(place)
        match = re.fullmatch(r"([qh])([1-4])", text)
        if match is not None and not (match[1] == "h" and int(match[2]) > 2):
            months = 3 if match[1] == "q" else 6
            return self._in_some_year(place + 1, int(match[2]), months)
        if text == "quarter" and self._plain(place + 1) in {"1", "2", "3", "4"}:
            return self._in_some_year(place + 2, int(self._plain(place + 1)), 3)
        number = _ORDINALS.get(text)
        kind = self._plain(place + 1)
        if number is None or kind not in {"quarter", "half"} or (kind == "half" and number > 2):
            return None
        return self._in_some_year(place + 2, number, 3 if kind == "quarter" else 6)

    def _in_some_year(self, place: int, number: int, months: int) -> Found:
        begin = place + (self._plain(place) in {"of", "in"})
        year = self._year(begin)
        period = _months(year or 4, 1 + (number - 1) * months, months)
        end = place if year is None else begin + 1
        return end, replace(period, has_year=year is not None)

    def _year_alone(self, place: int) -> Found | None:
        begin = place + 1 if self._plain(place) == "year" else place
        year = self._year(begin)
        if year is None or self._plain(begin - 1) in _VALUE_BEFORE:
            return None
        return begin + 1, _months(year, 1, 12)

    def _said(self, period: Period, begin: int, end: int) -> Period:
        return replace(period, said=" ".join(word.text for word in self._words[begin:end]))

    def _plain(self, place: int) -> str:
        if 0 <= place < len(self._words) and not self._words[place].quoted:
            return self._words[place].plain
        return ""

    def _year(self, place: int) -> int | None:
        text = self._plain(place)
        if not re.fullmatch(r"[12]\d{3}", text):
            return None
        year = int(text)
        is_usual = text[:2] in {"19", "20"}
        return year if is_usual or any(a <= year <= z for a, z in self._reaches) else None

    def _month(self, place: int) -> int | None:
        text = self._plain(place).rstrip(".")
        if text in {"may", "march", "mar"} and not self._is_a_month(place):
            return None
        return _MONTHS.get(text if text != "sept" else "sep")

    def _is_a_month(self, place: int) -> bool:
        """Tell a month from a verb: it begins with a capital, or stands beside a number."""
        beside = self._plain(place - 1), self._plain(place + 1)
        capital = place > 0 and self._words[place].text[:1].isupper()
        return capital or any(text[:1].isdigit() for text in beside) or beside[0] in {"in", "of"}

    def _day_number(self, place: int) -> int | None:
        match = re.fullmatch(r"(\d{1,2})(st|nd|rd|th)?", self._plain(place))
        return int(match[1]) if match and 1 <= int(match[1]) <= 31 else None


def _open_ended(opening: str, span: Period) -> Period:
    if opening == "since":
        return replace(span, last=None)
    if opening == "before" and span.first is not None:
        return replace(span, first=None, last=span.first - timedelta(days=1))
    if opening == "after" and span.last is not None:
        return replace(span, first=span.last + timedelta(days=1), last=None)
    return replace(span, first=None)


def _day(year: int, month: int, day: int) -> Period:
    try:
        found = date(year, month, day)
    except ValueError:
        return Period(None, None, "", trouble="there is no such day")
    return Period(found, found, "")


def _months(year: int, month: int, count: int) -> Period:
    after = year * 12 + month - 1 + count
    last = date(after // 12, after % 12 + 1, 1) - timedelta(days=1)
    return Period(date(year, month, 1), last, "")


def _moved(day: date, year: int) -> date:
    try:
        moved = day.replace(year=year)
    except ValueError:
        return date(year, 2, 28)
    # The last day of February in year 4 is the 29th.
    return moved
