"""Checking what a model wrote against the archived text of the sources that it cites."""

import re
from collections.abc import Callable, Sequence

from perdure_research.answers.claims import Citation, Claim
from perdure_research.models.drafts import Checked, Draft, DraftCitation, Refusal
from perdure_research.models.evidence.clauses import shared, terms_of
from perdure_research.models.evidence.names import without_addresses
from perdure_research.models.evidence.quotations import LONGEST, places_of, sentence_around
from perdure_research.models.evidence.support import support_troubles
from perdure_research.models.relevance import (
    Context,
    Question,
    asked_names,
    relevance_troubles,
    speaks_of,
)
from perdure_research.sources.source import Block, Source, SourceText

_MOST_CITATIONS = 5
_SHORTEST_QUOTATION = 8  # characters
_SHOWN = 80
_BESIDE = 2  # blocks
_FEW_WORDS = 6
_EDGES = re.compile(r"\s*[|\t]\s*")


def check_claims(
    text_of: Callable[[str], SourceText],
    drafts: Sequence[Draft],
    question: Question,
    sources: Sequence[Source],
) -> Checked:
    """Keep the sentences that their quotations bear out and that are about the question.

    Args:
        text_of: Returns the archived text of a source by its id.
        drafts: What the model wrote.
        question: What it was asked.
        sources: The sources, in the order of their names: ``s1`` is the first.
    """
    return _Check(text_of, question, sources).claims(drafts)


class _Check:
    def __init__(
        self, text_of: Callable[[str], SourceText], question: Question, sources: Sequence[Source]
    ) -> None:
        self._text_of = text_of
        self._texts: dict[str, SourceText] = {}
        self._question = question
        self._contexts: list[str] = []
        self._sources = {f"s{number}": one for number, one in enumerate(sources, start=1)}

    def claims(self, drafts: Sequence[Draft]) -> Checked:
        claims: list[Claim | None] = []
        refused: list[Refusal] = []
        for draft in drafts:
            sentence = " ".join(draft.sentence.split())
            known = {claim.text.casefold() for claim in claims if claim is not None}
            claim, why = self._claim(sentence, draft.citations)
            if claim is None:
                # It is shown to people, and nobody vouches for where an address leads.
                shown = without_addresses(sentence)[:_SHOWN]
                refused.append(Refusal(sentence=shown, why=without_addresses(why)))
            claims.append(None if sentence.casefold() in known else claim)
        context = "\n".join(self._contexts)
        asked = asked_names(self._question.text, self._is_ordinary)
        missing = tuple(name for name in asked if not speaks_of(context, name))
        return Checked(claims=tuple(claims), refused=tuple(refused), missing=missing)

    def _claim(self, sentence: str, citations: Sequence[DraftCitation]) -> tuple[Claim | None, str]:
        """Return a claim, or why it is none."""
        if not citations:
            return None, "it has no citation"
        if len(citations) > _MOST_CITATIONS:
            return None, f"it has more than {_MOST_CITATIONS} citations"
        found: list[Citation] = []
        for one in citations:
            citation = self._citation(sentence, one)
            if isinstance(citation, str):
                return None, citation
            if citation not in found:
                found.append(citation)
        said = [self._said(one) for one in found]
        about = "\n".join(self._about(one) for one in found)
        for why in support_troubles(sentence, said, self._is_ordinary, about):
            return None, why
        context = self._context(found)
        for why in relevance_troubles(self._question, sentence, context, self._is_ordinary):
            return None, why
        self._contexts.append(context.near + context.beside)
        return Claim(text=sentence, citations=tuple(found), question=self._question.part), ""

    def _citation(self, sentence: str, given: DraftCitation) -> Citation | str:
        """Return a citation with the place where it stands, or why it stands nowhere."""
        source = self._sources.get(given.source.strip().removeprefix("source ").strip("[]"))
        shown = " ".join(given.quotation.split())[:_SHOWN]
        if source is None:
            return f"there is no source {given.source[:_SHOWN]!r}"
        if len(given.quotation) > LONGEST:
            return f"its quotation {shown!r} is too long: quote the sentence that says it"
        text = self._text(source.id)
        places = list(places_of(text.text, given.quotation))
        if not places:
            return (
                f"its quotation {shown!r} does not stand in {given.source[:_SHOWN]} word for word"
            )
        if len(given.quotation.encode()) < _SHORTEST_QUOTATION:
            return f"its quotation {shown!r} is too short to say it"
        terms = terms_of(sentence)
        spans = dict.fromkeys(sentence_around(text, *place) for place in places)
        start, end = max(spans, key=lambda span: shared(terms, terms_of(text.text[slice(*span)])))
        return Citation(source=source.id, quote=text.text[start:end], start=start, end=end)

    def _said(self, citation: Citation) -> str:
        """Return what a quotation says: of a table's row each cell with the name of its column."""
        lines = []
        for block in self._blocks(citation):
            start, end = max(block.start, citation.start), min(block.end, citation.end)
            text = self._text(citation.source).text[start:end]
            cells = [cell.strip() for cell in _EDGES.split(text.strip("| \t"))]
            if block.columns and len(cells) == len(block.columns):
                pairs = zip(block.columns, cells, strict=True)
                text = " | ".join(f"{column} {cell}" for column, cell in pairs)
            lines.append(text)
        return "\n".join(lines) or citation.quote

    def _about(self, citation: Citation) -> str:
        """Return what says of which thing a row, an item or a few words speak."""
        blocks = self._blocks(citation)
        is_prose = any(block.form == "paragraph" for block in blocks)
        if not blocks or (is_prose and len(citation.quote.split()) > _FEW_WORDS):
            return ""
        return "\n".join([self._source(citation).title, *blocks[0].heading])

    def _context(self, citations: Sequence[Citation]) -> Context:
        near, beside, whole = [], [], []
        for citation in citations:
            source, text = self._source(citation), self._text(citation.source)
            blocks = self._blocks(citation)
            headings = [" / ".join((*block.heading, *block.columns)) for block in blocks]
            near += [citation.quote, source.title, source.name, source.date, *headings]
            if blocks:
                first, last = text.blocks.index(blocks[0]), text.blocks.index(blocks[-1])
                around = text.blocks[max(first - _BESIDE, 0) : last + _BESIDE + 1]
                beside += [text.of(block) for block in around]
            whole.append(text.text)
        return Context("\n".join(dict.fromkeys(near)), "\n".join(beside), "\n".join(whole))

    def _blocks(self, citation: Citation) -> list[Block]:
        return [
            block
            for block in self._text(citation.source).blocks
            if block.start < citation.end and citation.start < block.end
        ]

    def _source(self, citation: Citation) -> Source:
        return next(one for one in self._sources.values() if one.id == citation.source)

    def _is_ordinary(self, word: str) -> bool:
        form = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
        return any(form.search(text.text) for text in self._texts.values())

    def _text(self, source: str) -> SourceText:
        if source not in self._texts:
            self._texts[source] = self._text_of(source)
        return self._texts[source]
