"""Whether two statements that answer the same question say the same, or contradict each other."""

from typing import Final, Literal

from perdure_research.answers.language.function_words import is_function_word
from perdure_research.answers.language.numbers import numbers_in, years_in
from perdure_research.answers.language.stems import stem
from perdure_research.answers.matching.match import Match
from perdure_research.answers.questions.question import Question
from perdure_research.answers.statements import Statement
from perdure_research.answers.values.stance import denies
from perdure_research.answers.values.value import agree, value_of

Relation = Literal["same", "contradicts", "other"]

_ALIKE: Final = 0.6
_REPEATS: Final = 0.8


def relation(question: Question, one: Match, other: Match) -> Relation:
    """Return what a statement is to another one that answers the same question."""
    first, second = one.statement, other.statement
    again = first.words == second.words or _overlap(first, second)
    if again or first.source.id == second.source.id:
        return "same" if again or _repeats(question, first, second) else "other"
    if question.kind == "yes-no" and denies(question, first) != denies(question, second):
        return "contradicts"
    return _by_value(question, first, second) or _by_words(question, first, second)


def _by_value(question: Question, first: Statement, second: Statement) -> Relation | None:
    one, other = value_of(question, first), value_of(question, second)
    agreed = None if one is None or other is None else agree(one, other)
    if agreed is None:
        return None
    if agreed:
        return "same"
    apart = question.kind != "date" and _of_different_years(first, second)
    return "other" if apart else "contradicts"


def _by_words(question: Question, first: Statement, second: Statement) -> Relation:
    if _difference(question, first, second):
        return "contradicts"
    return "same" if _repeats(question, first, second) else "other"


def repeats(question: Question, one: Match, other: Match) -> bool:
    """Say whether a statement only says again, in nearly the same words, what another says."""
    first, second = one.statement, other.statement
    return (
        first.words == second.words
        or _overlap(first, second)
        or (_repeats(question, first, second) and not _difference(question, first, second))
    )


def _overlap(first: Statement, second: Statement) -> bool:
    same = first.source.id == second.source.id
    return same and first.start < second.end and second.start < first.end


def _of_different_years(first: Statement, second: Statement) -> bool:
    one, other = (years_in(some.tokens, some.words) for some in (first, second))
    return bool(one and other) and not one & other


def _content(question: Question, statement: Statement) -> set[str]:
    return {
        stem(token.key, question.language)
        for token in statement.tokens
        if not is_function_word(token.key, question.language)
    }


def _repeats(question: Question, first: Statement, second: Statement) -> bool:
    one, other = _content(question, first), _content(question, second)
    common = len(one & other)
    return bool(common) and common >= _REPEATS * min(len(one), len(other))


def _difference(question: Question, first: Statement, second: Statement) -> bool:
    """Say whether two sentences are alike but for a figure, a name, or a "not"."""
    one, other = _content(question, first), _content(question, second)
    common = len(one & other)
    if common < 2 or common < _ALIKE * min(len(one), len(other)):
        return False
    if {first.shape, second.shape} & {"row", "list"}:
        return False
    if denies(question, first) != denies(question, second):
        return True
    if question.kind != "date" and _of_different_years(first, second):
        return False
    if question.kind in {"place", "person", "thing"} and _names_differ(question, first, second):
        return True
    figures = [
        {
            (number.kind, number.value)
            for number in numbers_in(statement.tokens, statement.words)
            if not number.is_year
        }
        for statement in (first, second)
    ]
    kinds = [{kind for kind, _ in some} for some in figures]
    return (
        bool(figures[0] and figures[1])
        and not figures[0] & figures[1]
        and bool(kinds[0] & kinds[1])
        and common >= _REPEATS * min(len(one), len(other)) - 1
    )


def _names_differ(question: Question, first: Statement, second: Statement) -> bool:
    """Say whether each of two sentences has a name in place of one in the other."""
    names = [
        {
            token.key
            for token in statement.tokens
            if token.is_capitalised
            and token.start
            and token.key not in question.keys
            and not is_function_word(token.key, question.language)
        }
        for statement in (first, second)
    ]
    others = [
        {token.key for token in statement.tokens} - some - names[0] - names[1]
        for statement, some in zip((first, second), names, strict=True)
    ]
    return (
        bool(names[0] and names[1])
        and not names[0] & names[1]
        and len(others[0] & others[1]) > 0.85 * max(len(others[0]), len(others[1]))
    )
