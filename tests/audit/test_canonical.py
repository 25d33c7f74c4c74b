"""Canonical JSON: the vectors of RFC 8785, and what holds for every value."""

import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from perdure.audit.canonical import canonical, exact

# Appendix B: IEEE 754 in hexadecimal, and how it is written.
NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}
# Section 3.2.3: names in the order in which they have to stand, by UTF-16 code units.
NAMES = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def written(value: JsonValue) -> str:
    return canonical({"": value}).decode()[4:-1]


def as_ecmascript_has_it(number: float) -> str:
    """Write a number as section 7.1.12.1 of ECMA-262 says, from its shortest digits."""
    if number == 0:
        return "0"
    if number < 0:
        return f"-{as_ecmascript_has_it(-number)}"
    mantissa, _, exponent = f"{number!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = (whole + fraction).rstrip("0")
    leading = len(digits) - len(digits.lstrip("0"))
    digits, point = digits[leading:], point - leading
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{rest}e{point - 1:+d}"


@pytest.mark.parametrize(("bits", "text"), NUMBERS.items())
def test_numbers_are_written_as_in_appendix_b(bits: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert written(number) == text
    assert as_ecmascript_has_it(number) == text


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_of_json_has_no_form(number: float) -> None:
    with pytest.raises(ValueError, match="no canonical form"):
        canonical({"value": number})
    canonical({"value": exact(number)})  # in a fact it stands as text


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_is_written_as_ecmascript_has_it(number: float) -> None:
    assert written(number) == as_ecmascript_has_it(number)
    assert float(written(number)) == number


def test_names_are_ordered_as_in_section_3_2_3() -> None:
    value: dict[str, Any] = dict.fromkeys(sorted(NAMES, reverse=True), 0)
    assert list(json.loads(canonical(value))) == NAMES


@settings(deadline=None)
@given(st.dictionaries(TEXTS, st.integers(0, 9)), st.randoms())
def test_names_are_ordered_by_their_utf_16_code_units_however_they_came(
    value: dict[str, JsonValue], random: Any
) -> None:
    text = canonical(value)
    in_order = sorted(value, key=lambda name: name.encode("utf-16-be"))
    assert list(json.loads(text)) == in_order
    names = list(value)
    random.shuffle(names)
    assert canonical({name: value[name] for name in names}) == text


@settings(deadline=None)
@given(TEXTS)
def test_texts_are_escaped_as_little_as_can_be(text: str) -> None:
    short = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
    escaped = short | {'"': '\\"', "\\": "\\\\"}
    expected = "".join(
        escaped.get(one) or (f"\\u{ord(one):04x}" if one < " " else one) for one in text
    )
    assert written(text) == f'"{expected}"'


@settings(deadline=None)
@given(VALUES)
def test_every_value_of_a_fact_has_a_form_that_reads_as_the_same(value: JsonValue) -> None:
    text = canonical({"value": exact(value)})
    assert canonical(json.loads(text)) == text
    assert b"\n" not in text
