"""The values of each kind that a line of text holds."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from pydantic import JsonValue

from perdure_document.fields.lines import Line
from perdure_document.fields.schema import ValueKind
from perdure_document.recognition.amounts import decimal_sign_of, find_amounts, settled
from perdure_document.recognition.codes import find_emails, find_ibans, find_phones
from perdure_document.recognition.dates import FoundDate, find_dates

_CODE: Final = re.compile(r"(?<![^\W_])[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,38}[A-Za-z0-9])?(?![^\W_])")
_TEXT: Final = re.compile(r"[^\s:;|][^;|\t]*?(?=\s{2,}|\t|;|\||$)")
_CURRENCY_CODE: Final = re.compile(r"(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])")
_NEAR_YEARS: Final = 2


class Value(NamedTuple):
    """A value in a line.

    Attributes:
        start: Its first character in the line.
        end: The character after its last one.
        readings: What it may be; the likeliest first.
        plain: Whether it is written as such values are: an amount with cents or a currency.
        doubt: Why it is not certain even with one reading; empty when it is.
    """

    start: int
    end: int
    readings: tuple[JsonValue, ...]
    plain: bool = True
    doubt: str = ""


class Values:
    """Finds values in the lines of one document, by the customs of that document.

    Attributes:
        decimal_sign: The sign that begins decimals in it; empty when it does not show.
        month_first: Whether dates such as ``03/04/2024`` begin with the month; ``None`` when that
            does not show.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        texts = [line.text for line in lines]
        self.decimal_sign = decimal_sign_of(iter(texts))
        dates = [one for text in texts for one in find_dates(text)]
        orders = {
            _month_first(text[one.start : one.end])
            for text in texts
            for one in find_dates(text)
            if len(one.readings) == 1
        } - {None}
        self.month_first = orders.pop() if len(orders) == 1 else None
        self._years = {day.year for one in dates if one.century_given for day in one.readings}

    def find(self, kind: ValueKind, text: str) -> Iterator[Value]:
        """Yield the values of a kind in a line of text."""
        match kind:
            case "date":
                yield from self._dates(text)
            case "amount" | "number" | "integer":
                yield from self._numbers(kind, text)
            case "currency":
                yield from _currencies(text)
            case "email":
                for email in find_emails(text):
                    yield Value(email.start, email.end, (email.value,))
            case "iban":
                for iban in find_ibans(text):
                    doubt = "" if iban.valid else "its check digits are wrong"
                    yield Value(iban.start, iban.end, (iban.value,), doubt=doubt)
            case "phone":
                for phone in find_phones(text):
                    yield Value(phone.start, phone.end, (text[phone.start : phone.end].strip(),))
            case "code":
                yield from _codes(text)
            case "text":
                if match := _TEXT.search(text):
                    yield Value(*match.span(), (match[0].strip(),))

    def _dates(self, text: str) -> Iterator[Value]:
        for one in find_dates(text):
            readings = one.readings
            if len(readings) == 2 and self.month_first is not None:
                readings = readings[1:] if self.month_first else readings[:1]
            doubt = ""
            if len(readings) > 1:
                doubt = "day and month may stand in either order"
            elif not one.century_given and not self._is_near(readings[0]):
                doubt = "the year has two digits, and nothing else shows which it is"
            yield Value(one.start, one.end, tuple(map(date.isoformat, readings)), doubt=doubt)

    def _is_near(self, day: date) -> bool:
        return any(abs(day.year - year) <= _NEAR_YEARS for year in self._years)

    def _numbers(self, kind: ValueKind, text: str) -> Iterator[Value]:
        for one in find_amounts(text):
            if kind == "amount" and one.percent:
                continue
            readings = settled(one, self.decimal_sign)
            whole = [value for value in readings if value == value.to_integral_value()]
            if kind == "integer":
                if not whole:
                    continue
                readings = tuple(whole)
            doubt = "its sign may be one of thousands or of decimals" if len(readings) > 1 else ""
            written = text[one.start : one.end]
            plain = kind != "amount" or bool(one.currency or re.search(r"[.,]\d{2}(?!\d)", written))
            if not doubt and kind == "amount" and re.match(r"\s?[^\W\d_]", text[one.end :]):
                doubt = "a word follows it, so that it may be no amount of money"
            yield Value(one.start, one.end, tuple(map(_number, readings)), plain, doubt)


def _number(value: Decimal) -> JsonValue:
    return int(value) if value == value.to_integral_value() else float(value)


def _month_first(written: str) -> bool | None:
    """Say whether a date with one reading shows that the month stands first."""
    match = re.fullmatch(r"(\d{1,2})[/-]\s?(\d{1,2})[/-]\s?\d{2,4}", written)
    if match is None or match[1] == match[2]:
        return None
    return int(match[2]) > 12


def _currencies(text: str) -> Iterator[Value]:
    for one in find_amounts(text):
        if one.currency:
            doubt = "several currencies share this sign" if len(one.currency) < 3 else ""
            shared = {"$": "USD", "¥": "JPY", "kr": "SEK", "kr.": "DKK"}
            yield Value(one.start, one.end, (shared.get(one.currency, one.currency),), doubt=doubt)
    for match in _CURRENCY_CODE.finditer(text):
        if match[0] in {"EUR", "USD", "GBP", "CHF", "JPY", "SEK", "NOK", "DKK", "PLN", "CZK"}:
            yield Value(*match.span(), (match[0],))


def _codes(text: str) -> Iterator[Value]:
    dates: list[FoundDate] = list(find_dates(text))
    for match in _CODE.finditer(text):
        start, end = match.span()
        if not any(map(str.isdigit, match[0])):
            continue
        if any(start < one.end and one.start < end for one in dates):
            continue
        yield Value(start, end, (match[0],))
