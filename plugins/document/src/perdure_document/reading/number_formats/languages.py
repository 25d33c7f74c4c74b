"""Names of months and days in the languages that format codes ask for."""

import locale
from functools import lru_cache
from typing import Final, Literal

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_PRIMARY: Final = 0x3FF

Width = Literal["wide", "abbreviated", "narrow"]


def month_name(language: int, month: int, letters: int) -> str:
    """Return the name of a month, from 1.

    Args:
        language: The Windows number of the language; English for 0 or one that is unknown.
        month: The month.
        letters: How many letters the code has: 3 for a short name, 5 for the first letter.
    """
    if letters == 5:
        return _months(language, "wide")[month - 1][0].upper()
    return _months(language, "abbreviated" if letters == 3 else "wide")[month - 1]


def day_name(language: int, day: int, letters: int, alone: bool = False) -> str:
    """Return the name of a day of the week, from 0 for Sunday.

    Args:
        language: The Windows number of the language; English for 0 or one that is unknown.
        day: The day.
        letters: How many letters the code has: 3 for a short name.
        alone: Whether a short name is the one letter that East Asian codes ask for.
    """
    if letters == 3 and alone:
        return _days(language, "narrow" if language & _PRIMARY else "abbreviated")[day]
    return _days(language, "abbreviated" if letters == 3 else "wide")[day]


def number_of(tag: str) -> int:
    """Return the Windows number of a language such as ``de-DE``; 0 for one that is unknown."""
    wanted = tag.replace("-", "_").casefold()
    for number, name in locale.windows_locale.items():
        if name.casefold() == wanted or name.partition("_")[0].casefold() == wanted:
            return number
    return 0


@lru_cache(maxsize=256)
def _months(language: int, width: Width) -> tuple[str, ...]:
    if english(language):
        return _MONTHS if width == "wide" else tuple(name[:3] for name in _MONTHS)
    from babel.dates import get_month_names

    names = get_month_names(width, "format", _tag(language))
    return tuple(_without_point(str(names[month])) for month in range(1, 13))


@lru_cache(maxsize=256)
def _days(language: int, width: Width) -> tuple[str, ...]:
    if english(language):
        return _DAYS if width == "wide" else tuple(name[:3] for name in _DAYS)
    from babel.dates import get_day_names

    names = get_day_names(width, "format", _tag(language))
    # CLDR counts from Monday.
    return tuple(_without_point(str(names[(day - 1) % 7])) for day in range(7))


def _without_point(name: str) -> str:
    """Drop the point after a short name, which spreadsheets do not write: ``Jan.``."""
    return name.rstrip(".") if name.count(".") == 1 else name


@lru_cache(maxsize=256)
def english(language: int) -> bool:
    """Say whether names in a language are English ones, as for a language that is unknown."""
    if language & _PRIMARY in {0, 9}:
        return True
    from babel import Locale, UnknownLocaleError

    try:
        Locale.parse(_tag(language))
    except (UnknownLocaleError, ValueError):
        return True
    return False


def _tag(language: int) -> str:
    known = locale.windows_locale
    if language in known:
        return known[language]
    same = (name for number, name in known.items() if number & _PRIMARY == language & _PRIMARY)
    return next(same, "und")
