"""The research agent: from sources to an answer that quotes them."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from pydantic import JsonValue

from perdure.agents import Agent, InputError, Progress, Result, Run, StepFailed
from perdure_research.answer_choice import choose
from perdure_research.facts import Answer, Found, Location, Source, Unread
from perdure_research.fetch import SourceUnreachable
from perdure_research.parameters import Depth, ResearchParameters
from perdure_research.report import summarise, whole_answer, write_report
from perdure_research.source_reader import read_source
from perdure_research.source_search import find_sources, require_sources

_READ_AT_ONCE: Final = 4
_REASONS_TOLD: Final = 3


class ResearchAgent(Agent[ResearchParameters]):
    """Answers from sources by quoting them; delivers ``report.md`` and ``citations.json``."""

    def __init__(self, run: Run, parameters: ResearchParameters) -> None:
        super().__init__(run, parameters)
        self._found: Found | None = None
        self._sources: dict[str, Source] = {}
        self._failed: dict[str, StepFailed] = {}
        self._answer: Answer | None = None
        self._delivered = False
        self._at_once = asyncio.Semaphore(_READ_AT_ONCE)

    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        """Find the sources, read each, choose the sentences that answer, and write."""
        yield Progress(percentage=0, message="looking for the sources")
        given, depth = self.parameters.sources, self.parameters.depth
        require_sources(given)
        self._found = found = await self.run.step("find sources", find_sources, given, depth)
        reading = [asyncio.create_task(self._read(location)) for location in found.locations]
        try:
            for done, task in enumerate(asyncio.as_completed(reading)):
                name = await task
                yield Progress(percentage=round(5 + 70 * done / len(reading), 1), message=name)
        finally:
            for unfinished in reading:
                unfinished.cancel()
            await asyncio.gather(*reading, return_exceptions=True)
        sources = self._read_sources()
        if not sources:
            raise self._nothing_read()
        told = f"searching {_counted(len(sources), 'source')} for an answer"
        yield Progress(percentage=75, message=told)
        answering = partial(_choose_from, sources)
        digests = [source.digest for source in sources]
        answer = await self.run.step("choose", answering, digests, description, depth)
        if not answer.citations:
            raise self._nothing_answers(answer, len(sources))
        self._answer = answer
        yield Progress(percentage=90, message=_quoting(answer))
        cited = [citation.model_dump(mode="json") for citation in answer.citations]
        await self.run.artifact(
            "citations.json", json.dumps(cited, indent=2, ensure_ascii=False) + "\n"
        )
        report = write_report(description, answer, sources, self._unread(), found)
        await self.run.artifact("report.md", report)
        self._delivered = True
        yield Progress(percentage=100, message=_quoting(answer))

    async def get_results(self) -> Result:
        """Return the answer, or what was read when there is none."""
        sources = self._read_sources()
        data: dict[str, JsonValue] = {
            "sources": [self._described(source) for source in sources],
            "failed": [one.model_dump(mode="json") for one in self._unread()],
            "left_out": self._found.left_out if self._found else 0,
        }
        if self._answer is None:
            if self._found is None:
                return Result()
            told = f"Read {_counted(len(sources), 'source')}; found no answer."
            return Result(summary=told, data=data)
        summary = summarise(self._answer)
        if not self._delivered:
            summary = f"{summary} The report was not finished."
        core: dict[str, JsonValue] = {
            "answer": whole_answer(self._answer),
            "citations": [one.model_dump(mode="json") for one in self._answer.citations],
            "terms": list(self._answer.terms),
            "missing": list(self._answer.missing),
        }
        return Result(summary=summary, data={**core, **data})

    async def _read(self, location: Location) -> str:
        """Read a source, or remember why that failed; return what to tell."""
        async with self._at_once:
            try:
                source = await self.run.step("read", read_source, location)
            except StepFailed as failed:
                self._failed[location.address] = failed
                return f"could not read {location.name}"
        self._sources[location.address] = source
        return f"read {location.name}, {source.words:,} words"

    def _read_sources(self) -> list[Source]:
        """Return what was read, in the order given, the same text once."""
        locations = self._found.locations if self._found else ()
        read = [self._sources[one.address] for one in locations if one.address in self._sources]
        return list({source.digest: source for source in reversed(read)}.values())[::-1]

    def _unread(self) -> list[Unread]:
        if self._found is None:
            return []
        failed = [
            Unread(source=location.name, reason=str(self._failed[location.address]))
            for location in self._found.locations
            if location.address in self._failed
        ]
        return [*self._found.unread, *failed]

    def _described(self, source: Source) -> JsonValue:
        citations = self._answer.citations if self._answer else ()
        address = source.location.address
        return {
            "name": source.location.name,
            "address": address,
            "kind": source.kind,
            "title": source.title,
            "words": source.words,
            "cut": source.cut,
            "cited": [one.number for one in citations if one.address == address],
        }

    def _nothing_read(self) -> Exception:
        unread = self._unread()
        reasons = "; ".join(one.reason for one in unread[:_REASONS_TOLD])
        more = len(unread) - _REASONS_TOLD
        if len(unread) > 1:
            reasons = f"research could read none of its {len(unread)} sources: {reasons}"
        if more > 0:
            reasons = f"{reasons}; and {more} more"
        return self._ended(reasons)

    def _nothing_answers(self, answer: Answer, read: int) -> Exception:
        unread = len(self._unread())
        terms = ", ".join(answer.terms[:10]) or "no word to look for"
        failed = f" ({unread} more could not be read)" if unread else ""
        return self._ended(
            f"nothing in the {_counted(read, 'source')} read{failed} answers the question (looked"
            f" for: {terms}): ask in other words, or add sources that speak of it"
        )

    def _ended(self, reason: str) -> Exception:
        """Return the error that ends the run: a passing one where a source may answer later."""
        passing = [one for one in self._failed.values() if not one.failure.permanent]
        if not passing:
            return InputError(reason)
        # Their steps are forgotten with the error that they caused, so that a retry reads anew.
        error = SourceUnreachable(reason)
        error.__cause__ = ExceptionGroup("sources that may answer later", passing)
        return error


def _choose_from(
    sources: list[Source], digests: list[str], description: str, depth: Depth
) -> Answer:
    """Choose from the sources whose digests name the step."""
    assert [source.digest for source in sources] == digests
    return choose(sources, description, depth)


def _quoting(answer: Answer) -> str:
    cited = len({citation.address for citation in answer.citations})
    quotes = _counted(len(answer.citations), "sentence")
    return f"answering with {quotes} from {_counted(cited, 'source')}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
