# ruff: noqa: RUF001 -- other quotation marks and dashes are meant here
"""Choosing the sentences that answer a question, out of everything that was read."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from perdure_research.facts import Answer, Block, Citation, Source
from perdure_research.index import SentenceIndex
from perdure_research.parameters import Depth
from perdure_research.question import forms_of, words_of
from perdure_research.sentences import sentence_spans

MOST_QUOTES: Final[dict[Depth, int]] = {"quick": 3, "standard": 6, "comprehensive": 12}
_WORTH: Final = 0.25  # of the best one's score
_SAME: Final = 0.6  # of the stems of two sentences together
_WITHIN: Final = 0.85  # of the stems of the shorter one
_AGAIN: Final = 0.75  # for each quote that the source already has
_NOTHING_NEW: Final = 0.7
_LONGEST_QUOTE: Final = 600
_LEANS: Final = re.compile(
    r"""["'“‘(]*(?:(?:It|They|He|She|This|That|These|Those|Such|Both|Its|Their)\b"""
    r"""|(?:However|But|So|Therefore|Instead|Otherwise|Also|And|Then|Thus|Hence|Yet)\b)"""
)


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence, its number, and that of the one before it in the block."""

    number: int
    source: Source
    block: Block
    begin: int
    end: int
    before: int | None = None

    @property
    def text(self) -> str:
        return self.block.text[self.begin : self.end]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A sentence that could answer."""

    sentence: _Sentence
    score: float
    stems: frozenset[str]
    terms: frozenset[str]


def choose(sources: list[Source], description: str, depth: Depth) -> Answer:
    """Return the sentences that answer, best first.

    A sentence answers when it and what stands around it (its headings, its neighbours) hold at
    least two words of the question, two fifths of them when it has many. Sentences that say the
    same are taken once, and a source that was quoted has to be better to be quoted again.
    """
    sentences = list(_sentences(sources))
    words = words_of(description)
    with SentenceIndex() as index:
        index.add(_rows(sentences))
        stems = index.stems(words)
        same = _other_forms(index, stems)
        counts = index.counts(dict.fromkeys([*stems.values(), *same]))
        for form, stem in same.items():
            counts[stem] += counts[form]
        known = [word for word in words if counts.get(stems.get(word, ""), 0)]
        candidates = _candidates(index, sentences, known, stems, same, counts) if known else []
    chosen = _spread(candidates, MOST_QUOTES[depth])
    best = chosen[0].score if chosen else 1
    return Answer(
        citations=tuple(
            _citation(number, one, sentences, one.score / best)
            for number, one in enumerate(chosen, 1)
        ),
        terms=tuple(word for word in words if word in stems),
        missing=tuple(word for word in words if word in stems and word not in known),
        sentences=len(sentences),
    )


def _sentences(sources: list[Source]) -> Iterator[_Sentence]:
    number = 0
    for source in sources:
        for block in source.blocks:
            before = None
            for begin, end in sentence_spans(block.text):
                yield _Sentence(number, source, block, begin, end, before)
                before = number
                number += 1


def _other_forms(index: SentenceIndex, stems: dict[str, str]) -> dict[str, str]:
    """Return stems of irregular forms, which no stemming brings together, and what they mean."""
    asked = set(stems.values())
    return {
        form: stem
        for word, stem in stems.items()
        for form in index.stems(forms_of(word)).values()
        if form not in asked
    }


def _rows(sentences: list[_Sentence]) -> Iterator[tuple[int, str, str, str]]:
    for number, one in enumerate(sentences):
        beside = [] if one.before is None else [sentences[one.before].text]
        if number + 1 < len(sentences) and sentences[number + 1].before == number:
            beside.append(sentences[number + 1].text)
        heading = " / ".join((one.source.title, *one.block.heading))
        yield number, one.text, heading, " ".join(beside)


