"""The sources of a goal as a model's tools reach them: each access is a step, and reads only them.

A model knows a source by its name in the conversation, ``s1`` for the first.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Protocol

from perdure.agents import Run
from perdure_research.answers.claims import Citation
from perdure_research.models.checking import check_claims
from perdure_research.models.drafts import Checked, Draft, Excerpt
from perdure_research.models.relevance import Question
from perdure_research.sources.source import Passage, Source, SourceText

_EXCERPT_CHARACTERS: Final = 800
_MOST_COLUMNS: Final = 12
_SURROUNDINGS: Final = 1_500
_TITLE_CHARACTERS: Final = 120


class Reader(Protocol):
    """What searches and opens the sources that the goal has by then; its methods are for steps."""

    def find(self, query: str, limit: int) -> list[Passage]:
        """Return the passages that fit a query best, best first, at most so many."""

    def text_of(self, source_id: str) -> SourceText:
        """Return the archived text of a source by its id."""


Widen = Callable[[str], Awaitable[Sequence[Source]]]


class SourceAccess:
    """What a model can search, open and cite.

    Attributes:
        sources: The sources, in the order of their names.
        widen: Searches the goal's search providers and reads what they find; returns every source
            that the goal has by then. ``None`` where the goal names no provider.
    """

    def __init__(
        self,
        run: Run,
        sources: Sequence[Source],
        reader: Reader,
        widen: Widen | None = None,
    ) -> None:
        """Bind the sources to a run.

        Args:
            run: The run, whose steps the accesses are.
            sources: The sources that were read.
            reader: What searches and opens them.
            widen: See above.
        """
        self._run = run
        self._reader = reader
        self.sources = list(sources)
        self.widen = widen

    async def search(self, query: str, most: int, seen: Sequence[Excerpt] = ()) -> list[Excerpt]:
        """Return what the sources say that fits a query, best first.

        Args:
            query: What to search for.
            most: How many excerpts at most.
            seen: Those that are not to be among them.
        """
        known = [source.id for source in self.sources]
        search = partial(_excerpts, self._reader)
        spans = [(one.source, one.start, one.end) for one in seen]
        return await self._run.step("search", search, query, most, known, spans)

    async def search_providers(
        self, query: str, most: int, seen: Sequence[Excerpt] = ()
    ) -> list[Excerpt]:
        """Have the search providers find further sources, and return what all say of a query."""
        if self.widen is not None:
            known = {source.id for source in self.sources}
            found = await self.widen(query)
            self.sources += [source for source in found if source.id not in known]
        return await self.search(query, most, seen)

    async def around(self, citations: Sequence[Citation]) -> list[Excerpt]:
        """Return excerpts around quotations."""
        known = [source.id for source in self.sources]
        opening = partial(_around_citations, self._reader)
        return await self._run.step("open", opening, list(citations), known)

    async def surroundings(self, excerpt: Excerpt) -> Excerpt:
        """Return an excerpt with what stands before and after it."""
        known = [source.id for source in self.sources]
        opening = partial(_surroundings, self._reader)
        return await self._run.step("open", opening, excerpt, known)

    async def check(self, drafts: Sequence[Draft], question: Question) -> Checked:
        """Check what a model wrote against the archived text of the sources that it cites."""
        check = partial(check_claims, self._reader.text_of)
        return await self._run.step("check claims", check, drafts, question, self.sources)

    def public_words(self, excerpts: Sequence[Excerpt]) -> str:
        """Return the text of those excerpts whose sources anybody can fetch."""
        return "\n".join(
            one.text for one in excerpts if "://" in self.sources[int(one.source[1:]) - 1].address
        )


def between_marks(excerpts: Sequence[tuple[str, Excerpt]], sources: Sequence[Source]) -> str:
    """Return excerpts between two marks that none of them can hold, as they hold their digest.

    Args:
        excerpts: The excerpts, each with its name in the conversation.
        sources: All sources, in the order of their names.
    """
    lines = []
    for name, one in excerpts:
        source = sources[int(one.source[1:]) - 1]
        title = json.dumps(source.title[:_TITLE_CHARACTERS], ensure_ascii=False)
        about = [f"source {one.source}", title, source.date and f"dated {source.date}", one.place]
        lines.append(f"[excerpt {name}, {', '.join(filter(None, about))}]\n{one.text}")
    text = "\n\n".join(lines)
    mark = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    return f"<<<excerpts {mark}\n{text}\nexcerpts {mark}>>>"


def _excerpts(
    reader: Reader, query: str, most: int, known: list[str], seen: list[tuple[str, int, int]]
) -> list[Excerpt]:
    excerpts: list[Excerpt] = []
    spans = list(seen)
    for passage in reader.find(query, 2 * most + len(seen)):
        if passage.source_id not in known or len(excerpts) == most:
            continue
        name = f"s{known.index(passage.source_id) + 1}"
        if not any(
            source == name and start <= passage.start and passage.end <= end
            for source, start, end in spans
        ):
            text = reader.text_of(passage.source_id)
            one = _around(text, name, passage.start, passage.end, _EXCERPT_CHARACTERS)
            excerpts.append(one)
            spans.append((one.source, one.start, one.end))
    return excerpts


def _around_citations(reader: Reader, citations: list[Citation], known: list[str]) -> list[Excerpt]:
    return [
        _around(
            reader.text_of(one.source),
            f"s{known.index(one.source) + 1}",
            one.start,
            one.end,
            _EXCERPT_CHARACTERS,
        )
        for one in citations
        if one.source in known
    ]


def _surroundings(reader: Reader, excerpt: Excerpt, known: list[str]) -> Excerpt:
    text = reader.text_of(known[int(excerpt.source[1:]) - 1])
    most = excerpt.end - excerpt.start + 2 * _SURROUNDINGS
    return _around(text, excerpt.source, excerpt.start, excerpt.end, most)


def _around(text: SourceText, source: str, start: int, end: int, most: int) -> Excerpt:
    """Return the blocks around a part of a text, as many as fit; of a longer one its middle."""
    numbers = [
        number for number, one in enumerate(text.blocks) if one.start < end and start < one.end
    ]
    if not numbers:
        return Excerpt(source=source, start=start, end=end, text=text.text[start:end])
    first, last = numbers[0], numbers[-1]
    block = text.blocks[first]
    page = None if block.page is None else f"page {block.page}"
    columns = "columns " + " | ".join(block.columns[:_MOST_COLUMNS]) if block.columns else None
    heading = " / ".join(block.heading)[:_TITLE_CHARACTERS]
    place = ", ".join(filter(None, [page, heading, columns]))
    grown = True
    while grown:
        grown = False
        for one, other in ((first, last + 1), (first - 1, last)):
            if one < 0 or other >= len(text.blocks) or (one, other) == (first, last):
                continue
            if text.blocks[other].end - text.blocks[one].start <= most:
                first, last, grown = one, other, True
    begin, finish = text.blocks[first].start, text.blocks[last].end
    if finish - begin > most:
        room = max(most - (end - start), 0) // 2
        begin, finish = max(begin, start - room), min(finish, end + room)
    return Excerpt(
        source=source, start=begin, end=finish, text=text.text[begin:finish], place=place
    )
