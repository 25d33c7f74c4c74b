"""The work of the research agent: from sources to an answer that quotes them."""

import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from pydantic import JsonValue

from perdure.agents import Agent, InputError, Progress, Result, Run
from perdure_research.answers.answering import answer
from perdure_research.answers.claims import Findings
from perdure_research.collection import Collection
from perdure_research.models.answering import (
    answer_with_model,
    joined_with_rules,
    model_data,
    model_metadata,
)
from perdure_research.models.researching import ModelFindings
from perdure_research.parameters import Depth, ResearchParameters
from perdure_research.report.archive import archive_texts
from perdure_research.report.description import completed, describe_findings, summary_of
from perdure_research.report.markdown import write_report
from perdure_research.report.outcome import Report, Way
from perdure_research.report.page import write_page
from perdure_research.sources.fetch import SourceUnreachable

_REASONS_TOLD: Final = 3
# How far a run is when all is read, when the rules have answered, and when a model has.
_READ, _ANSWERED, _WRITTEN = 70.0, 76.0, 92.0


class Research(Agent[ResearchParameters]):
    """Answers from sources by quoting them; delivers a report and the sources' archived texts."""

    def __init__(self, run: Run, parameters: ResearchParameters) -> None:
        super().__init__(run, parameters)
        self._collection = Collection(run, parameters)
        self._report: Report | None = None
        self._by_model: ModelFindings | None = None
        self._delivered = False

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        """Find the sources, read each, answer from them, and write."""
        yield Progress(percentage=0, message="looking for the sources")
        collection, depth = self._collection, self.parameters.depth
        async for progress in collection.gather():
            percentage = round(progress.percentage * _READ / 100, 1)
            yield progress.model_copy(update={"percentage": percentage})
        if not collection.sources:
            raise self._nothing_read()
        told = f"searching {_counted(len(collection.sources), 'source')} for an answer"
        yield Progress(percentage=_READ, message=told)
        read = [source.sha256 for source in collection.sources]
        answering = partial(_answer, collection)
        by_rules = await self.run.step("answer", answering, read, description, depth)
        self._report = await self._described(description, by_rules, "rules")
        yield Progress(percentage=_ANSWERED, message=_told(self._report))
        await self._ask_model(description, by_rules)
        async for progress in self._write():
            yield progress

    async def get_results(self) -> Result:
        """Return the answer, or what was read when there is none yet."""
        sources, found = self._collection.sources, self._collection.found
        failed: list[JsonValue] = [one.model_dump(mode="json") for one in self._collection.unread]
        if self._report is None:
            if found is None:
                return Result()
            told = f"Read {_counted(len(sources), 'source')}; found no answer yet."
            return Result(summary=told, data={"failed": failed})
        report = self._finished()
        summary = summary_of(report)
        if not self._delivered:
            summary = f"{summary} The report was not finished."
        data = report.model_dump(mode="json")
        cited = [source for source in data["sources"] if source["cited"]]
        shown: dict[str, JsonValue] = {
            **data,
            # All of them are in report.json; a result that people look at lists those that count.
            "sources": cited or data["sources"][:_REASONS_TOLD],
            "read": len(sources),
            "failed": failed,
            **model_data(self._by_model),
        }
        return Result(
            summary=summary,
            data=shown,
            metadata=model_metadata(self._by_model),
        )

    async def cleanup(self) -> None:
        """Let a thread that reads end, and close the index."""
        self._collection.close()

    async def _ask_model(self, description: str, by_rules: Findings) -> None:
        """Have a model answer, where one is named and its answer is borne out."""
        collection = self._collection
        found = await answer_with_model(
            self.run,
            description,
            self.parameters.depth,
            collection.sources,
            collection,
            by_rules=by_rules,
            percentages=(_ANSWERED, _WRITTEN),
            widen=collection.widen if self.parameters.search else None,
        )
        if found is None:
            return
        self._by_model = found
        findings = joined_with_rules(found.findings, by_rules)
        self._report = await self._described(description, findings, "model")

    async def _described(self, description: str, findings: Findings, way: Way) -> Report:
        return await self.run.step(
            f"check the quotations of the {way}",
            partial(_describe, self._collection),
            description,
            findings,
            way,
        )

    async def _write(self) -> AsyncIterator[Progress]:
        assert self._report is not None
        quoted = (*self._report.citations, *self._report.nearest)
        cited = list(dict.fromkeys(one.source_id for one in quoted))
        archive = await self.run.step(
            "archive the texts",
            partial(
                archive_texts, self.run, self._collection.sources, self._collection.plain_text_of
            ),
            cited,
        )
        # Also where the step answers from the journal, so that they come in the same order.
        for artifact in archive.artifacts:
            self.run.artifacts.setdefault(artifact.name, artifact)
        self._report = completed(
            self._report, archive.names, self._collection.unread, self._left_out
        )
        yield Progress(percentage=97, message="writing the report")
        report = self._report
        await self.run.artifact("report.md", write_report(report), media_type="text/markdown")
        await self.run.artifact("report.html", write_page(report), media_type="text/html")
        await self.run.artifact("report.json", report.model_dump_json(indent=2) + "\n")
        citations = [one.model_dump(mode="json") for one in report.citations]
        await self.run.artifact(
            "citations.json", json.dumps(citations, indent=2, ensure_ascii=False) + "\n"
        )
        schema = Report.model_json_schema(mode="serialization")
        await self.run.artifact("report.schema.json", json.dumps(schema, indent=2) + "\n")
        self._delivered = True
        yield Progress(percentage=100, message=_told(report))

    def _finished(self) -> Report:
        assert self._report is not None
        archives = {one.id: one.archive for one in self._report.sources}
        return completed(self._report, archives, self._collection.unread, self._left_out)

    @property
    def _left_out(self) -> int:
        found = self._collection.found
        return found.left_out if found else 0

    def _nothing_read(self) -> Exception:
        unread = self._collection.unread
        reasons = "; ".join(one.reason for one in unread[:_REASONS_TOLD])
        more = len(unread) - _REASONS_TOLD
        if len(unread) > 1:
            reasons = f"research could read none of its {len(unread)} sources: {reasons}"
        if more > 0:
            reasons = f"{reasons}; and {more} more"
        return self._ended(reasons)

    def _ended(self, reason: str) -> Exception:
        """Return the error that ends the run: a passing one where a source may answer later."""
        passing = self._collection.passing_failures
        if not passing:
            return InputError(reason)
        # Their steps are forgotten with the error that they caused, so that a retry reads anew.
        error = SourceUnreachable(reason)
        error.__cause__ = ExceptionGroup("sources that may answer later", passing)
        return error


def _answer(collection: Collection, read: list[str], description: str, depth: Depth) -> Findings:
    """Answer from the sources whose digests name the step."""
    assert [source.sha256 for source in collection.sources] == read
    return answer(collection, description, depth)


def _describe(collection: Collection, description: str, findings: Findings, way: Way) -> Report:
    return describe_findings(description, findings, collection.sources, collection.text_of, way)


def _told(report: Report) -> str:
    if report.status == "not-said":
        return "the sources do not say"
    cited = len({citation.source_id for citation in report.citations})
    quotes = _counted(len(report.citations), "quotation")
    return f"answering with {quotes} from {_counted(cited, 'source')}"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
