# ruff: noqa: RUF001 -- other dashes and marks are meant here
"""Whether the figures of a sentence are those of its quotations, and of the same things there."""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from typing import Final

from perdure_research.models.evidence.clauses import (
    COMMON,
    clauses_of,
    is_in,
    terms_of,
    word_set,
)

_NUMBER: Final = re.compile(r"\d+(?:[.,:/’'\u00a0\u202f\u2009 –-]?\d+)*")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_YEAR: Final = re.compile(r"1\d{3}|20\d\d")
_LETTERS_AFTER: Final = re.compile(r"[-\s]?(?:[^\W\d_]+[-\s]*)+")
_UNIT_WORDS: Final = 2
_THOUSANDS: Final = re.compile(r"(?<=\d)[,'’\u00a0\u202f\u2009 ](?=\d{3}(?!\d))")
_PARTS: Final = re.compile(r"[-–/:]")
_SIGN: Final = re.compile(r"(?:^|(?<=[\s(|]))[-−–]\Z")
_IN_WORDS: Final = (
    ("2", "two zwei deux dos"),
    ("3", "three drei trois tres"),
    ("4", "four vier quatre cuatro"),
    ("5", "five fünf cinq cinco"),
    ("6", "six sechs seis"),
    ("7", "seven sieben sept siete"),
    ("8", "eight acht huit ocho"),
    ("9", "nine neun nueve"),
    ("10", "ten zehn dix diez"),
    ("11", "eleven elf onze"),
    ("12", "twelve zwölf douze doce"),
    ("13", "thirteen"),
    ("14", "fourteen"),
    ("15", "fifteen"),
    ("16", "sixteen"),
    ("17", "seventeen"),
    ("18", "eighteen"),
    ("19", "nineteen"),
    ("20", "twenty zwanzig vingt veinte"),
    ("30", "thirty"),
    ("40", "forty"),
    ("50", "fifty"),
    ("60", "sixty"),
    ("70", "seventy"),
    ("80", "eighty"),
    ("90", "ninety"),
)
_SPELLED: Final = {word: figure for figure, words in _IN_WORDS for word in words.split()}
_MAGNITUDES: Final = word_set(
    "hundred thousand million billion trillion dozen half twice double doubled triple tripled third"
    " quarter zero first second hundert tausend million millionen milliarde milliarden halb doppelt"
    " cent mille milliard moitié"
)
# What a column of dates is called says nothing of what its rows are about.
_PERIODS: Final = word_set(
    "year years date dates month months day days quarter period jahr datum monat année mois año"
)
_SIGNS: Final = (
    ("%", r"%|per\s?cent|percentage|prozent|pour cent|por ciento|percento"),
    ("€", r"€|\beuros?\b|\bEUR\b"),
    ("$", r"\$|\bdollars?\b|\bUSD\b"),
    ("£", r"£|\bpounds?\b|\bGBP\b|\bsterling\b"),
    ("¥", r"¥|\byen\b|\byuan\b|\bJPY\b|\bCNY\b|円|元"),
)
_LOWER: Final = r"at least|more than|over|above|exceed\w*|minimum of|mindestens|mehr als|plus de"
_UPPER: Final = (
    r"up to|at most|no more than|less than|fewer than|under|below|maximum of|nearly|almost"
    r"|höchstens|bis zu|weniger als|moins de"
)
_BOUND: Final = re.compile(
    rf"\b(?:(?P<lower>{_LOWER})|(?P<upper>{_UPPER}))(?:\W+\w+)?\W*\Z", re.IGNORECASE
)


def figure_troubles(sentence: str, said: str) -> Iterator[str]:
    """Yield what speaks against the figures of a sentence.

    Args:
        sentence: The sentence.
        said: Its quotations, one a line.
    """
    figures, known = figures_of(sentence), figures_of(said)
    for figure in sorted(figures - known):
        yield f"{figure!r} is not in its quotations"
    for sign, form in _SIGNS:
        if sign in sentence and not re.search(form, said, re.IGNORECASE):
            yield f"{sign!r} is not in its quotations"
    for figure in sorted(figures & known):
        bounds = {_bound(said, match) for match in _matches(said, figure)}
        if not bounds & {_bound(sentence, match) for match in _matches(sentence, figure)}:
            yield f"its quotations limit {figure!r} in another way"
        if _has_unit_of_another(sentence, said, figure):
            yield f"its quotations count something else by {figure!r}"
    if "respectively" not in said:
        yield from _mixed_troubles(sentence, said)
    yield from _order_troubles(sentence, said)


def is_figure(term: str) -> bool:
    """Say whether a word in lower case is a figure, such as ``seven`` or ``million``."""
    return term in _SPELLED or term in _MAGNITUDES


