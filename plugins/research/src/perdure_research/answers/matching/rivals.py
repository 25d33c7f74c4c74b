# ruff: noqa: RUF001 -- letters of many scripts are meant here
"""Whether a statement is about something else than what a question names."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from perdure_research.answers.language.dates import is_date_word
from perdure_research.answers.language.numbers import years_in
from perdure_research.answers.language.tokens import tokens_of
from perdure_research.answers.matching.names import subject_names
from perdure_research.answers.matching.scopes import BEFORE, HERE, UNDER
from perdure_research.answers.questions.question import Question
from perdure_research.answers.statements import Statement

_YEAR: Final = re.compile(r"1[0-9]\d\d|20\d\d")
# What begins with these speaks of something that was named before.
_REFERS: Final = re.compile(
    r"""["'(]*(?:It|Its|He|His|She|Her|They|Their|This|These|That|Those|The|Er|Sie|Es|Sein|Ihr"""
    r"|Der|Die|Das|Il|Elle|Ils|Elles|Le|La|Les|Son|Sa|Él|Ella|El|Su|Он|Она|Оно|Они|Его|Её)\b"
)
_TOWARDS: Final = frozenset(
    [
        "to",
        "near",
        "from",
        "into",
        "towards",
        "beside",
        "behind",
        "after",
        "before",
        "off",
        "nach",
        "bei",
    ]
)
# "It was made at Acme" tells of what "it" is, and not of Acme.
_WITHIN: Final = frozenset(["at", "in", "for", "with", "bei", "im"])
_PRONOUN: Final = re.compile(r"(?:He|She|It|They|Er|Sie|Es|Il|Elle|Él|Ella|Он|Она)\b")
_ITS: Final = re.compile(r"(?:It|Its|They|Their|Es|Elle|Il|Sie)\b")


def is_of_another(
    question: Question, statement: Statement, places: Mapping[str, int], proper: frozenset[str]
) -> bool:
    """Say whether a statement is about another name than the one that is asked about.

    Args:
        question: The question.
        statement: The statement.
        places: Where each word of the question is, as in :mod:`.scopes`.
        proper: Words that the sources always write with a capital letter.
    """
    named = [term for term in question.terms if term.is_name and not term.key.isdigit()]
    if not named:
        return False
    if any(places[term.text] == HERE for term in named):
        return _is_beside_the_way(question, statement)
    if statement.shape == "row":
        return _is_beside(question, statement)
    # In German every noun has a capital letter.
    asks_name = question.language == "de" or (
        question.kind in {"person", "thing", "list"} and not question.units
    )
    if statement.shape not in {"sentence", "item"}:
        return False
    if asks_name:
        named = [term for term in named if not is_date_word(term.key)]
        before = question.kind == "person" and any(places[one.text] == BEFORE for one in named)
        return before and _is_only_mentioned(question, statement)
    far = all(places[term.text] >= BEFORE for term in named)
    near = any(places[term.text] == BEFORE for term in named)
    return _begins_with_another(question, _chain(question, statement, far, near), proper)


def _is_only_mentioned(question: Question, statement: Statement) -> bool:
    """Say whether the sentences before are about others, and a statement leans on none of them.

    Where a name is asked for, what follows a mere mention may be of anybody.
    """
    if _REFERS.match(statement.text):
        return False
    naming = [one for one in statement.before if _speaks_of(set(question.keys), one)]
    about = [set(subject_names(one.tokens, one.words, frozenset())) for one in naming]
    return not any(set(name) & names for name in question.names for names in about)


def _chain(question: Question, statement: Statement, far: bool, near: bool) -> Sequence[Statement]:
    """Return the sentences that tell what a statement is about, itself first.

    Args:
        question: The question.
        statement: The statement.
        far: Whether the names of the question are only before it, or in its source's title.
        near: Whether one of them is in the sentences before it.
    """
    if far and _REFERS.match(statement.text):
        return [statement, *statement.before]
    if far and near:
        naming = [one for one in statement.before if _speaks_of(set(question.keys), one)]
        return [statement, *naming[:1]]
    return [statement]


def _is_called(question: Question, names: Sequence[str]) -> bool:
    """Say whether a name is one of those that are asked about, or a part of it."""
    called = set(names)
    return bool(called) and any(
        called <= set(name) or set(name) <= called for name in question.names
    )


def _speaks_of(asked: set[str], one: Statement) -> bool:
    return bool(asked & {token.key for token in one.tokens if token.is_capitalised})


def _is_beside_the_way(question: Question, statement: Statement) -> bool:
    """Say whether a name only says where something else is: "The Vesper runs to the Senn"."""
    is_fact = question.kind in {"figure", "date"} or bool(question.units)
    leans = question.kind == "person" and _PRONOUN.match(statement.text) is not None
    towards = _TOWARDS | _WITHIN if leans else _TOWARDS
    is_fact = is_fact or leans
    if statement.shape != "sentence" or not is_fact:
        return False
    asked = {key for name in question.names for key in name}
    if asked & {token.key for token in tokens_of(f"{statement.around} {statement.subject}")}:
        return False
    others = False
    for at, token in enumerate(statement.tokens):
        if not token.is_capitalised or not token.start:
            continue
        if token.key not in asked:
            others = others or not is_date_word(token.key)
            continue
        before = [one.key for one in statement.tokens[max(0, at - 3) : at] if one.key not in asked]
        if not towards & set(before[-2:]):
            return False
    return others


def _is_beside(question: Question, statement: Statement) -> bool:
    """Say whether another row of the same table is called what is asked about."""
    others = {token.key for token in tokens_of(statement.beside)}
    names = [name for name in question.names if not all(map(str.isdigit, name))]
    return any(set(name) <= others for name in names)


def _begins_with_another(
    question: Question, chain: Sequence[Statement], proper: frozenset[str]
) -> bool:
    """Say whether a sentence, or the nearest before it that has a name, begins with another one."""
    asked = set(question.keys)
    common = {term.key for term in question.terms if not term.is_name}
    for one in chain:
        names = [key for key in subject_names(one.tokens, one.words, proper) if key not in common]
        if _is_called(question, names):
            return False
        # "He was the brother of Marit Olsen" is about another man.
        speaks = _speaks_of(asked, one) and not _PRONOUN.match(one.text)
        # "Lena Ort founded Acme. It has …": a person is no "it".
        if names and not (speaks and len(names) > 1 and _ITS.match(chain[0].text)):
            return True
        if speaks:
            return False
    return False


def is_of_another_year(question: Question, statement: Statement, places: Mapping[str, int]) -> bool:
    """Say whether a statement speaks of another year than the one that is asked about."""
    years = [term for term in question.terms if term.is_name and _YEAR.fullmatch(term.key)]
    if not years or any(places[term.text] <= UNDER for term in years):
        return False
    return bool(years_in(statement.tokens, statement.words))