def _candidates(
    index: SentenceIndex,
    sentences: list[_Sentence],
    words: list[str],
    stems: dict[str, str],
    same: dict[str, str],
    counts: dict[str, int],
) -> list[_Candidate]:
    wanted = frozenset(stems[word] for word in words)
    asked = len(set(stems.values()))
    needed = max(min(asked, 2), math.ceil(0.4 * asked))
    weight = {stem: math.log(1 + len(sentences) / counts[stem]) for stem in wanted}
    whole = sum(weight.values())
    found = index.best([*words, *(form for word in words for form in forms_of(word))])
    held = index.stems_of(number for number, _ in found)
    top = max((fit for _, fit in found), default=0) or 1
    candidates = []
    for number, fit in found:
        within, around = (frozenset(same.get(one, one) for one in all_) for all_ in held[number])
        if not within & wanted or len(around & wanted) < needed:
            continue
        covered = sum(weight[stem] for stem in within & wanted)
        beside = sum(weight[stem] for stem in (around - within) & wanted)
        score = (0.3 + fit / top) * (0.1 + (covered + 0.4 * beside) / whole)
        score *= _reads_well(sentences[number].text)
        candidates.append(_Candidate(sentences[number], score, within, within & wanted))
    # Python's sort keeps the order of equals, so that the same sources give the same answer.
    return sorted(candidates, key=lambda one: -one.score)


def _reads_well(text: str) -> float:
    """Return 1 for a whole sentence, less for a fragment, a table's row or a monster."""
    words = len(text.split())
    if words < 4 or words > 120:
        return 0.3
    if text.lstrip().startswith("|") or text.endswith("?"):
        return 0.5
    return 1 if words >= 6 and text.rstrip("\"'”’»)]*_").endswith((".", "!", "…")) else 0.7


def _spread(candidates: list[_Candidate], most: int) -> list[_Candidate]:
    chosen: list[_Candidate] = []
    taken: Counter[str] = Counter()
    told: set[str] = set()
    least = _WORTH * max((one.score for one in candidates), default=0)
    left = [one for one in candidates if one.score >= least]
    while left and len(chosen) < most:
        worth = [_worth(one, taken, told) for one in left]
        best = left[worth.index(max(worth))]
        chosen.append(best)
        taken[best.sentence.source.digest] += 1
        told |= best.terms
        left = [one for one in left if one is not best and not _repeats(one, best)]
    return chosen


def _worth(one: _Candidate, taken: Counter[str], told: set[str]) -> float:
    """Return the score, less where its source was quoted or it tells of no further word."""
    again: float = _AGAIN ** taken[one.sentence.source.digest]
    return one.score * again * (1 if one.terms - told else _NOTHING_NEW)


def _repeats(one: _Candidate, quoted: _Candidate) -> bool:
    """Say whether a quote says what is quoted already, or one of the two brings the other along."""
    first, second = one.sentence, quoted.sentence
    brought = (_leans(first), first.before) == (True, second.number) or (
        (_leans(second), second.before) == (True, first.number)
    )
    return brought or _alike(one.stems, quoted.stems)


def _leans(one: _Sentence) -> bool:
    """Say whether a sentence leans on the one before it, which its quote then brings along."""
    return one.before is not None and _LEANS.match(one.text) is not None


def _alike(first: frozenset[str], second: frozenset[str]) -> bool:
    common = len(first & second)
    return common >= _SAME * len(first | second) or common >= _WITHIN * min(len(first), len(second))


def _citation(
    number: int, chosen: _Candidate, sentences: list[_Sentence], score: float
) -> Citation:
    one = chosen.sentence
    begin, block, source = _beginning(one, sentences), one.block, one.source
    line = None if block.line is None else block.line + block.text.count("\n", 0, begin)
    return Citation(
        number=number,
        quote=block.text[begin : one.end],
        source=source.location.name,
        address=source.location.address,
        title=source.title,
        heading=block.heading,
        page=block.page,
        line=line,
        place=_place(block, line),
        score=round(score, 3),
    )


def _beginning(one: _Sentence, sentences: list[_Sentence]) -> int:
    """Return where the quote begins: a sentence that leans on the one before it brings it along."""
    if one.before is None or not _leans(one):
        return one.begin
    before = sentences[one.before]
    return before.begin if one.end - before.begin <= _LONGEST_QUOTE else one.begin


def _place(block: Block, line: int | None) -> str:
    parts: Iterable[str | None] = (
        None if block.page is None else f"page {block.page}",
        " › ".join(block.heading) or None,
        None if line is None else f"line {line}",
    )
    return ", ".join(filter(None, parts)) or "text"
