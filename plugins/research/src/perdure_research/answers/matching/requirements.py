# ruff: noqa: RUF001 -- letters and marks of many scripts are meant here
"""What an answer has to have: the words of the question, where they tell of what is asked."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from perdure_research.answers.language.stems import stem
from perdure_research.answers.language.tokens import plain
from perdure_research.answers.matching.figures import counts, figures_in
from perdure_research.answers.matching.fit import gives_reason
from perdure_research.answers.matching.scopes import BEFORE, HERE, NOWHERE, SUBJECT, UNDER, stems_in
from perdure_research.answers.questions.nouns import TAKES_IN
from perdure_research.answers.questions.question import Question, Term
from perdure_research.answers.statements import Statement

# Kinds of unit that tell alone what was measured; a length may be a height or a distance.
_TELLING: Final = frozenset(
    [
        "money",
        "time",
        "temperature",
        "speed",
        "sound",
        "share",
        "mass",
        "area",
        "data",
        "volume",
        "extent",
    ]
)
# Of what has a size any figure of it tells.
_SIZES: Final = frozenset(["big", "large", "size", "gross", "groesse"])
_LIFE: Final = re.compile(r"\(\s*\*?\s*\d{4}\s*[–-]\s*†?\s*\d{4}\s*\)")
# How many words the words of a question may be apart, and how many of them are too few to tell.
_WINDOW: Final = 25
_FEW: Final = 2
_SENTENCE: Final = 4
_LEANS: Final = re.compile(r"(?:It|They|He|She|This|That|These)\b")
_DID_SO: Final = re.compile(r"\b(?:do|does|did|done|doing) (?:so|it|this|that)\b", re.IGNORECASE)
_OF: Final = 5
# Kinds of question that one thing answers, and which part of the words has to be said of it.
_FACTS: Final = frozenset(["person", "figure", "date", "place", "yes-no"])
_PART: Final = 4

# Verbs that a table's row goes without: it has the times or figures under the names of columns.
_LEFT_OUT_IN_TABLES: Final = frozenset(
    """
    leave depart arrive start stop go run play score get receive earn reach call
    """.split()  # noqa: SIM905 -- words
)
_BARE: Final = re.compile(r"[-+]?\d[\d.,\s]*(?:thousand|million|billion)?")


def is_there(
    term: Term, places: Mapping[str, int], question: Question, statement: Statement
) -> bool:
    """Say whether a term is where an answer must have it."""
    place = places[term.text]
    others = [one for one in question.core if not one.is_measure]
    if term.is_measure and place > UNDER and any(places[one.text] <= UNDER for one in others):
        return _is_measured(question, statement, any(places[one.text] == HERE for one in others))
    if place == NOWHERE and term.stem in {"ingredi", "ingredient"}:
        return statement.shape == "list" and _is_of_quantities(statement)
    if place == NOWHERE and statement.shape == "row" and term.key in _LEFT_OUT_IN_TABLES:
        return True
    if place == NOWHERE and term.stem in {"birth", "bear", "born", "die", "death"}:
        return _LIFE.search(statement.words) is not None
    return place != NOWHERE


def _is_measured(question: Question, statement: Statement, is_here: bool) -> bool:
    """Say whether the figures of a statement are of what is measured, by their unit alone."""
    units = {figure.kind for figure in figures_in(question, statement)}
    size = any(term.is_measure and term.key in _SIZES for term in question.terms)
    if units & question.units and ((is_here and size) or _is_of_figure(question, statement)):
        return True
    if units & question.units & _TELLING or ("far" in question.keys and "length" in units):
        return True
    # A row that is called what is asked about needs no word, and may leave the unit to its table.
    if not is_here or statement.shape not in {"row", "record"}:
        return False
    cells, columns = statement.cells[1:], statement.columns[1:]
    by_period = columns and all(any(map(str.isdigit, name)) for name in columns)
    is_bare = any(_BARE.fullmatch(cell) for cell in cells) and (by_period or len(cells) == 1)
    return bool(units & question.units) or bool(is_bare)


def _is_of_figure(question: Question, statement: Statement) -> bool:
    """Say whether a figure stands behind what is asked about: "ships of up to 180 metres"."""
    wanted = {stem_ for term in question.core for stem_ in (term.stem, *term.others)}
    for figure in figures_in(question, statement):
        before = statement.tokens[max(0, figure.first - _OF) : figure.first]
        for at, token in enumerate(before):
            noun = stem(before[at - 1].key, question.language) if at else ""
            if token.key == "of" and noun in wanted:
                return True
    return False


def _is_of_quantities(statement: Statement) -> bool:
    lines = [line for line in statement.text.splitlines() if line.strip()]
    measured = [line for line in lines if re.match(r"\W*\d", line)]
    return len(measured) >= max(2, 0.6 * len(lines))


def says_something(question: Question, places: Mapping[str, int], statement: Statement) -> bool:
    """Say whether the statement itself has to do with what is asked of the things named.

    What only its title or the sentences before it speak of, it says nothing of.
    """
    if question.kind == "definition":
        return True
    telling = [term for term in question.core if not term.is_name and not term.is_subject]
    if not telling and question.counted and TAKES_IN & set(question.keys):
        return counts(question, statement)
    if not telling:
        return any(places[term.text] <= UNDER for term in question.core)
    near = [
        term
        for term in telling
        if places[term.text] <= UNDER
        or (term.is_measure and is_there(term, places, question, statement))
        or (places[term.text] == NOWHERE and is_there(term, places, question, statement))
    ]
    if len(near) < max(1, math.ceil(len(telling) / 2)) and not _is_on_subject(
        question, telling, places, statement
    ):
        return False
    return (
        any(_is_said_here(term, places, question, statement) for term in question.terms)
        or _stands_for_before(question, places, statement)
        or (question.kind == "reason" and gives_reason(statement))
        or (bool(question.counted) and counts(question, statement))
        or all(term.is_measure for term in telling)
        or _answers_heading(statement)
        or _is_told_by_heading(question, places, statement)
    )


def _is_on_subject(
    question: Question, telling: Sequence[Term], places: Mapping[str, int], statement: Statement
) -> bool:
    """Say whether a statement says one thing of what its source or the sentences before name."""
    said = [term for term in telling if _is_said_here(term, places, question, statement)]
    if question.kind == "reason":
        # Of the bakery, of which it is said that it closes: "She gives up because …".
        return gives_reason(statement) and all(places[term.text] <= SUBJECT for term in telling)
    if _stands_for_before(question, places, statement):
        return all(places[term.text] <= BEFORE for term in telling)
    return (
        question.kind in _FACTS
        and (
            len(said) >= len(telling) / _PART
            or (bool(question.counted) and counts(question, statement))
        )
        and all(places[term.text] <= SUBJECT for term in telling)
    )


def _stands_for_before(question: Question, places: Mapping[str, int], statement: Statement) -> bool:
    """Say whether a statement only adds to the one before it: "She did so in 1904"."""
    if question.kind not in _FACTS or not _LEANS.match(statement.words):
        return False
    light = [term for term in question.terms if term.is_light and not term.is_name]
    return _DID_SO.search(statement.words) is not None or (
        bool(light) and all(places[term.text] == HERE for term in light)
    )


def is_title(statement: Statement) -> bool:
    """Say whether a statement is a line of a few words, and no sentence."""
    ends = statement.text.rstrip().endswith((".", "!", "…", ")"))
    return statement.shape == "sentence" and len(statement.tokens) < _SENTENCE and not ends


def is_together(question: Question, places: Mapping[str, int], statement: Statement) -> bool:
    """Say whether the words of a question stand near each other in a long sentence."""
    if len(statement.tokens) <= _WINDOW or statement.shape not in {"sentence", "item"}:
        return True
    wanted = {
        term: {term.stem, *term.others} for term in question.core if places[term.text] == HERE
    }
    found = [
        (at, term)
        for at, token in enumerate(statement.tokens)
        for term, stems in wanted.items()
        if token.key == term.key or stem(token.key, question.language) in stems
    ]
    count = len({term for _, term in found})
    return count < _FEW or any(
        len({term for place, term in found if at <= place < at + _WINDOW}) == count
        for at, _ in found
    )


def _is_said_here(
    term: Term, places: Mapping[str, int], question: Question, statement: Statement
) -> bool:
    """Say whether a word is said in the statement, or is what a row's column is called."""
    place = places[term.text]
    if place == UNDER and statement.shape == "row":
        columns = stems_in(plain(" ".join(statement.columns)), question.language)
        return bool({term.stem, *term.others} & columns)
    if place == UNDER and statement.shape == "list":
        return True
    if place != HERE or not term.is_measure:
        return place == HERE
    # Of a word that only means the same, a time or a length may be of something else.
    units = {figure.kind for figure in figures_in(question, statement)} & question.units
    said = term.stem in stems_in(statement.words, question.language)
    return said or bool(units & _TELLING - {"time"}) or _stands_beside(term, question, statement)


