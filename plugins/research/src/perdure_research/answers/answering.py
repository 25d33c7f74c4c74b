"""Answering a question from a corpus without a model: by what its sources state."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from perdure_research.answers.claims import Citation, Claim, Disagreement, Findings, Role
from perdure_research.answers.instructions import is_instruction
from perdure_research.answers.matching.comparing import compare, corpus_of
from perdure_research.answers.matching.match import Match
from perdure_research.answers.matching.unspaced import compare_unspaced
from perdure_research.answers.questions.comparison import compared
from perdure_research.answers.questions.forms import parts_of
from perdure_research.answers.questions.question import Question, Term
from perdure_research.answers.questions.reading import read_question
from perdure_research.answers.quoting import cite, wording
from perdure_research.answers.selection import Chosen, choose
from perdure_research.answers.statements import Statement, statements_of
from perdure_research.parameters import Depth
from perdure_research.sources.source import Passage, Source, SourceText

_PASSAGES: Final = 160
_PASSAGES_A_TERM: Final = 12
_INFLECTED: Final = frozenset(["ru", "ar", "he", "de", "fr", "es", "it", "pt", "nl"])
_MOST_CHARACTERS: Final = 300_000
_MOST_COPIES: Final = 20
_LEANING: Final = re.compile(
    r"\b(it|they|them|this|that|these|those|its|their|es|sie|er|dies|il|elle|ello)\b", re.IGNORECASE
)


class Searchable(Protocol):
    """A corpus that can be searched, and whose archived texts can be read."""

    @property
    def sources(self) -> Sequence[Source]:
        """Its sources, in the order in which they were given."""

    def find(self, query: str, limit: int) -> list[Passage]:
        """Return the passages that fit a query best, best first."""

    def text_of(self, source_id: str) -> SourceText:
        """Return the archived text of a source."""


def answer(corpus: Searchable, description: str, depth: Depth) -> Findings:
    """Answer a question from a corpus, by quotations alone.

    One fact gets one answer, with what bears it out; where sources contradict each other, each side
    is there. What asks for reasons or an overview is answered with several quotations. What no
    source says is not guessed at.

    Args:
        corpus: Where to look.
        description: The question; several, if each has a question word of its own.
        depth: How much to quote.
    """
    questions = _questions(description)
    found = [
        _answer_one(corpus, text, question, depth, len(questions)) for text, question in questions
    ]
    return found[0] if len(found) == 1 else _together(found)


def _questions(description: str) -> list[tuple[str, Question]]:
    """Return the parts of a question, and how each is understood."""
    if (two := compared(description)) is not None:
        return [(side, read_question(about)) for side, about in two]
    parts = parts_of(description) or [description]
    first = read_question(parts[0] if len(parts) > 1 else description)
    questions = [(parts[0] if len(parts) > 1 else "", first)]
    for part in parts[1:]:
        question = read_question(part)
        core = [term for term in question.core if not term.is_light]
        if _LEANING.search(part) and len(core) < 3:
            question = _leaning_on(question, first)
        questions.append((part, question))
    return questions


def _leaning_on(question: Question, first: Question) -> Question:
    """Return a question whose "it" stands for what the question before it is about."""
    known = {term.stem for term in question.terms}
    lent = [
        replace(term, is_light=True, is_measure=False)
        for term in first.terms
        if term.stem not in known
    ]
    kind = "open" if question.kind in {"thing", "list"} else question.kind
    stems = frozenset(term.stem for term in lent if not term.is_name)
    return replace(question, kind=kind, terms=(*question.terms, *lent), lent=stems)


def _answer_one(
    corpus: Searchable, text: str, question: Question, depth: Depth, parts: int
) -> Findings:
    if not question.terms:
        return Findings(not_found=(text or question.text,))
    statements = _statements(corpus, question)
    matches = _matches(question, statements)
    chosen = choose(question, matches, depth, parts=parts)
    if not chosen.answers and _is_inflected(question, corpus):
        # The index knows English endings alone.
        statements = _all_statements(corpus)
        chosen = choose(question, _matches(question, statements), depth, parts=parts)
    absent = _absent(question, statements)
    if not chosen.answers:
        return Findings(
            not_found=(text or " ".join(question.text.split()),),
            absent=absent,
            nearest=tuple(cite(one) for one in chosen.nearest),
        )
    return _findings(question, text, chosen, absent)


def _statements(corpus: Searchable, question: Question) -> list[Statement]:
    """Return what the sources state around the passages that fit a question."""
    wanted: dict[str, set[int]] = {}
    queries = [(_query(question.terms), _PASSAGES)]
    queries += [(_query([term]), _PASSAGES_A_TERM) for term in question.core]
    for query, limit in queries:
        for passage in corpus.find(query, limit):
            blocks = wanted.setdefault(passage.source_id, set())
            blocks.update(range(passage.block - 1, passage.block + 3))
    return [
        statement
        for source in corpus.sources
        if source.id in wanted
        for statement in statements_of(source, corpus.text_of(source.id), wanted[source.id])
    ]


def _is_inflected(question: Question, corpus: Searchable) -> bool:
    inflected = question.language in _INFLECTED and not question.is_unspaced
    return inflected and sum(source.characters for source in corpus.sources) <= _MOST_CHARACTERS


def _all_statements(corpus: Searchable) -> list[Statement]:
    return [
        statement
        for source in corpus.sources
        for statement in statements_of(source, corpus.text_of(source.id))
    ]


def _query(terms: Sequence[Term]) -> str:
    return " ".join(term.text for term in terms)


def _matches(question: Question, statements: list[Statement]) -> list[Match]:
    statements = [one for one in statements if not is_instruction(one.text)]
    if question.is_unspaced:
        found = [compare_unspaced(question, one) for one in statements]
    else:
        known = corpus_of(question, statements)
        found = [compare(question, one, known) for one in statements]
    return [match for match in found if match is not None]


def _absent(question: Question, statements: list[Statement]) -> tuple[str, ...]:
    """Return the names and words of a question that no source speaks of."""
    from perdure_research.answers.matching.presence import absent_from

    return absent_from(question, statements)


def _findings(question: Question, text: str, chosen: Chosen, absent: tuple[str, ...]) -> Findings:
    claims: list[Claim] = []

    def add(match: Match, role: Role) -> int:
        copies = chosen.copies.get(id(match), [])[:_MOST_COPIES]
        also = tuple(dict.fromkeys(copy.statement.source.id for copy in copies))
        first = cite(match).model_copy(update={"also": also})
        claims.append(
            Claim(
                text=wording(question, match, first),
                citations=(first,),
                question=text,
                role=role,
            )
        )
        return len(claims) - 1

    first = [add(match, "answer") for match in chosen.answers]
    sides = [add(match, "contradiction") for match in chosen.sides]
    for match in chosen.support:
        add(match, "support")
    disagreements = (Disagreement(claims=(first[0], *sides)),) if sides else ()
    return Findings(claims=tuple(claims), disagreements=disagreements, absent=absent)


def _together(found: Sequence[Findings]) -> Findings:
    """Return the findings of several parts as one."""
    claims: list[Claim] = []
    disagreements: list[Disagreement] = []
    for one in found:
        begin = len(claims)
        for claim in one.claims:
            said = any(_overlap(claim.citations[0], known.citations[0]) for known in claims)
            if not said or one.disagreements or claim is one.claims[0]:
                claims.append(claim)
        disagreements += [
            Disagreement(claims=tuple(begin + number for number in each.claims))
            for each in one.disagreements
        ]
    return Findings(
        claims=tuple(claims),
        disagreements=tuple(disagreements),
        not_found=tuple(part for one in found for part in one.not_found),
        absent=tuple(dict.fromkeys(word for one in found for word in one.absent)),
        nearest=tuple(near for one in found for near in one.nearest),
    )


def _overlap(one: Citation, other: Citation) -> bool:
    return one.source == other.source and one.start < other.end and other.start < one.end