def figures_of(text: str) -> frozenset[str]:
    """Return the figures of a text, without thousands' marks; those in words too."""
    found = {figure for match in _NUMBER.finditer(text) for figure in _readings(text, match)}
    words = _LETTERS.findall(text.casefold())
    return frozenset(
        found
        | {_SPELLED[word] for word in words if word in _SPELLED}
        | {word for word in words if word in _MAGNITUDES}
    )


def _readings(text: str, match: re.Match[str]) -> Iterator[str]:
    """Yield what a number says: itself, and the parts of a date, a time or a range."""
    plain = _THOUSANDS.sub("", match[0])
    for piece in plain.split(" "):
        sign = "-" if _SIGN.search(text[max(match.start() - 2, 0) : match.start()]) else ""
        parts = _PARTS.split(piece)
        yield sign + piece.lstrip("0") if piece.strip("0") else piece
        if len(parts) > 1:
            yield from (part.lstrip("0") or "0" for part in parts)


def _matches(text: str, figure: str) -> Iterator[re.Match[str]]:
    for match in _NUMBER.finditer(text):
        if figure in _readings(text, match):
            yield match
    for match in _LETTERS.finditer(text):
        if figure in {match[0].casefold(), _SPELLED.get(match[0].casefold())}:
            yield match


def _bound(text: str, match: re.Match[str]) -> str:
    """Return whether a number is a ``lower`` or an ``upper`` limit; empty where it is none."""
    found = _BOUND.search(text[max(match.start() - 40, 0) : match.start()])
    return "" if found is None else str(found.lastgroup)


def _order_troubles(sentence: str, said: str) -> Iterator[str]:
    """Yield where two figures have changed places: two years, or two that are none."""
    written = [match[0] for match in _NUMBER.finditer(sentence)]
    once = [figure for figure in written if written.count(figure) == 1]
    for first, second in combinations(once, 2):
        if (_YEAR.fullmatch(first) is None) != (_YEAR.fullmatch(second) is None):
            continue
        orders = set[bool]()
        for line in said.split("\n"):
            found = [match[0] for match in _NUMBER.finditer(line)]
            if found.count(first) == 1 and found.count(second) == 1:
                orders.add(found.index(first) < found.index(second))
        if orders == {False}:
            yield f"{first!r} and {second!r} have changed places in it"


def _has_unit_of_another(sentence: str, said: str, figure: str) -> bool:
    """Say whether the word after a figure stands in the quotations by another figure only."""
    units = {
        unit for match in _matches(sentence, figure) for unit in _words_after(sentence, match)[:1]
    }
    own: set[str] = set()
    others: set[str] = set()
    for match in _NUMBER.finditer(said):
        after = _words_after(said, match)
        if figure in _readings(said, match):
            before = _LETTERS.findall(said[max(match.start() - 40, 0) : match.start()].casefold())
            own |= {*after, *before[-1:]}
        else:
            others |= set(after)
    return bool(own) and any(
        unit not in COMMON and not is_in(unit, own) and is_in(unit, others) for unit in units
    )


def _words_after(text: str, match: re.Match[str]) -> list[str]:
    """Return the words that follow a number in its clause, at most two."""
    after = _LETTERS_AFTER.match(text, match.end())
    return _LETTERS.findall(after[0].casefold())[:_UNIT_WORDS] if after else []


def _mixed_troubles(sentence: str, said: str) -> Iterator[str]:
    """Yield the figures that the quotations give of another thing: ``B has 12`` of A's row."""
    clauses = [(clause, terms_of(clause) | _letters(clause)) for clause in clauses_of(said)]
    for claimed in clauses_of(sentence):
        terms = terms_of(claimed) | _letters(claimed)
        whole = terms_of(sentence) | _letters(sentence)
        for figure in sorted(figures_of(claimed)):
            owners = [own for clause, own in clauses if figure in figures_of(clause)]
            others = [
                other
                for clause, other in clauses
                if (numbers := figures_of(clause)) and figure not in numbers
            ]
            if owners and all(_is_of_another(terms, whole, own, others) for own in owners):
                yield f"its quotations give {figure!r} of something else"


def _is_of_another(
    terms: frozenset[str],
    whole: frozenset[str],
    own: frozenset[str],
    others: Sequence[frozenset[str]],
) -> bool:
    """Say whether a clause's figure is of what the sentence leaves out, not of what it names."""
    left_out = any(not is_in(term, whole) for term in own - _PERIODS)
    return left_out and any(
        not is_in(term, own) and is_in(term, other) for term, other in product(terms, others)
    )


def _letters(text: str) -> frozenset[str]:
    """Return the single capital letters that name a thing: pump B, vitamin D."""
    return frozenset(re.findall(r"(?<![\w.'’])[B-HJ-Z](?![\w'’])|(?<=\s)A(?![\w'’])", text))
