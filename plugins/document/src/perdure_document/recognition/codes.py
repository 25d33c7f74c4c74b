"""E-mail addresses, phone numbers, IBANs and numbers of payment cards in text."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from perdure_document.recognition.dates import find_dates

# Lengths by country, from the registry of ISO 13616.
_IBAN_COUNTRIES: Final = (
    "AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BR:29 BY:28 CH:21 CR:22 CY:28 "
    "CZ:24 DE:22 DK:18 DO:28 EE:20 EG:29 ES:24 FI:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 "
    "GR:27 GT:28 HR:21 HU:28 IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 LB:28 LC:32 "
    "LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 MK:19 MR:27 MT:31 MU:30 NL:18 NO:15 "
    "PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 SA:24 SC:31 SE:24 SI:19 SK:24 SM:27 ST:25 "
    "SV:28 TL:23 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20"
)
_IBAN_LENGTHS: Final = {
    country: int(length)
    for country, length in (pair.split(":") for pair in _IBAN_COUNTRIES.split())
}
_IBAN: Final = re.compile(
    r"(?<![A-Za-z0-9])([A-Z]{2})[ \u00a0-]?(\d{2})((?:[ \u00a0-]?[A-Z0-9]){11,30})", re.IGNORECASE
)
_EMAIL: Final = re.compile(
    r"[\w.!#$%&'*+/=?^`{|}~-]+(?:@|\s?[(\[]\s?at\s?[)\]]\s?)"
    r"[^\W_](?:[\w-]*[^\W_])?(?:\.[^\W_](?:[\w-]*[^\W_])?)+",
    re.IGNORECASE,
)
_CARD: Final = re.compile(r"(?<![\d.,-])[2-6]\d{3}(?:[ \u00a0-]?\d){9,15}(?![\d-]|[.,]\d)")
_PHONE: Final = re.compile(
    r"(?<![\w.,/:+-])(?:\+|00)?[(\d](?:[ \u00a0().\u2010-\u2015/-]{0,3}\d){5,16}(?![\w-]|[.,:]\d)"
)
_PHONE_LABEL: Final = re.compile(
    r"(?:tele(?:phone|fon|foon|fax)|(?<![^\W_])tel|phone|fon|mobile?|handy|cell|fax|call|whatsapp"
    r"|teléfono|móvil|portable|cellulare|☎|📞)\s*(?:no|nr|number|nummer)?[.:]*\s*$",
    re.IGNORECASE,
)
_LABEL_REACH: Final = 24
_FEWEST_DIGITS, _MOST_DIGITS = 7, 15


class FoundCode(NamedTuple):
    """A number or address in a text.

    Attributes:
        start: Its first character.
        end: The character after its last one.
        value: It without blanks.
        valid: Whether its check digits are right; true where there are none.
    """

    start: int
    end: int
    value: str
    valid: bool = True


def find_emails(text: str) -> Iterator[FoundCode]:
    """Yield e-mail addresses, ``name (at) example.org`` too."""
    for match in _EMAIL.finditer(text):
        yield FoundCode(match.start(), match.end(), match[0])


def find_ibans(text: str) -> Iterator[FoundCode]:
    """Yield IBANs; one whose check digits are wrong is not ``valid``."""
    place = 0
    while match := _IBAN.search(text, place):
        place = match.start() + 1
        length = _IBAN_LENGTHS.get(match[1].upper())
        if length is None:
            continue
        end, taken = match.start(), ""
        while end < match.end() and len(taken) < length:
            taken += text[end] if text[end].isalnum() else ""
            end += 1
        follows = text[end : end + 1]
        if len(taken) == length and not follows.isalnum():
            # What was matched beyond it may hold the next one.
            place = end
            yield FoundCode(match.start(), end, taken.upper(), iban_is_valid(taken))


def iban_is_valid(value: str) -> bool:
    """Say whether an IBAN's check digits are right (ISO 7064, modulo 97)."""
    value = value.upper()
    digits = "".join(str(int(character, 36)) for character in value[4:] + value[:4])
    return int(digits) % 97 == 1


def find_cards(text: str) -> Iterator[FoundCode]:
    """Yield numbers of payment cards, 13 to 19 digits; by Luhn's check digit some are ``valid``."""
    for match in _CARD.finditer(text):
        digits = "".join(filter(str.isdigit, match[0]))
        if _luhn(digits):
            yield FoundCode(match.start(), match.end(), digits)
        elif re.fullmatch(r"\d{4}([ \u00a0-])\d{4}\1\d{4}\1\d{4}", match[0]):
            yield FoundCode(match.start(), match.end(), digits, valid=False)


def find_phones(text: str) -> Iterator[FoundCode]:
    """Yield phone numbers: with a country's or an area's prefix, in groups, or after a label."""
    others = [(one.start, one.end) for one in find_dates(text)]
    others += [(one.start, one.end) for one in find_ibans(text)]
    for match in _PHONE.finditer(text):
        start, end = match.span()
        number = match[0]
        digits = "".join(filter(str.isdigit, number))
        if not _FEWEST_DIGITS <= len(digits) <= _MOST_DIGITS:
            continue
        if any(start < other_end and other_start < end for other_start, other_end in others):
            continue
        label = _PHONE_LABEL.search(text[max(0, start - _LABEL_REACH) : start])
        if label or _looks_like_phone(number):
            yield FoundCode(start, end, ("+" if number.startswith("+") else "") + digits)


def is_phone_label(text: str) -> bool:
    """Say whether a column's name or a label announces phone numbers."""
    return _PHONE_LABEL.search(text.strip()) is not None


def _looks_like_phone(number: str) -> bool:
    groups = re.findall(r"\d+", number)
    if number.startswith(("+", "00", "(")):
        return True
    if len(groups) == 1 or re.fullmatch(r"\d[.,]\d+", number):
        return False
    # Thousands are no phone number: 1 250 000.
    thousands = len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])
    if number.startswith("0"):
        return True
    return len(groups) >= 3 and not (thousands and "-" not in number)


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
