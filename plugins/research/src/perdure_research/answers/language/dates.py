"""Dates and times of the day, as they stand in texts."""

import re
from collections.abc import Sequence
from typing import Final, Literal

DateKind = Literal["year", "day", "month", "weekday", "time", "season"]

_MONTHS: Final = (
    "january february march april may june july august september october november december"
    " januar februar marz mai juni juli august oktober dezember"
    " janvier fevrier mars avril juin juillet aout septembre octobre novembre decembre"
    " enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
    " января февраля марта апреля мая июня июля августа сентября октября ноября декабря"
)
_WEEKDAYS: Final = (
    "monday tuesday wednesday thursday friday saturday sunday weekday weekdays weekend weekends"
    " mondays tuesdays wednesdays thursdays fridays saturdays sundays daily"
    " montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag montags dienstags"
    " mittwochs donnerstags freitags samstags sonntags taglich"
    " lundi mardi mercredi jeudi vendredi samedi dimanche"
    " lunes martes miercoles jueves viernes sabado domingo sabados domingos"
    " понедельник вторник среда четверг пятница суббота воскресенье"
)
_SEASONS: Final = (
    "spring summer autumn winter easter christmas pentecost fruhling fruhjahr sommer herbst ostern"
    " weihnachten printemps ete automne hiver paques noel primavera verano otono invierno"
    " midnight noon dawn dusk century centuries"
)
_IN_ORDER: Final = (_MONTHS.split()[:12], _WEEKDAYS.split()[:7])
_RANGING: Final = frozenset(["to", "and", "until", "till", "through"])
_TIME: Final = re.compile(
    r"\b\d{1,2}:\d{2}\b|\b\d{1,2}(?:\.\d{2})?\s*(?:am|pm|a\.m\.|p\.m\.|Uhr|h\b|o'clock)"
    r"|[零一二三四五六七八九十两\d]{1,3}[点點時时](?!间|間)|\b(?:noon|midnight|midday|mediodía|Mittag|Mitternacht)\b"
    r"|\bв\s+\d{1,2}\s+час",
    re.IGNORECASE,
)
# "The third working day of each month"
_REPEATED: Final = re.compile(
    r"\b(?:first|second|third|fourth|last|\d{1,2}(?:st|nd|rd|th)|every|each|jede[nrsm]?|chaque|cada)\b"
    r"[\w\s]{0,20}\b(?:days?|weeks?|months?|years?|night|hours?|tag|woche|monat|jahr|jour|semaine|mois"
    r"|día|semana|mes)\b",
    re.IGNORECASE,
)
_YEAR: Final = re.compile(r"(?<![\d.,:])(?:1[0-9]|20)\d{2}(?!\d|[.,:]\d)")
_DAY: Final = re.compile(
    r"\b(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last) day\b"
    r"|\bthe \d{1,2}(?:st|nd|rd|th)\b(?! century)"
    r"|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\b\d{4}-\d{2}-\d{2}\b|[\d一二三四五六七八九十]+[月][\d一二三四五六七八九十]*日?"
)
_WORDS: Final[dict[str, DateKind]] = {
    **dict.fromkeys(_MONTHS.split(), "month"),
    **dict.fromkeys(_WEEKDAYS.split(), "weekday"),
    **dict.fromkeys(_SEASONS.split(), "season"),
}
_HAN_WEEKDAYS: Final = re.compile("星期[一二三四五六日天]|周[一二三四五六日]|[月火水木金土日]曜日")


def between(keys: Sequence[str]) -> list[str]:
    """Return the months and weekdays that English ranges span: March of "from January to June"."""
    found: list[str] = []
    for at, key in enumerate(keys):
        if key not in _RANGING or not at or at + 1 == len(keys):
            continue
        for names in _IN_ORDER:
            one, other = (word.removesuffix("s") for word in (keys[at - 1], keys[at + 1]))
            if one in names and other in names:
                begin, end = names.index(one), names.index(other)
                count = (end - begin) % len(names)
                found += [names[(begin + step) % len(names)] for step in range(1, count)]
    return found


def is_date_word(key: str) -> bool:
    """Say whether a word names a month, a day of the week, a season or a feast."""
    return key in _WORDS


def dates_in(text: str, keys: list[str]) -> dict[DateKind, frozenset[str]]:
    """Return the dates of a plain text by kind.

    Args:
        text: The text.
        keys: The keys of its tokens.
    """
    found: dict[DateKind, set[str]] = {}
    for match in _TIME.finditer(text):
        found.setdefault("time", set()).add(match.group().lower())
    for match in _YEAR.finditer(text):
        found.setdefault("year", set()).add(match.group())
    for match in _DAY.finditer(text):
        found.setdefault("day", set()).add(match.group())
    for match in _REPEATED.finditer(text):
        found.setdefault("season", set()).add(match.group().lower())
    for match in _HAN_WEEKDAYS.finditer(text):
        found.setdefault("weekday", set()).add(match.group())
    for place, key in enumerate(keys):
        kind = _WORDS.get(key)
        if kind == "month":
            beside = [keys[at] for at in (place - 1, place + 1) if 0 <= at < len(keys)]
            day = next((one for one in beside if one.isdigit() and len(one) < 3), "")
            if key == "may" and not day:
                continue
            if day:
                found.setdefault("day", set()).add(f"{day} {key}")
            else:
                found.setdefault("month", set()).add(key)
        elif kind is not None:
            found.setdefault(kind, set()).add(key.rstrip("s"))
    return {kind: frozenset(values) for kind, values in found.items()}
