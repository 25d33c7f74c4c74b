"""A value as a workbook shows it: which section of its format code is for it, and what that says.

After ECMA-376 part 1, 18.8.31, and what Excel does where that leaves it open.
"""

from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from perdure_document.reading.number_formats.built_in import GENERAL
from perdure_document.reading.number_formats.dates import date_text
from perdure_document.reading.number_formats.figures import general, number_text
from perdure_document.reading.number_formats.sections import Condition, Section, sections_of


def shown_number(value: Decimal, code: str, base_1904: bool = False) -> str:
    """Show a number, a date or a time.

    A date that does not exist, such as one before 1900, and a number that no section is for are
    shown as ``General``: Excel fills the cell with ``#``.

    Args:
        value: The number as the file has it; of a date the days since the base.
        code: The format code.
        base_1904: Whether day 0 is 1904-01-01; else day 1 is 1900-01-01.
    """
    if code == GENERAL or not code:
        return general(value)
    plan = _plan_of(code)
    if not plan.sections:
        return shown_text(general(value), code)
    place = plan.chosen(value)
    if place is None:
        return general(value)
    section = plan.sections[place]
    if section.is_date:
        date = date_text(section, value, base_1904)
        return general(value) if date is None else date
    signed = plan.signed[place]
    text = number_text(section, value, signed)
    if value < 0 and not signed and _red_alone(plan.sections, place, value, text):
        return f"-{text.strip()}"
    return text


def shown_text(text: str, code: str) -> str:
    """Show a text: as it is, but for a section that puts something around it or hides it."""
    if code == GENERAL or ("@" not in code and code.count(";") < 3):
        return text
    sections = sections_of(code)
    last = sections[-1]
    if not last.is_text and len(sections) < 4:
        return text
    return "".join(text if token.type == "text" else token.text for token in last.tokens)


class _Plan(NamedTuple):
    """A code's sections for numbers, for which values each is, and whether it shows a minus."""

    sections: tuple[Section, ...]
    conditions: tuple[Condition | None, ...]
    signed: tuple[bool, ...]

    def chosen(self, value: Decimal) -> int | None:
        """Return which section is for a value."""
        for place, condition in enumerate(self.conditions):
            if condition is None or condition.holds(float(value)):
                return place
        return None


@lru_cache(maxsize=4096)
def _plan_of(code: str) -> _Plan:
    sections = [section for section in sections_of(code) if not section.is_text][:3]
    conditions = _conditions(sections)
    signed = (not _only_negative(sections, place) for place in range(len(sections)))
    return _Plan(tuple(sections), tuple(conditions), tuple(signed))


def _conditions(sections: list[Section]) -> list[Condition | None]:
    """Return for which values each section is; ``None`` for all that are left."""
    given = [section.condition for section in sections]
    if any(given):
        if len(given) == 3 and given[1] is None:
            given[1] = Condition("<", 0)
        return given
    usual: dict[int, list[Condition | None]] = {
        2: [Condition(">=", 0), None],
        3: [Condition(">", 0), Condition("<", 0), None],
    }
    return usual.get(len(sections), [None] * len(sections))


def _only_negative(sections: list[Section], place: int) -> bool:
    """Say whether a section is for negative numbers alone: it then shows no minus of its own."""
    conditions = _conditions(sections)
    own = conditions[place]
    if own is not None:
        negative = (own.operator == "<" and own.limit <= 0) or (
            own.operator == "<=" and own.limit < 0
        )
        # A section with a condition of its own and without any sign would hide the sign.
        return negative and (sections[place].condition is None or _has_sign(sections[place]))
    return any(
        one is not None
        and ((one.operator == ">=" and one.limit <= 0) or (one.operator == ">" and one.limit < 0))
        for one in conditions[:place]
    )


def _has_sign(section: Section) -> bool:
    return any(
        token.type == "literal" and (token.text in "-(\u2212" or token.text.strip().isalpha())
        for token in section.tokens
    )


def _red_alone(sections: tuple[Section, ...], place: int, value: Decimal, text: str) -> bool:
    """Say whether nothing but a colour tells a negative number from a positive one."""
    section = sections[place]
    if not section.color or section.color == sections[0].color:
        return False
    return text.strip() == number_text(sections[0], -value, signed=False).strip()
