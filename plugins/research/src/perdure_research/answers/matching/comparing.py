# ruff: noqa: RUF001 -- letters and marks of many scripts are meant here
"""Comparing a question with what sources state, in languages with spaces between words."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from perdure_research.answers.language.dates import is_date_word
from perdure_research.answers.language.numbers import years_in
from perdure_research.answers.language.stems import stem
from perdure_research.answers.matching.fit import defines, fits, gives_reason
from perdure_research.answers.matching.match import Match
from perdure_research.answers.matching.naming import names_in_scopes
from perdure_research.answers.matching.requirements import (
    is_there,
    is_title,
    is_together,
    says_something,
    speaks_of_lent,
)
from perdure_research.answers.matching.rivals import is_of_another, is_of_another_year
from perdure_research.answers.matching.scopes import (
    BEFORE,
    EARLIER,
    HERE,
    NOWHERE,
    SUBJECT,
    UNDER,
    Scopes,
    stems_in,
)
from perdure_research.answers.questions.question import OPEN_KINDS, Question, Term
from perdure_research.answers.statements import Statement

_NEARNESS: Final = (1.0, 0.9, 0.75, 0.6, 0.5, 0.0)
_OTHER_WORD: Final = 0.95
_LIGHT: Final = 0.3
_NAME: Final = 1.5
_SHAPES: Final = {
    "sentence": 1.0,
    "item": 0.93,
    "list": 0.9,
    "record": 0.93,
    "row": 0.9,
    "code": 0.25,
}
_CHANGE: Final = 0.45
_SAYS_YES_OR_NO: Final = re.compile(
    r"\W*(?:yes|no|ja|nein|oui|non|sí|да|нет)[.,;:!]", re.IGNORECASE
)
_YEAR: Final = re.compile(r"(?:1[0-9]|20)\d\d")
_YEAR_BEFORE: Final = re.compile(
    r"\b(?:year before|(?:previous|preceding|prior) year|year earlier|last year|Vorjahr\w*"
    r"|ann[ée]e pr[ée]c[ée]dente|a[ñn]o anterior)\b",
    re.IGNORECASE,
)
_ENUMERATION: Final = re.compile(r"[,;]\s.*(?:[,;]\s|\b(?:and|or|und|oder|et|ou|y|o)\b)")
_ONE_OF_SEVERAL: Final = 0.93
_FRAGMENT: Final = 0.85
_ENDS: Final = (".", "!", "?", "…", ":", ";", "。", "！", "？", "।", "؟")
_EXTENDED: Final = 0.7
_LONG: Final = 45
_LEANING: Final = re.compile(
    r"""["'(]*(?:(?:It|They|He|She|This|That|These|Those|Such|Both|Its|Their|His|Her|There|Here)\b"""
    r"""|(?:However|But|So|Therefore|Instead|Otherwise|Also|And|Then|Thus|Hence|Yet|Yes|No)\b"""
    r"|(?:Er|Sie|Es|Dies\w*|Diese\w*|Sein\w*|Ihr\w*|Dort|Dabei|Aber|Doch|Nein|Ja)\b"
    r"|(?:Il|Elle|Ils|Elles|Cela|Ce|Cette|Ces|Mais|Sa|Son|Ses)\b"
    r"|(?:Él|Ella|Ellos|Esto|Esta|Este|Su|Sus|Pero|Se)\b"
    r"|(?:Он|Она|Оно|Они|Это|Его|Её|Их)\b)"
)


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is known of all the statements together.

    Attributes:
        proper: Words that are always written with a capital letter, also within sentences.
        weights: How much each stem of the question tells; what is everywhere tells little.
    """

    proper: frozenset[str]
    weights: Mapping[str, float]


def corpus_of(question: Question, statements: list[Statement]) -> Corpus:
    """Return what all the statements tell together."""
    tokens = [token for one in statements for token in one.tokens]
    proper = {token.key for token in tokens if token.is_capitalised and token.start}
    proper -= {token.key for token in tokens if not token.is_capitalised}
    weights = {}
    for term in question.terms:
        holding = sum(
            not {term.stem, *term.others}.isdisjoint(stems_in(one.words, question.language))
            for one in statements
        )
        weight = math.log(2 + len(statements) / (1 + holding))
        weights[term.text] = weight * (_LIGHT if term.is_light else _NAME if term.is_name else 1.0)
    return Corpus(frozenset(proper), weights)


def compare(question: Question, statement: Statement, corpus: Corpus) -> Match | None:
    """Return how a statement answers; ``None`` where it has nothing to do with the question."""
    scopes = Scopes(statement, question.language)
    places = {term.text: _place(term, scopes) for term in question.terms}
    if all(place in {SUBJECT, EARLIER, NOWHERE} for place in places.values()):
        return None
    named, exact, extended = names_in_scopes(question, scopes, places)
    missing = [
        term.text for term in question.core if not is_there(term, places, question, statement)
    ]
    known = {word.casefold() for word in missing}
    if len(missing) == 1 and _is_reason(question, places, statement):
        missing = []
    missing += [" ".join(name) for name in named if not known.intersection(name)]
    whole = sum(corpus.weights.values()) or 1.0
    share = (
        sum(
            corpus.weights[term.text] * _nearness(term, places, question, statement)
            for term in question.terms
        )
        / whole
    )
    counted_light = any(term.is_light and term.stem == question.counted for term in question.terms)
    is_answer = (
        not missing
        and not statement.asks
        and not statement.text.rstrip().endswith((":", "："))
        and not is_title(statement)
        and fits(question, statement, counted_light=counted_light)
        and says_something(question, places, statement)
        and is_together(question, places, statement)
        and speaks_of_lent(question, places)
        and not is_of_another(question, statement, places, corpus.proper)
        and not is_of_another_year(question, statement, places)
    )
    context = _context(question, scopes, places)
    score = share * _form(question, statement) + _likeness(question, statement)
    if extended:
        score *= _EXTENDED
    return Match(
        statement=statement,
        score=score,
        found=frozenset(text for text, place in places.items() if place != NOWHERE),
        missing=tuple(dict.fromkeys(missing)),
        is_answer=is_answer,
        is_exact=exact,
        is_named=bool(question.names) and not named,
        context=context,
        share=share,
        here=sum(places[term.text] == HERE for term in question.core),
    )


def _place(term: Term, scopes: Scopes) -> int:
    if not term.is_name:
        return scopes.place_of(term)
    if _YEAR.fullmatch(term.key) and _is_year_before(term.key, scopes.statement):
        return HERE
    if is_date_word(term.key) and not term.key.isdigit():
        return scopes.place_of(replace(term, stem=stem(term.key, scopes.language)))
    for scope, tokens in enumerate(scopes.tokens):
        for token in tokens:
            if token.text == term.text if term.is_exact else token.key == term.key:
                return scope
            if token.key in term.others and token.text.isupper():
                return scope
    return NOWHERE


def _is_reason(question: Question, places: Mapping[str, int], statement: Statement) -> bool:
    """Say whether a statement gives a reason, and has most of what it is asked for."""
    telling = [term for term in question.core if not term.is_name and not term.is_subject]
    said = sum(places[term.text] == HERE for term in telling)
    return (
        question.kind == "reason"
        and gives_reason(statement)
        and said >= max(2, math.ceil(len(telling) / 2))
    )


def _is_year_before(year: str, statement: Statement) -> bool:
    """Say whether a statement speaks of a year as the one before another: "298 the year before"."""
    if _YEAR_BEFORE.search(statement.words) is None:
        return False
    return str(int(year) + 1) in years_in(statement.tokens, statement.words)


def _nearness(
    term: Term, places: Mapping[str, int], question: Question, statement: Statement
) -> float:
    place = places[term.text]
    if (
        place == HERE
        and not term.is_name
        and term.stem not in stems_in(statement.words, question.language)
    ):
        return _OTHER_WORD
    if term.is_measure and place > UNDER and is_there(term, places, question, statement):
        return 0.9
    return _NEARNESS[place]


def _context(question: Question, scopes: Scopes, places: dict[str, int]) -> int:
    """Return how many sentences before a statement have to be quoted with it."""
    statement = scopes.statement
    if not statement.before:
        return 0
    words = [
        term.key if term.is_name else term.stem
        for term in question.terms
        if places[term.text] == BEFORE and not term.is_light
    ]
    within = [one for one in statement.before if one.position < statement.position]
    count = min(scopes.context_of(words) if words else 0, len(within))
    if _LEANING.match(statement.text) and within:
        count = max(count, 1)
        named = [term.key for term in question.terms if term.is_name]
        for at, earlier in enumerate(within, 1):
            if any(token.key in named for token in earlier.tokens):
                count = max(count, at)
                break
    return count


def _form(question: Question, statement: Statement) -> float:
    """Return how well what it is suits an answer: prose better than code and lists of changes."""
    form = _SHAPES[statement.shape]
    if question.kind == "list":
        form = {"list": 1.0, "item": 0.75}.get(statement.shape, form)
        if statement.shape == "sentence" and _ENUMERATION.search(statement.words) is None:
            form *= _ONE_OF_SEVERAL
    elif statement.shape == "list":
        form *= 0.75
    if statement.is_change and not question.asks_changes:
        form *= _CHANGE
    if statement.asks:
        form *= 0.5
    if question.kind == "reason" and gives_reason(statement):
        form *= 1.2
    if question.kind == "definition" and defines(question, statement):
        form *= 1.2
    if question.kind == "yes-no" and _SAYS_YES_OR_NO.match(statement.words):
        form *= 1.2
    if statement.shape == "row" and statement.cells[0] in _ranks(question):
        form *= 1.3
    words = len(statement.tokens)
    if statement.shape == "sentence" and not statement.text.rstrip("\"'”’»)]*_").endswith(_ENDS):
        form *= _FRAGMENT
    if words > _LONG:
        form *= max(0.6, 1 - (words - _LONG) / 300)
    return form


def _ranks(question: Question) -> set[str]:
    """Return the figures of the place that is asked for: 1 of who won."""
    return {one for term in question.core for one in term.others if one.isdigit()}


def _likeness(question: Question, statement: Statement) -> float:
    """Return up to 0.15 for words that follow each other as in the question."""
    asked, said = question.keys, [token.key for token in statement.tokens]
    pairs = set(pairwise(asked))
    if not pairs:
        return 0.0
    shared = pairs & set(pairwise(said))
    return 0.15 * len(shared) / len(pairs)


def answers_openly(question: Question, match: Match) -> bool:
    """Say whether a statement that lacks something may stand in an answer of several sentences."""
    if question.kind not in OPEN_KINDS:
        return False
    lacking = set(match.missing)
    named = {term.text for term in question.terms if term.is_name}
    return (
        not lacking & named
        and match.share >= 0.4
        and match.here > 0
        and len(match.found) >= min(2, len(question.terms))
        and not match.statement.asks
    )
