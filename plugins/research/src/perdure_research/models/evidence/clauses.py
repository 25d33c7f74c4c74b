# ruff: noqa: RUF001 -- signs of other scripts are meant here
"""The clauses of a sentence, and the words by which two clauses can be compared."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from perdure_research.answers.question import forms_of

_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)
_UNSPACED_RUN: Final = re.compile(f"[{_UNSPACED}]+")
_WORD: Final = re.compile(r"[^\W\d_][\w'’]*")
_ELIDED: Final = re.compile(r"\b(?:[cdjlmnst]|qu|dell|all|un)'(?=\w)")
_STEM: Final = 5
_SHORTEST_STEM: Final = 3
_COMMA: Final = r"[;:。；：|\n]|[,，、](?!\d)|\s[-–—]\s|[.!?！？]\s|—"
# Where a new statement begins, so that a "not" before it says nothing of what follows.
_STATEMENT: Final = re.compile(
    r"[;|。；\n]|[.!?！？]\s|\s[-–—]\s|—"
    r"|[,，]\s+(?:but|and|while|whereas|although|though|which|who|yet|so|aber|während|und|mais|et)\b"
    r"|\s(?:but|whereas|although|aber|mais)\s"
    r"|\sand\s(?=(?:it|they|he|she|we|is|are|was|were|has|have|had|does|do|did|will|can)\b)",
    re.IGNORECASE,
)
_CLAUSE: Final = re.compile(rf"{_COMMA}|\b(?:and|while|but|whereas|und|et|y|mais|aber)\b")


def word_set(words: str) -> frozenset[str]:
    """Return words that blanks divide."""
    return frozenset(words.split())


# Words that say nothing of what a sentence is about.
COMMON: Final = word_set(
    """
    a about all also an and any are as at be been being both but by can could did do does done
    each either every for from further had has have having he her here hers him his how however i
    if in into is it its itself just let many may me might more most much must my no nor not now
    of off on once one only onto or other our out own per same shall she should so some still such
    than that the their theirs them then there these they this those through thus to too towards
    up upon us very was we were what when where which while who whom whose why will with within
    would yet you your according among although because despite overall together though throughout
    toward als am auch auf aus bei bis das dass dem den der des die doch durch ein eine einem
    einen einer eines er es für hat haben ich ihr im ist kein keine mit nach nicht noch nur oder
    sein seine sich sie sind um und uns unter vom von vor war waren wenn werden wie wir wird wurde
    wurden zu zum zur über au aux avec ce ces cette dans de du elle elles en est et été il ils la
    le les leur leurs mais ne nous ou où par pas plus pour qu que qui sa se ses son sont sur un
    une vous con del el lo los las para por su sus y
    """
)


def terms_of(text: str) -> frozenset[str]:
    """Return the words of a text that say what it is about, in lower case.

    Of scripts that put no blanks between words, these are the pairs of letters.
    """
    return frozenset(terms_in_order(text))


def terms_in_order(text: str) -> list[str]:
    """Return the same words in their order, each once; the pairs of letters follow."""
    folded = _ELIDED.sub(" ", text.casefold().replace("’", "'"))
    pairs = [
        run[place : place + 2]
        for run in _UNSPACED_RUN.findall(folded)
        for place in range(len(run) - 1)
    ]
    found = _WORD.findall(_UNSPACED_RUN.sub(" ", folded))
    words = [word.removesuffix("'s").strip("'") for word in found if not word.endswith("n't")]
    telling = [word for word in words if len(word) > 1 and word not in COMMON]
    return list(dict.fromkeys([*telling, *pairs]))


def is_pair(term: str) -> bool:
    """Say whether a term is a pair of letters of a script that puts no blanks between words."""
    return _UNSPACED_RUN.match(term) is not None


def is_in(term: str, terms: Iterable[str]) -> bool:
    """Say whether a term is among others, in whatever form of the same word."""
    if is_pair(term):
        return term in terms
    forms = (term, *forms_of(term))
    return any(_is_same(form, other) for form in forms for other in terms)


def _is_same(one: str, other: str) -> bool:
    if one == other:
        return True
    shorter, longer = sorted((one, other), key=len)
    stem = shorter if len(shorter) <= _STEM else shorter[: max(_STEM, len(shorter) - 3)]
    return len(stem) >= _SHORTEST_STEM and len(longer) - len(stem) <= 4 and longer.startswith(stem)


def clauses_of(text: str) -> Iterator[str]:
    """Yield the clauses of a text, the lines of a table among them."""
    yield from filter(None, (piece.strip() for piece in _CLAUSE.split(text)))


def statements_of(text: str) -> Iterator[str]:
    """Yield the parts of a text that each say yes or no for themselves."""
    yield from filter(None, (piece.strip() for piece in _STATEMENT.split(text)))


def shared(one: Iterable[str], others: Iterable[str]) -> int:
    """Return how many of some terms are among others, by their stems."""
    known = list(others)
    return sum(is_in(term, known) for term in one)
