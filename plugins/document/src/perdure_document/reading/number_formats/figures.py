"""Numbers as a section of a format code shows them: decimals, fractions, scientific."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Final

from perdure_document.reading.number_formats.sections import Section, Token

_SHOWN_DIGITS: Final = 15
_GENERAL_CHARACTERS: Final = 11
_WRITTEN_OUT: Final = Decimal(10) ** 17
_LARGEST_EXPONENT: Final = 400
_WIDEST_DENOMINATOR: Final = 7
# Excel keeps 15 digits and rounds halves away from zero.
_EXACT: Final = Context(prec=1000, rounding=ROUND_HALF_UP)
_KEPT: Final = Context(prec=_SHOWN_DIGITS, rounding=ROUND_HALF_UP)


def kept(value: Decimal) -> Decimal:
    """Return a number with the digits that a spreadsheet keeps of it: whole ones all, else 15."""
    if value == value.to_integral_value() and abs(value) < _WRITTEN_OUT:
        return value
    return _KEPT.plus(value)


def general(value: Decimal) -> str:
    """Show a number as the format ``General`` does, in up to eleven characters.

    Whole numbers of up to 17 digits are written out: Excel shows ``4.00638E+12`` from twelve
    digits on, but they are the numbers of articles and accounts.
    """
    value = kept(value)
    sign = "-" if value < 0 else ""
    value = abs(value)
    if not value:
        return "0"
    if value == value.to_integral_value() and value < _WRITTEN_OUT:
        return f"{sign}{value.quantize(Decimal(1), context=_EXACT):f}"
    exponent = value.adjusted()
    if -4 <= exponent < _GENERAL_CHARACTERS:
        places = _GENERAL_CHARACTERS - 2 - max(exponent, 0)
        return sign + _plain(_rounded(value, max(places, 0)))
    if exponent < _SHOWN_DIGITS:
        plain = _plain(value)
        if exponent > 0 or len(plain) <= _GENERAL_CHARACTERS:
            return sign + plain
    mantissa = _rounded(value.scaleb(-exponent, context=_EXACT), 5)
    if mantissa >= 10:
        mantissa, exponent = mantissa / 10, exponent + 1
    return f"{sign}{_plain(mantissa)}E{exponent:+03d}"


def number_text(section: Section, value: Decimal, signed: bool) -> str:
    """Show a number as a section says.

    Args:
        section: A section that shows a number.
        value: The number.
        signed: Whether a minus stands before a negative number.
    """
    tokens = section.tokens
    value = kept(value)
    sign = "-" if signed and value < 0 else ""
    value = abs(value)
    types = [token.type for token in tokens]
    if "general" in types:
        shown = "".join(
            general(value) if token.type == "general" else token.text for token in tokens
        )
    elif "digit" not in types:
        shown = "".join(token.text for token in tokens)
    elif "exponent" in types:
        shown = _scientific(tokens, value)
    elif _is_fraction(types):
        shown = _fraction(tokens, value)
    else:
        shown = _decimal(tokens, value)
    return sign + shown


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _rounded(value: Decimal, places: int) -> Decimal:
    if value.adjusted() > _LARGEST_EXPONENT:
        return value
    return value.quantize(Decimal(1).scaleb(-places), context=_EXACT)


def _decimal(tokens: tuple[Token, ...], value: Decimal) -> str:
    digits = [place for place, token in enumerate(tokens) if token.type == "digit"]
    point = _point(tokens)
    whole = [place for place in digits if place < point]
    parts = [place for place in digits if place > point]
    value = value.scaleb(2 * sum(token.type == "percent" for token in tokens), context=_EXACT)
    scale = sum(_commas_after(tokens, ends[-1]) for ends in (whole, parts) if ends)
    value = _rounded(value.scaleb(-3 * scale, context=_EXACT), len(parts))
    grouped = any(
        token.type == "comma" and whole and whole[0] < place < whole[-1]
        for place, token in enumerate(tokens)
    )
    shown = _whole_digits(tokens, whole, int(value), grouped)
    shown.update(_part_digits(tokens, parts, value))
    if not whole and int(value):
        shown[point] = f"{int(value)}."
    return _assembled(tokens, shown)


def _commas_after(tokens: tuple[Token, ...], place: int) -> int:
    """Count the commas right after a digit: each divides the number by a thousand."""
    end = place + 1
    while end < len(tokens) and tokens[end].type == "comma":
        end += 1
    return end - place - 1


def _point(tokens: tuple[Token, ...]) -> int:
    places = (place for place, token in enumerate(tokens) if token.type == "point")
    return next(places, len(tokens))


def _whole_digits(
    tokens: tuple[Token, ...], places: list[int], value: int, grouped: bool
) -> dict[int, str]:
    """Return the digits of a whole number by the token that each stands in."""
    digits = str(value) if value else ""
    if len(digits) < len(places):
        digits = digits.rjust(len(places))
    shown: dict[int, str] = {}
    surplus = len(digits) - len(places)
    for number, character in enumerate(digits):
        place = places[max(number - surplus, 0)] if places else -1
        digit = character
        if character == " ":
            digit = {"0": "0", "?": " "}.get(tokens[place].text, "")
        left = len(digits) - 1 - number
        comma = "," if grouped and digit.isdigit() and left and left % 3 == 0 else ""
        shown[place] = shown.get(place, "") + digit + comma
    shown.pop(-1, None)
    return shown


def _part_digits(tokens: tuple[Token, ...], places: list[int], value: Decimal) -> dict[int, str]:
    """Return the decimals of a number by the token that each stands in."""
    if not places:
        return {}
    digits = f"{value % 1:.{len(places)}f}".partition(".")[2]
    shown = dict(zip(places, digits, strict=True))
    for place in reversed(places):
        if shown[place] != "0" or tokens[place].text == "0":
            break
        shown[place] = " " if tokens[place].text == "?" else ""
    return shown


def _assembled(tokens: tuple[Token, ...], shown: dict[int, str]) -> str:
    pieces: list[str] = []
    for place, token in enumerate(tokens):
        if token.type == "digit":
            pieces.append(shown.get(place, ""))
        elif token.type != "comma":
            pieces.append(shown.get(place, token.text))
    return "".join(pieces)


def _scientific(tokens: tuple[Token, ...], value: Decimal) -> str:
    at = next(place for place, token in enumerate(tokens) if token.type == "exponent")
    mantissa, after = tokens[:at], tokens[at + 1 :]
    point = _point(mantissa)
    step = sum(token.type == "digit" for token in mantissa[:point]) or 1
    places = sum(token.type == "digit" for token in mantissa[point:])
    exponent = value.adjusted() // step * step if value else 0
    number = _rounded(value.scaleb(-exponent, context=_EXACT), places)
    if number.adjusted() >= step:
        exponent += step
        number = _rounded(value.scaleb(-exponent, context=_EXACT), places)
    sign = "-" if exponent < 0 else "+" if tokens[at].text == "+" else ""
    width = [place for place, token in enumerate(after) if token.type == "digit"]
    digits = _whole_digits(after, width, abs(exponent), False)
    return f"{_decimal(mantissa, number)}E{sign}{_assembled(after, digits)}"


def _is_fraction(types: Sequence[str]) -> bool:
    if "slash" not in types:
        return False
    slash = types.index("slash")
    return "digit" in types[:slash] and slash + 1 < len(types)


def _fraction(tokens: tuple[Token, ...], value: Decimal) -> str:
    slash = next(place for place, token in enumerate(tokens) if token.type == "slash")
    over = _run_before(tokens, slash)
    below = _run_after(tokens, slash)
    denominator = "".join(token.text for token in tokens[slash + 1 : below])
    whole = [place for place in range(over) if tokens[place].type == "digit"]
    exact = Fraction(value)
    number = int(exact) if whole else 0
    part = exact - number
    if any(character in "123456789" for character in denominator):
        fixed = int("".join(filter(str.isdigit, denominator)))
        top, bottom = int(part * fixed + Fraction(1, 2)), fixed
    elif denominator:
        digits = min(len(denominator), _WIDEST_DENOMINATOR)
        near = part.limit_denominator(10**digits - 1)
        top, bottom = near.numerator, near.denominator
    else:
        return _decimal(tokens, value)
    if whole and top == bottom:
        number, top = number + 1, 0
    left = _assembled(tokens[:over], _whole_digits(tokens, whole, number, False))
    right = _assembled(tokens[below:], {})
    if whole and not top:
        return f"{left.strip() or '0'}{right}"
    return f"{left}{top}/{bottom}{right}"


def _run_before(tokens: tuple[Token, ...], end: int) -> int:
    """Return where the digits that end before a token begin."""
    start = end
    while start and tokens[start - 1].type != "digit":
        start -= 1
    while start and tokens[start - 1].type == "digit":
        start -= 1
    return start


def _run_after(tokens: tuple[Token, ...], start: int) -> int:
    """Return where the denominator after a token ends."""
    end = start + 1
    while end < len(tokens) and (tokens[end].type == "digit" or tokens[end].text.isdigit()):
        end += 1
    return end
