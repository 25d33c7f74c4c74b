"""Choosing the sentences that say most of what a document is about, word for word."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from perdure_document.facts import Document, Fact, KeySentence, Place
from perdure_document.formatting import counted
from perdure_document.summary.common_words import COMMON
from perdure_document.words import reading_length, terms_of
from perdure_document.writing.structure import count, placed

MOST: Final = 4
_CHARACTERS: Final = 700
_SHORTEST, _LONGEST = 5, 60
_TELLING: Final = 30
_CONSIDERED: Final = 5000
_END: Final = re.compile(
    r"(?<=[.!?…\u061f\u06d4।॥\u1362\u1367\u1368\u0589\u104b\u17d4])[\"'\u201d\u2019\xbb)\]]*\s+(?=[\"'\u201c\u2018\xab(\[]*[^\Wa-z_])"
    # Chinese and Japanese put no blank after a sentence; Thai puts nothing else.
    r"|(?<=[。\uff0e\uff01\uff1f｡])[\"'\u201d\u2019\u300d\u300f\uff09\u3011]*\s*(?=\S)"
    r"|(?<=[\u0e00-\u0e7f])\s+(?=[\u0e00-\u0e7f])"
)
_CLOSED: Final = re.compile(
    r"[.!…\u06d4।॥。\u1362\u0589\u104b\uff0e\uff01｡\u0e00-\u0eff\u1780-\u17ff]$"
)
_QUOTES: Final = "\"'\u201d\u2019\xbb)]\u300d\u300f\uff09\u3011"
_ABBREVIATION: Final = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|Nr|Fig|Vol|vs|etc|ca|bzw|resp|approx|Inc|Ltd|Co|Abs|Art)"
    r"|\b[A-Za-z](?:\.[A-Za-z])*|\b\d{1,2})\.$"
)


class KeySentences(Fact):
    """The sentences chosen, in the document's order."""

    sentences: tuple[KeySentence, ...]


class _Candidate(Fact):
    text: str
    place: Place
    order: int
    words: frozenset[str]
    score: float


def sentences_of(text: str) -> Iterator[str]:
    """Yield the sentences of a paragraph as they stand there."""
    start = 0
    for end in _END.finditer(text):
        before = text[start : end.start()]
        if not _ABBREVIATION.search(before):
            yield text[start : end.end()].strip()
            start = end.end()
    if rest := text[start:].strip():
        yield rest


def choose(document: Document, description: str) -> KeySentences:
    """Choose two to four sentences, fewer when there are not so many.

    Args:
        document: The document.
        description: The goal in words: sentences that speak of the same count for more.
    """
    found = _candidates(document, _terms(description))
    chosen: list[_Candidate] = []
    length = 0
    for one in sorted(found, key=lambda one: (-one.score, one.order)):
        if len(chosen) == MOST:
            break
        if len(chosen) >= 2 and length + len(one.text) > _CHARACTERS:
            continue
        if all(_likeness(one.words, other.words) < 0.5 for other in chosen):
            chosen.append(one)
            length += len(one.text)
    chosen.sort(key=lambda one: one.order)
    return KeySentences(
        sentences=tuple(KeySentence(text=one.text, place=one.place) for one in chosen)
    )


def telling_words(document: Document) -> list[str]:
    """Return the words that a document uses most, common ones apart."""
    seen = Counter(word for block in document.blocks for word in terms_of(block.text))
    for word in COMMON:
        seen.pop(word, None)
    return [word for word, _ in sorted(seen.items(), key=lambda one: (-one[1], one[0]))[:_TELLING]]


def summarise(document: Document, chosen: KeySentences) -> str:
    """Return the key sentences in a row; for a workbook, or without any, what there is in it."""
    if chosen.sentences and document.parts != "sheet":
        return " ".join(sentence.text for sentence in chosen.sentences)
    counts = count(document)
    amounts = [
        counted(number, one)
        for number, one in (
            (counts.pages, "page"),
            (counts.slides, "slide"),
            (counts.sheets, "sheet"),
            (counts.tables, "table"),
            (counts.words, "word"),
        )
        if number
    ]
    told = f"{document.title} has {', '.join(amounts)}."
    tables = [
        f"{place.sheet or place.heading or 'A table'}: {counted(block.total_rows - 1, 'row')} of"
        f" {', '.join(value or '(blank)' for value in block.rows[0][:6])}"
        for block, place in placed(document)
        if block.type == "table"
    ]
    return " ".join([told, *(f"{table}." for table in tables[:3])])


def _candidates(document: Document, asked: frozenset[str]) -> list[_Candidate]:
    texts: list[tuple[str, Place, float]] = []
    heading, first = "", True
    for block, place in placed(document):
        if block.type == "heading":
            heading, first = block.text, True
        if block.type not in {"paragraph", "item", "note", "quote"}:
            continue
        weight = {"paragraph": 1.0, "item": 0.85, "note": 0.8, "quote": 0.8}[block.type]
        for sentence in sentences_of(block.text):
            length = reading_length(sentence)
            if _SHORTEST <= length <= _LONGEST and _CLOSED.search(sentence.rstrip(_QUOTES)):
                bonus = weight * (1.2 if first else 1.0)
                if _terms(sentence) & _terms(heading):
                    bonus *= 1.1
                texts.append((sentence, place, bonus))
                first = False
        if len(texts) >= _CONSIDERED:
            break
    seen = Counter(word for text, _, _ in texts for word in _terms(text))
    title = _terms(document.title)
    return [
        _Candidate(
            text=text,
            place=place,
            order=order,
            words=_terms(text),
            score=round(_score(text, seen, title, asked) * bonus * (1.25 if not order else 1), 9),
        )
        for order, (text, place, bonus) in enumerate(texts)
    ]


def _score(text: str, seen: Counter[str], title: frozenset[str], asked: frozenset[str]) -> float:
    terms = _terms(text)
    if not terms:
        return 0.0
    frequency = math.fsum(math.log1p(seen[word]) for word in terms)
    weight = frequency / math.pow(len(terms) + 4, 0.8)
    weight *= 1 + 0.1 * min(len(terms & title), 3) + 0.25 * min(len(terms & asked), 3)
    return weight * (1.1 if any(character.isdigit() for character in text) else 1.0)


def _terms(text: str) -> frozenset[str]:
    return frozenset(
        word[:-1] if word.endswith("s") and len(word) > 4 else word
        for word in terms_of(text)
        if word not in COMMON and not word.isdigit()
    )


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(len(one | other), 1)