def _stands_beside(term: Term, question: Question, statement: Statement) -> bool:
    """Say whether a word of the same meaning follows a figure: "87 metres above the river"."""
    wanted = {term.stem, *term.others}
    return any(
        stem(token.key, question.language) in wanted
        for figure in figures_in(question, statement)
        if figure.kind in question.units
        for token in statement.tokens[figure.last + 1 : figure.last + 2]
    )


def _is_told_by_heading(
    question: Question, places: Mapping[str, int], statement: Statement
) -> bool:
    """Say whether a paragraph tells how or why of what its heading has all the words of."""
    telling = [term for term in question.core if not term.is_name]
    return (
        question.kind in {"manner", "reason", "list"}
        and statement.position == 0
        and all(places[term.text] <= UNDER for term in telling)
    )


def speaks_of_lent(question: Question, places: dict[str, int]) -> bool:
    """Say whether a statement speaks of what the question's "it" stands for."""
    lent = [places[term.text] for term in question.terms if term.stem in question.lent]
    there = [place for place in lent if place != NOWHERE]
    return not lent or (len(there) >= len(lent) / 3 and min(there) <= UNDER)


def _answers_heading(statement: Statement) -> bool:
    """Say whether a statement stands first below a heading, or behind a sentence, that asks."""
    heading = statement.heading[-1] if statement.heading else ""
    asked = statement.before[0].asks if statement.before else False
    return asked or (heading.rstrip().endswith(("?", "？")) and statement.position == 0)
