"""The document agent: from a file to clean Markdown, its structure, and a summary."""

from collections.abc import AsyncIterator
from typing import Final

from pydantic import JsonValue

from perdure.agents import Agent, Progress, Result, Run
from perdure_document.facts import Document, Source
from perdure_document.formatting import counted
from perdure_document.lines import Line
from perdure_document.markdown_writer import place_in_words, write_markdown
from perdure_document.parameters import DocumentParameters
from perdure_document.readers import arrange_pages, read_pages, read_whole
from perdure_document.source import look_at
from perdure_document.structure import Extract, extract
from perdure_document.summary import KeySentences, choose, summarise

_BATCH: Final = 20
_DATA_OUTLINE: Final = 200


class DocumentAgent(Agent[DocumentParameters]):
    """Extracts a document and delivers ``<name>.md`` and ``<name>.json``."""

    def __init__(self, run: Run, parameters: DocumentParameters) -> None:
        super().__init__(run, parameters)
        self._source: Source | None = None
        self._document: Document | None = None
        self._extract: Extract | None = None
        self._chosen: KeySentences | None = None
        self._delivered = False

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        """Recognise the file, read it, choose its key sentences, and write."""
        step = self.run.step
        yield Progress(percentage=0, message=f"looking at {self.parameters.path}")
        self._source = source = await step("recognise", look_at, self.parameters.path)
        if source.kind == "pdf":
            lines: list[Line] = []
            for first in range(1, source.pages + 1, _BATCH):
                last = min(first + _BATCH - 1, source.pages)
                yield Progress(
                    percentage=round(5 + 60 * (first - 1) / source.pages, 1),
                    message=f"reading pages {first} to {last} of {source.pages}",
                )
                lines += await step("read pages", read_pages, source, first, last)
            yield Progress(percentage=65, message="telling headings, text and tables apart")
            document = await step("arrange", arrange_pages, source, lines)
        else:
            yield Progress(percentage=5, message=f"reading {source.name} as {source.kind.upper()}")
            document = await step("read", read_whole, source)
        self._document = document
        self._extract = found = extract(document, source.name)
        told = f"choosing key sentences among {counted(found.counts.words, 'word')}"
        yield Progress(percentage=75, message=told)
        self._chosen = await step("choose key sentences", choose, document, description)
        yield Progress(percentage=90, message=f"writing {source.stem}.md")
        await self.run.artifact(
            f"{source.stem}.md", write_markdown(document), media_type="text/markdown"
        )
        await self.run.artifact(
            f"{source.stem}.json",
            found.model_dump_json(indent=2, exclude_none=True) + "\n",
            media_type="application/json",
        )
        self._delivered = True
        yield Progress(percentage=100, message=f"extracted {source.name}")

    async def get_results(self) -> Result:
        """Return the summary and the document's core, or as much of it as there is."""
        source, document, found = self._source, self._document, self._extract
        if source is None:
            return Result()
        if document is None or found is None:
            return Result(
                summary=f"Recognised {source.name} as {source.kind.upper()}; not read.",
                data={"kind": source.kind, "pages": source.pages},
            )
        chosen = self._chosen or KeySentences(sentences=())
        summary = summarise(document, chosen)
        if not self._delivered:
            summary = f"{summary} The extract was not finished."
        return Result(summary=summary, data=_core(found, chosen))


def _core(found: Extract, chosen: KeySentences) -> dict[str, JsonValue]:
    """Return what a program that goes on from here needs; ``<name>.json`` has the rest."""
    return {
        "title": found.title,
        "kind": found.kind,
        "metadata": dict(found.metadata),
        "counts": found.counts.model_dump(mode="json"),
        "outline": [
            entry.model_dump(mode="json", exclude_none=True)
            for entry in found.outline[:_DATA_OUTLINE]
        ],
        "key_sentences": [
            {
                "text": sentence.text,
                "place": sentence.place.model_dump(mode="json", exclude_none=True),
                "where": place_in_words(sentence),
            }
            for sentence in chosen.sentences
        ],
        "notes": list(found.notes),
    }
