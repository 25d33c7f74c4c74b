"""Numbers and amounts of money as people write them, with every reading that one may have."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from perdure_document.recognition.codes import find_ibans, find_phones
from perdure_document.recognition.dates import find_dates

_CURRENCIES: Final = {
    "€": "EUR",
    "£": "GBP",
    "zł": "PLN",
    "Kč": "CZK",
    "₹": "INR",
    "₺": "TRY",
    "₽": "RUB",
    "US$": "USD",
    "C$": "CAD",
    "A$": "AUD",
    "₴": "UAH",
    "₩": "KRW",
    "₪": "ILS",
    "Fr.": "CHF",
    "SFr.": "CHF",
    "euro": "EUR",
    "euros": "EUR",
    "Euro": "EUR",
}
# Signs that several currencies share.
_SHARED: Final = frozenset({"$", "¥", "kr", "kr."})
_CODES: Final = (
    "EUR|USD|GBP|CHF|JPY|CNY|SEK|NOK|DKK|PLN|CZK|HUF|RON|BGN|TRY|CAD|AUD|NZD|INR|BRL|MXN|ZAR|SGD"
    "|HKD|KRW|ILS|AED|SAR|UAH|RUB"
)
_SIGN: Final = (
    rf"(?:{_CODES})(?![A-Za-z])|US\$|C\$|A\$|[€£$¥₹₺₽₴₩₪]|zł|Kč|S?Fr\."
    r"|[Ee]uros?(?![a-z])|kr\.?(?![a-z])"
)
_DIGITS: Final = (
    r"\d{1,3}(?:(?P<group>[.,'\u2019\u00a0\u202f ])\d{3})(?:(?P=group)\d{3})*(?:[.,]\d{1,4})?(?!\d)"
    r"|\d+(?:[.,]\d+)?"
)
_AMOUNT: Final = re.compile(
    rf"(?:(?P<before>{_SIGN})\s?)?(?P<minus>[-\u2212(]\s?)?(?:(?P<inner>{_SIGN})\s?)?"
    rf"(?<![\w.,/])(?P<number>{_DIGITS})(?P<closing>\)|-(?!\d))?(?:\s?(?P<after>{_SIGN}))?"
    r"(?P<percent>\s?%)?(?![\w/]|[.,:-]\d)"
)


_DIGIT: Final = re.compile(r"\d")


class FoundAmount(NamedTuple):
    """A written number.

    Attributes:
        start: Its first character, the currency's included.
        end: The character after its last one.
        readings: What it may mean: ``1.250`` may be 1250 or 1.25.
        currency: Its code, or the sign where several currencies share it; empty without one.
        decimal_sign: The sign that certainly begins its decimals, or would.
        sign: The only sign in a number that may be read in two ways.
        percent: Whether it is a percentage.
    """

    start: int
    end: int
    readings: tuple[Decimal, ...]
    currency: str
    decimal_sign: str
    sign: str
    percent: bool


def find_amounts(text: str) -> Iterator[FoundAmount]:
    """Yield the numbers of a text that belong to no date, IBAN or phone number."""
    if not _DIGIT.search(text):
        return
    others = [(one.start, one.end) for one in find_dates(text, partial=True)]
    others += [one[:2] for one in find_ibans(text)] + [one[:2] for one in find_phones(text)]
    for match in _AMOUNT.finditer(text):
        start, end = match.span()
        if any(start < last and first < end for first, last in others):
            continue
        readings, decimal_sign = _readings(match["number"])
        minus = (match["minus"] or "").strip()
        if minus in {"-", "\u2212"} or match["closing"] == "-" or (minus and match["closing"]):
            readings = tuple(-value for value in readings)
        sign = match["before"] or match["inner"] or match["after"] or ""
        currency = sign if sign in _SHARED else _CURRENCIES.get(sign, sign)
        alone = re.sub(r"\d", "", match["number"]) if len(readings) > 1 else ""
        percent = bool(match["percent"])
        yield FoundAmount(start, end, readings, currency, decimal_sign, alone, percent)


def decimal_sign_of(texts: Iterator[str]) -> str:
    """Return the sign that begins decimals in a document; empty when that is not certain."""
    signs = {one.decimal_sign for text in texts for one in find_amounts(text) if one.decimal_sign}
    return signs.pop() if len(signs) == 1 else ""


def settled(amount: FoundAmount, decimal_sign: str) -> tuple[Decimal, ...]:
    """Return what a number may mean in a document whose decimal sign is known, or is not."""
    if len(amount.readings) < 2 or not decimal_sign:
        return amount.readings
    thousands, decimals = amount.readings
    return (decimals,) if amount.sign == decimal_sign else (thousands,)


def _readings(number: str) -> tuple[tuple[Decimal, ...], str]:
    """Return what a number may mean, and its decimal sign where that is certain."""
    signs = [sign for sign in number if not sign.isdigit()]
    plain = re.sub(r"[^\d]", "", number)
    if not signs:
        return (Decimal(plain),), ""
    last = signs[-1]
    after = len(number) - number.rindex(last) - 1
    if last not in ".,":
        return (Decimal(plain),), ""
    if len(set(signs)) > 1:
        return (Decimal(f"{plain[:-after]}.{plain[-after:]}"),), last
    if len(signs) > 1:
        return (Decimal(plain),), "." if last == "," else ","
    if after == 3 and not number.startswith("0"):
        return (Decimal(plain), Decimal(f"{plain[:-3]}.{plain[-3:]}")), ""
    return (Decimal(f"{plain[:-after]}.{plain[-after:]}"),), last
