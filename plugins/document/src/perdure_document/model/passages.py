"""The passages of a document that a model is given: the whole, or what speaks of what is wanted."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from perdure_document.facts import Document, Fact, Place
from perdure_document.fields.lines import lines_of
from perdure_document.report.page import place_in_words
from perdure_document.words import terms_of

MOST_CHARACTERS: Final = 24_000
_LONGEST_UNIT: Final = 2_000
_OPENING: Final = 20
_NEIGHBOUR_SHARE: Final = 0.4


class Passages(Fact):
    """Text of a document for a model.

    Attributes:
        text: The text, row by row; ``…`` where some was left out.
        whole: Whether it is the whole document.
    """

    text: str
    whole: bool


class _Unit(NamedTuple):
    """A line of text, or a row of a table."""

    text: str
    place: Place


def choose_passages(
    document: Document, words: Sequence[str], most: int = MOST_CHARACTERS
) -> Passages:
    """Choose what a model is given to read, in the document's order.

    Args:
        document: The document.
        words: What is looked for: rows that hold rarer ones of them come first, with the rows
            beside them.
        most: How many characters it may be.
    """
    units = list(_units(document))
    whole = "\n".join(_with_places(units, range(len(units))))
    if len(whole) <= most:
        return Passages(text=whole, whole=True)
    scores = _scores(units, frozenset(word.casefold() for word in words))
    chosen: set[int] = set()
    length = 0
    for number in sorted(range(len(units)), key=lambda number: (-scores[number], number)):
        # The place and the mark of what is left out take some room too.
        size = len(units[number].text) + 60
        if length + size <= most:
            chosen.add(number)
            length += size
    return Passages(text="\n".join(_with_places(units, sorted(chosen))), whole=False)


def between_marks(passages: Passages) -> str:
    """Return passages between two marks that the text cannot hold, as they hold its digest."""
    mark = hashlib.sha256(passages.text.encode("utf-8", "replace")).hexdigest()[:12]
    extent = "whole" if passages.whole else "in extracts"
    return (
        f"The document, {extent}, between two marks:\n"
        f"<<<document {mark}\n{passages.text}\ndocument {mark}>>>"
    )


def _units(document: Document) -> Iterator[_Unit]:
    row: list[str] = []
    last = (-1, -1)
    place = Place()
    for line in lines_of(document):
        if row and (line.block, line.row) != last:
            yield _Unit(" | ".join(row), place)
            row = []
        last, place = (line.block, line.row), line.place
        text = " ".join(line.text.split())[:_LONGEST_UNIT]
        if line.is_cell:
            row.append(text)
        elif text:
            yield _Unit(text, place)
    if row:
        yield _Unit(" | ".join(row), place)


def _scores(units: Sequence[_Unit], wanted: frozenset[str]) -> list[float]:
    terms = [wanted.intersection(terms_of(unit.text)) for unit in units]
    seen = Counter(term for found in terms for term in found)
    own = [
        math.fsum(math.log1p(len(units) / seen[term]) for term in sorted(found))
        + (0.5 if any(map(str.isdigit, unit.text)) and found else 0.0)
        for found, unit in zip(terms, units, strict=True)
    ]
    scores = list(own)
    for number, score in enumerate(own):
        for beside in (number - 1, number + 1):
            if 0 <= beside < len(units):
                scores[beside] = max(scores[beside], _NEIGHBOUR_SHARE * score)
    for number in range(min(_OPENING, len(units))):
        scores[number] += 1.0
    return scores


def _with_places(units: Sequence[_Unit], numbers: Sequence[int]) -> Iterator[str]:
    before, place = -1, ""
    for number in numbers:
        if number != before + 1:
            yield "…"
        unit = units[number]
        where = place_in_words(unit.place.model_copy(update={"heading": None}))
        if where and where != place:
            place = where
            yield f"[{where}]"
        yield unit.text
        before = number
