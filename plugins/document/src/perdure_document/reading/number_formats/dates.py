"""Dates and times as a section of a format code shows them."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from perdure_document.reading.number_formats.sections import Section, Token

_DAY: Final = 86_400
_LAST_DAY: Final = 2_958_465  # 9999-12-31
_DAYS_FROM_1900_TO_1904: Final = 1462
_BUDDHIST_YEARS: Final = 543
_BUDDHIST: Final = 7
_JAPANESE: Final = 3
_ERAS: Final = (
    ((2019, 5, 1), "令和", "R"),
    ((1989, 1, 8), "平成", "H"),
    ((1926, 12, 25), "昭和", "S"),
    ((1912, 7, 30), "大正", "T"),
    ((1868, 1, 25), "明治", "M"),
)
_JAPANESE_LANGUAGE: Final = 0x411


class Moment(NamedTuple):
    """A serial number taken apart.

    Attributes:
        year: The year; 1900 for the day before the first.
        month: From 1.
        day: From 1, and 0 for the day before the first of 1900, as Excel counts.
        weekday: From 0 for Sunday, as Excel counts, which is a day off before March 1900.
        seconds: Seconds of the day, rounded to what is shown.
        elapsed: Seconds since the base, rounded likewise.
    """

    year: int
    month: int
    day: int
    weekday: int
    seconds: Decimal
    elapsed: Decimal


def date_text(section: Section, value: Decimal, base_1904: bool) -> str | None:
    """Show a serial number as a date or a time; ``None`` when it is none.

    Args:
        section: A section that shows dates.
        value: Days since the base, the time of day in the decimals.
        base_1904: Whether day 0 is 1904-01-01; else day 1 is 1900-01-01.
    """
    elapsed_only = all(token.type != "date" or token.text[0] in "hms" for token in section.tokens)
    sign = ""
    if value < 0 and any(token.type == "elapsed" for token in section.tokens) and elapsed_only:
        sign, value = "-", -value
    moment = _moment(section, value, base_1904)
    if moment is None:
        return None
    pieces = [_piece(section, place, token, moment) for place, token in enumerate(section.tokens)]
    return sign + "".join(pieces)


def _moment(section: Section, value: Decimal, base_1904: bool) -> Moment | None:
    decimals = max((len(one.text) for one in section.tokens if one.type == "fraction"), default=0)
    timed = any(
        token.type == "elapsed" or (token.type == "date" and token.text[0] in "hs")
        for token in section.tokens
    )
    if not 0 <= value <= _LAST_DAY + 1:
        return None
    # A date without a time of day begins at midnight; what is a hair before it is an error of sums.
    step = Decimal(1).scaleb(-decimals if timed else -3)
    elapsed = (value * _DAY).quantize(step, rounding=ROUND_HALF_UP)
    days, seconds = divmod(elapsed, _DAY)
    number = int(days) + (_DAYS_FROM_1900_TO_1904 if base_1904 else 0)
    if not 0 <= days <= _LAST_DAY or number > _LAST_DAY:
        return None
    # Excel has a 29 February 1900 and a day 0 before January; both must be shown as it does.
    if number == 0:
        year, month, day = 1900, 1, 0
    elif number == 60:
        year, month, day = 1900, 2, 29
    else:
        found = date(1899, 12, 31) + timedelta(days=number - (number > 60))
        year, month, day = found.year, found.month, found.day
    return Moment(year, month, day, (number - 1) % 7, seconds, elapsed)


def _piece(section: Section, place: int, token: Token, moment: Moment) -> str:
    match token.type:
        case "elapsed":
            unit = {"h": 3600, "m": 60, "s": 1}[token.text[0]]
            return f"{int(moment.elapsed // unit):0{len(token.text)}d}"
        case "fraction":
            return f"{moment.seconds % 1:.{len(token.text)}f}"[1:]
        case "halves":
            return _half(token.text, moment)
        case "date":
            if token.text[0] in "hs" or (token.text[0] == "m" and _is_minute(section, place)):
                return _time(section, token.text, moment)
            return _calendar(section, token.text, moment)
        case _:
            return token.text


def _time(section: Section, text: str, moment: Moment) -> str:
    hour, rest = divmod(int(moment.seconds), 3600)
    if any(token.type == "halves" for token in section.tokens):
        hour = hour % 12 or 12
    number = {"h": hour, "m": rest // 60, "s": rest % 60}[text[0]]
    return f"{number:0{min(len(text), 2)}d}"


def _half(text: str, moment: Moment) -> str:
    first, _, second = text.partition("/")
    return second if moment.seconds >= _DAY // 2 else first


def _is_minute(section: Section, place: int) -> bool:
    """Say whether an ``m`` stands for minutes: after hours or before seconds."""
    if len(section.tokens[place].text) > 2:
        return False
    units = [
        (number, token.text[0])
        for number, token in enumerate(section.tokens)
        if token.type in {"date", "elapsed"}
    ]
    order = [number for number, _ in units].index(place)
    before = units[order - 1][1] if order else ""
    after = units[order + 1][1] if order + 1 < len(units) else ""
    return before == "h" or after == "s"


def _calendar(section: Section, text: str, moment: Moment) -> str:
    year = moment.year
    if section.calendar == _BUDDHIST or text[0] == "b":
        year += _BUDDHIST_YEARS
    match text[0]:
        case "y" | "b":
            return f"{year % 100:02d}" if len(text) <= 2 else f"{year:04d}"
        case "d" if len(text) <= 2:
            return f"{moment.day:0{len(text)}d}"
        case "m" if len(text) <= 2:
            return f"{moment.month:0{len(text)}d}"
        case "e" | "g":
            return _era(section, text, moment)
        case _:
            return _name(section, text, moment)


def _era(section: Section, text: str, moment: Moment) -> str:
    if section.language != _JAPANESE_LANGUAGE and section.calendar != _JAPANESE:
        return "" if text[0] == "g" else f"{moment.year:04d}"
    for begin, name, letter in _ERAS:
        if (moment.year, moment.month, moment.day) >= begin:
            if text[0] == "e":
                return f"{moment.year - begin[0] + 1:0{min(len(text), 2)}d}"
            return {1: letter, 2: name[0]}.get(len(text), name)
    return f"{moment.year:04d}" if text[0] == "e" else ""


def _name(section: Section, text: str, moment: Moment) -> str:
    from perdure_document.reading.number_formats.languages import day_name, month_name

    if text[0] == "m":
        return month_name(section.language, moment.month, len(text))
    return day_name(section.language, moment.weekday, len(text), text[0] == "a")
