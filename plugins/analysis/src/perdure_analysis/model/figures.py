"""Whether every number of a model's sentence is one of its query's results."""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

from pydantic import JsonValue

from perdure.agents import AnswerRefused
from perdure_analysis.answers.answer import Rows
from perdure_analysis.language.vocabulary import PHRASES
from perdure_analysis.language.words import comparable, plain_words, words_of

MOST_CHARACTERS: Final = 1_000
_NUMBER: Final = re.compile(r"(?<![\w.,])[-+\u2212]?\d[\d,. ]*\d|(?<![\w.,])[-+\u2212]?\d|\d+")
_SPELLED: Final = plain_words(
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred"
    " thousand million billion dozen half twice double triple third quarter zero none"
)
_CLAUSES: Final = re.compile(r"[;\n]|,\s|\.\s|\band\b|\bwhile\b|\bbut\b")


def refuse_untraceable(text: str, results: Sequence[Rows], question: str) -> None:
    """Refuse a sentence with a number that no row holds, or that another row holds.

    Args:
        text: The sentence.
        results: What the queries gave.
        question: The question, whose numbers may be repeated.

    Raises:
        AnswerRefused: A number cannot be traced; says which.
    """
    if not text.strip() or len(text) > MOST_CHARACTERS:
        raise AnswerRefused(f"the answer is not one of up to {MOST_CHARACTERS:,} characters")
    values = [value for result in results for row in result.rows for value in row]
    counts = [len(result.rows) for result in results if len(result.rows) > 1]
    asked = _numbers_in(question)
    for number in _numbers_in(text):
        if number in asked or any(_is(number, value) for value in (*values, *counts)):
            continue
        raise AnswerRefused(f"{number} in its answer is in no row of its queries")
    words = set(comparable(text).split()) & _SPELLED
    for word in words - set(comparable(question).split()):
        raise AnswerRefused(f"'{word}' in its answer cannot be traced to a row")
    _refuse_mixed_rows(text, results)
    _refuse_wrong_end(text, results[-1], question)


def _refuse_wrong_end(text: str, result: Rows, question: str) -> None:
    """Refuse a thing as the highest or lowest of the rows that is neither in any column."""
    said = [word.plain for word in words_of(question)]
    meanings = {
        meaning.partition(" ")[0]
        for length in (1, 2)
        for begin in range(len(said) - length + 1)
        for role, meaning in [PHRASES.get(tuple(said[begin : begin + length]), ("stop", ""))]
        if role in {"rank", "frequency"}
    }
    if len(result.rows) < 2 or result.more or len(meanings) != 1:
        return
    plain = f" {comparable(text)} "
    places = [
        (plain.find(f" {comparable(value)} "), row)
        for row in result.rows
        for value in row
        if isinstance(value, str) and f" {comparable(value)} " in plain
    ]
    if not places:
        return
    best = max if "most" in meanings else min
    first = min(place for place, _ in places)
    named = [row for place, row in places if place == first]
    for column in range(len(result.columns)):
        values = [v for row in result.rows if isinstance(v := row[column], int | float)]
        if values and any(row[column] == best(values) for row in named):
            return
    raise AnswerRefused("what its answer puts first is not first in any column of its rows")


def _refuse_mixed_rows(text: str, results: Sequence[Rows]) -> None:
    """Refuse a clause that gives a thing the number of another: ``West has 12`` of East's row."""
    rows = [row for result in results for row in result.rows]
    if len(rows) < 2:
        return
    for clause in _CLAUSES.split(text):
        plain = f" {comparable(clause)} "
        keys = {
            value
            for row in rows
            for value in row
            if isinstance(value, str) and comparable(value) and f" {comparable(value)} " in plain
        }
        for number in _numbers_in(clause):
            holders = [row for row in rows if any(_is(number, value) for value in row)]
            if keys and holders and not any(keys & set(map(str, row)) for row in holders):
                raise AnswerRefused(f"{number} in its answer is not the figure of {min(keys)!r}")


def _numbers_in(text: str) -> list[str]:
    return [match[0].replace("\u2212", "-").strip() for match in _NUMBER.finditer(text)]


def _is(number: str, value: JsonValue) -> bool:
    """Say whether a number as written is a value, rounded to the digits that are written."""
    if value is None or isinstance(value, bool):
        return False
    if isinstance(value, str):
        return number in re.findall(r"\d+(?:[.,]\d+)*", value)
    bare = number.replace(",", "").replace(" ", "").rstrip(".")
    try:
        written, held = Decimal(bare), Decimal(str(value))
        digits = max(0, -int(written.as_tuple().exponent))
        return round(held, digits) == written and (
            digits > 0 or abs(held - written) < Decimal("0.5")
        )
    except (InvalidOperation, ValueError):
        return False
