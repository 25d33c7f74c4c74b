"""Extracting one document or several: Markdown, structure, key sentences."""

from html import escape
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from perdure.agents import AnswerRefused, Result, Run
from perdure_document.action import Action
from perdure_document.collection import Collection, Share
from perdure_document.facts import Document, Source
from perdure_document.formatting import counted
from perdure_document.model.passages import choose_passages
from perdure_document.model.summarising import write_summary
from perdure_document.model.support import SupportedSummary, check_summary
from perdure_document.parameters import DocumentParameters
from perdure_document.report.page import write_notes, write_page, write_table
from perdure_document.summary.key_sentences import KeySentences, choose, summarise, telling_words
from perdure_document.words import terms_of
from perdure_document.writing.markdown_writer import place_in_words, write_markdown
from perdure_document.writing.structure import Extract, extract

if TYPE_CHECKING:
    from pydantic_ai.models import Model

_TOLD_REFUSALS: Final = 3
_DATA_OUTLINE: Final = 200
_LISTED_SUMMARY: Final = 400


class Extraction(Action):
    """Delivers ``<name>.md`` and ``<name>.json`` of each file, of several also ``index.html``."""

    def __init__(self, run: Run, parameters: DocumentParameters) -> None:
        super().__init__(run, parameters)
        self.collection = Collection(run, parameters.files, pictures=True)
        self._source: Source | None = None
        self._document: Document | None = None
        self._extract: Extract | None = None
        self._chosen: KeySentences | None = None
        self._summary: SupportedSummary | None = None
        self._done: list[dict[str, JsonValue]] = []
        self._delivered = False

    async def execute(self) -> None:
        """Recognise each file, read it, choose its key sentences, and write."""
        async for source, share in self.collection.sources(100):
            self._source = source
            document = await self.collection.read(source, share.at(0.05), share.at(0.65))
            if document is not None:
                await self._extract_one(source, document, share)
        self.collection.require_any("extract")
        if len(self.collection.files) > 1:
            await self.run.artifact("index.html", self._index(), media_type="text/html")
        self._delivered = True

    def result(self) -> Result:
        """Return the summary and the document's core, or as much of it as there is."""
        if len(self.collection.files) > 1:
            return self._result_of_several()
        source, document, found = self._source, self._document, self._extract
        if source is None:
            return Result()
        if document is None or found is None:
            pages, read = self.collection.pages, self.collection.pages_read
            done = f"{read:,} of {counted(pages, 'page')} read" if read else "not read"
            return Result(
                summary=f"Recognised {source.name} as {source.kind.upper()}; {done}.",
                data={"kind": source.kind, "pages": pages},
            )
        chosen = self._chosen or KeySentences(sentences=())
        summary = self._summarised(document, chosen)
        if not self._delivered:
            summary = f"{summary} The extract was not finished."
        return Result(summary=summary, data=_core(found, chosen) | _with_quotes(self._summary))

    async def _extract_one(self, source: Source, document: Document, share: Share) -> None:
        self._document = document
        self._extract = found = extract(document, source.name)
        chosen = KeySentences(sentences=())
        if not self.parameters.text_only:
            await self.run.progress(
                share.at(0.75),
                f"choosing key sentences among {counted(found.counts.words, 'word')}",
            )
            described = self.run.goal.description
            chosen = await self.run.step("choose key sentences", choose, document, described)
            self._summary = await self._with_model(source, document)
        self._chosen = chosen
        stem = source.stem
        await self.run.progress(share.at(0.9), f"writing {stem}.md")
        await self.run.artifact(f"{stem}.md", write_markdown(document), media_type="text/markdown")
        await self.run.artifact(
            f"{stem}.json",
            found.model_dump_json(indent=2, exclude_none=True) + "\n",
            media_type="application/json",
        )
        self._done.append(
            {
                "path": source.path,
                "name": source.name,
                "artifacts": [f"{stem}.md", f"{stem}.json"],
                "title": found.title,
                "kind": found.kind,
                "counts": found.counts.model_dump(mode="json"),
                "summary": self._summarised(document, chosen)[:_LISTED_SUMMARY],
                "left_out": dict(found.left_out),
                "notes": list(found.notes),
                **_with_quotes(self._summary),
            }
        )

    def _summarised(self, document: Document, chosen: KeySentences) -> str:
        """Return the model's summary where there is one that the document bears out."""
        return summarise(document, chosen) if self._summary is None else self._summary.text

    async def _with_model(self, source: Source, document: Document) -> SupportedSummary | None:
        """Summarise with the model; ``None`` where key sentences are all there is."""
        step, described = self.run.step, self.run.goal.description

        async def summary(model: "Model", _: str) -> SupportedSummary | None:
            words = [*telling_words(document), *terms_of(described)]
            passages = await step("choose passages", choose_passages, document, words)
            statements = await write_summary(model, passages, described)
            checked = await step("check the summary", check_summary, document, statements)
            if not checked.sentences:
                raise AnswerRefused(" ".join(checked.refused[:_TOLD_REFUSALS]))
            return checked

        async def key_sentences(_: str) -> None:
            return None

        answer = await self.run.try_model("summarise", summary, key_sentences, source.path)
        return answer.value

    def _result_of_several(self) -> Result:
        done = self._done
        names = ", ".join(str(one["name"]) for one in done[:5]) + (", …" if len(done) > 5 else "")
        summary = f"Extracted {len(done):,} of {counted(len(self.collection.files), 'file')}"
        summary += f": {names}." if names else "."
        if not self._delivered:
            summary = f"{summary} The extraction was not finished."
        return Result(
            summary=" ".join(filter(None, [summary, self.collection.in_words()])),
            data={"files": list(done), "refused": self.collection.refused()},
        )

    def _index(self) -> str:
        rows = [
            [
                f"<bdi>{escape(str(one['name']))}</bdi>",
                f"<bdi>{escape(str(one['title']))}</bdi>",
                escape(str(one["kind"]).upper()),
                f'<span dir="auto">{escape(str(one["summary"]))}</span>',
            ]
            for one in self._done
        ]
        body = write_notes(self.collection.refusal_notes()) + write_table(
            ("File", "Title", "Kind", "Summary"), rows
        )
        return write_page(counted(len(self._done), "document"), body)


def _with_quotes(summary: SupportedSummary | None) -> dict[str, JsonValue]:
    """Return a model's summary for programs: each sentence with the words that bear it out."""
    if summary is None:
        return {}
    return {
        "summary_sentences": [
            {
                "sentence": one.text,
                "quotes": [
                    {
                        "quote": quote.text,
                        "place": quote.place.model_dump(mode="json", exclude_none=True),
                    }
                    for quote in one.quotes
                ],
            }
            for one in summary.sentences
        ],
        "refused_sentences": list(summary.refused),
    }


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
        "left_out": dict(found.left_out),
        "notes": list(found.notes),
    }
