"""The date that a source says it was published or changed at."""

import re
from datetime import date
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_MONTH: Final = "|".join(f"{name}|{name[:3]}\\.?" for name in _MONTHS) + r"|sept\.?"
_ISO: Final = re.compile(r"(?<!\d)((?:19|20)\d\d)(?:-|/|\.)(\d\d?)(?:(?:-|/|\.)(\d\d?))?(?![\d-])")
_COMPACT: Final = re.compile(r"(?<!\d)((?:19|20)\d\d)(\d\d)(\d\d)(?!\d{3}(?!\d{3}))")
_DAY_FIRST: Final = re.compile(
    rf"(?<!\d)(\d\d?)(?:st|nd|rd|th)?\.?\s+(?:of\s+)?({_MONTH})\s*,?\s+((?:19|20)\d\d)(?!\d)",
    re.IGNORECASE,
)
_MONTH_FIRST: Final = re.compile(
    rf"\b({_MONTH})\s+(\d\d?)(?:st|nd|rd|th)?,?\s+((?:19|20)\d\d)(?!\d)", re.IGNORECASE
)
_MONTH_ONLY: Final = re.compile(rf"\b({_MONTH})\s+((?:19|20)\d\d)(?!\d)", re.IGNORECASE)
_GERMAN: Final = re.compile(r"(?<!\d)(\d\d?)\.\s?(\d\d?)\.\s?((?:19|20)\d\d)(?!\d)")
_CHINESE: Final = re.compile(r"((?:19|20)\d\d)\s*年\s*(\d\d?)\s*月(?:\s*(\d\d?)\s*日)?")
_STATED: Final = re.compile(
    r"^[\s>*_#(\[-]*(?:(?:last\s+)?(?:updated|modified|revised|changed|reviewed)|published|date|"
    r"posted|issued|dated|stand|datum|as of|version of|effective)(?:\s+(?:on|at))?\s*[*_]*\s*"
    r"[:\s]\s*[*_]*\s*(?P<date>[^\n]{4,40})",
    re.IGNORECASE | re.MULTILINE,
)
_FRONT_MATTER: Final = re.compile(
    r"^(?:last_?mod(?:ified)?|updated|date|published|pubdate):[ \t]*(.+)$",
    re.MULTILINE | re.IGNORECASE,
)
_IN_PATH: Final = re.compile(
    r"(?:^|[/_.-])((?:19|20)\d\d)[/_.-](\d\d)(?:[/_.-](\d\d))?(?=[/_.-]|$)"
)
_HEAD_CHARACTERS: Final = 1500
_BYLINE: Final = 60


def iso_date(text: str) -> str:
    """Return the first date in a text as ``2024-05-17``, ``2024-05`` or ``2024``; else nothing.

    Dates such as 03/04/2024, whose day could be the month, are none.
    """
    text = text.strip()
    found = [
        (match.start(), value)
        for match, order in (
            (_ISO.search(text), "ymd"),
            (_CHINESE.search(text), "ymd"),
            (_DAY_FIRST.search(text), "dmy"),
            (_MONTH_FIRST.search(text), "mdy"),
            (_GERMAN.search(text), "dmy"),
            (_COMPACT.search(text), "ymd"),
        )
        if match is not None and (value := _in_order(match, order))
    ]
    if found:
        return min(found)[1]
    if month := _MONTH_ONLY.search(text):
        return f"{month[2]}-{_month(month[1]):02}"
    return text if re.fullmatch(r"(?:19|20)\d\d", text) else ""


def date_in_front_matter(text: str) -> str:
    """Return the latest date that the front matter of a Markdown file gives."""
    return max((iso_date(found) for found in _FRONT_MATTER.findall(text)), default="")


def date_in_text(text: str) -> str:
    """Return the date that the beginning or the end of a text states; else nothing.

    A date counts that stands behind a word such as "Updated", or alone on a line.
    """
    ends = (text[:_HEAD_CHARACTERS], text[-_HEAD_CHARACTERS:])
    for part in ends:
        for stated in _STATED.finditer(part):
            if found := iso_date(stated["date"]):
                return found
    for line in ends[0].split("\n")[:12]:
        bare = line.strip(" \t*_#>()[]")
        if 4 < len(bare) <= _BYLINE and (found := iso_date(bare)) and len(bare.split()) <= 4:
            return found
    return ""


def date_in_address(address: str) -> str:
    """Return the date that a file's name or a URL's path holds; else nothing."""
    path = urlsplit(address).path if "://" in address else PurePosixPath(address).name
    found = _IN_PATH.search(path)
    return _valid(int(found[1]), int(found[2]), int(found[3] or 0)) if found else ""


def _in_order(match: re.Match[str], order: str) -> str:
    parts = dict(zip(order, match.groups(), strict=True))
    month = parts["m"] or "0"
    number = int(month) if month.isdigit() else _month(month)
    return _valid(int(parts["y"]), number, int(parts["d"] or 0))


def _month(name: str) -> int:
    return [known[:3] for known in _MONTHS].index(name[:3].lower()) + 1


def _valid(year: int, month: int, day: int) -> str:
    """Return a date if there is such a day."""
    if not 1 <= month <= 12:
        return ""
    if not day:
        return f"{year}-{month:02}"
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return ""
