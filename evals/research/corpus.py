"""Whether the ``research`` agent answers from a corpus, and says so where it holds no answer.

The figures count without a model. Citations are checked here against the archived texts that the
agent delivers, character by character, and not by the agent's own check.
"""

import asyncio
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, Literal

from pydantic import BaseModel

from benchmarks.verdict import Figure
from evals.artifacts import broken_files
from evals.cases import ResearchCase
from evals.document.words import words_of
from perdure.agents import InputError, StepFailed
from perdure.testing import rehearse

Outcome = Literal["right", "not said", "wrong"]

_AT_ONCE: Final = 2
_LINK: Final = re.compile(r"(?:href|src)=[\"']([^\"']*)")
RIGHT: Final = 0.9
# Of questions in other words than the texts, of which none was taken out for its answer.
_RIGHT_IN_OTHER_WORDS: Final = 0.8
_NOT_SAID_IN_OTHER_WORDS: Final = 0.95


class _Citation(BaseModel):
    number: int
    quote: str
    source: str
    source_id: str
    start: int
    end: int
    columns: list[str] = []


class _Claim(BaseModel):
    text: str
    role: str = "answer"
    citations: list[int] = []


class _Side(BaseModel):
    text: str
    citations: list[int]


class _Contradiction(BaseModel):
    sides: list[_Side]


class _Source(BaseModel):
    addresses: list[str]


class _Report(BaseModel):
    status: Literal["answered", "contradicting", "not-said"]
    answer: str = ""
    claims: list[_Claim] = []
    citations: list[_Citation] = []
    contradictions: list[_Contradiction] = []
    not_found: list[str] = []
    sources: list[_Source] = []


@dataclass(frozen=True)
class ResearchScore:
    """A question, and how it was answered.

    Attributes:
        case: The question.
        outcome: Whether it was answered as it should be.
        answer: What was said.
        citations: How many quotations there are.
        unverified: Those that are not word for word in their archived text.
        bare: Claims without a quotation.
        broken: The files that cannot be read.
        foreign: What is said that no quotation of it says: figures, and links to no source.
        way: What found the answer, by the result's metadata.
        reason: Why, by the result's metadata.
    """

    case: ResearchCase
    outcome: Outcome
    answer: str
    citations: int = 0
    unverified: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    way: str = ""
    reason: str = ""


async def evaluate(cases: Sequence[ResearchCase]) -> list[ResearchScore]:
    """Ask every question, each in a goal of its own, two at a time."""
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(case: ResearchCase) -> ResearchScore:
        async with free:
            return await ask(case)

    return await asyncio.gather(*map(one, cases))


async def ask(case: ResearchCase, depth: str = "standard") -> ResearchScore:
    """Ask a question in a goal of its own, and judge the answer."""
    try:
        done = await rehearse("research", case.ask, {"sources": [str(case.folder)], "depth": depth})
    except (InputError, StepFailed) as error:
        return ResearchScore(case, "wrong", str(error))
    report = _Report.model_validate(json.loads(done.files["report.json"]))
    known = {one.number for one in report.citations}
    return ResearchScore(
        case,
        judge(case, report),
        report.answer,
        len(report.citations),
        tuple(one.quote for one in report.citations if not _is_verified(one, done.files)),
        tuple(one.text for one in report.claims if not known.intersection(one.citations)),
        broken_files(done.files),
        tuple(_foreign(report, done.files)),
        *(str(done.result.metadata.get(name, "")) for name in ("way", "way_reason")),
    )


def _foreign(report: _Report, files: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the figures of claims that their quotations lack, and links that are no source's."""
    for claim in report.claims:
        cited = [one for one in report.citations if one.number in claim.citations]
        known = words_of("\n".join(text for one in cited for text in (one.quote, *one.columns)))
        yield from (
            word for word in words_of(claim.text) if word[0].isdigit() and word not in known
        )
    addresses = {address for source in report.sources for address in source.addresses}
    links = map(html.unescape, _LINK.findall(files["report.html"].decode()))
    yield from (link for link in links if "://" in link and link not in addresses)


def judge(case: ResearchCase, report: _Report) -> Outcome:
    """Say whether a question was answered as it should be.

    A fact has to be right in the first claim, and not be contradicted; each side of a contradiction
    has to be there with its source, and no further one; a list has to be whole.
    """
    if case.kind == "unanswerable":
        if report.claims or report.status != "not-said":
            return "wrong"
        named = not case.absent or any(case.absent in one for one in report.not_found)
        return "right" if named else "wrong"
    if not report.claims:
        return "not said"
    holds = _has_sides(case, report) if case.sides else _has_facts(case, report)
    return "right" if holds else "wrong"


def _has_facts(case: ResearchCase, report: _Report) -> bool:
    if report.contradictions or (case.source and not _is_cited(case, report)):
        return False
    said = [_said(claim, report) for claim in report.claims]
    if case.all:
        return all(any(value in one for one in said) for value in case.all)
    return any(value in said[0] for value in case.right)


def _has_sides(case: ResearchCase, report: _Report) -> bool:
    if len(report.contradictions) != 1:
        return False
    sides = report.contradictions[0].sides
    by_number = {one.number: one for one in report.citations}
    return len(sides) == len(case.sides) and all(
        any(
            any(value in _said(side, report) for value in wanted.right)
            and any(_is_of(case, wanted.source, by_number[number]) for number in side.citations)
            for side in sides
        )
        for wanted in case.sides
    )


def _said(claim: _Claim | _Side, report: _Report) -> str:
    """Return what a claim says, and its quotations as they are printed."""
    quotes = [one.quote for one in report.citations if one.number in claim.citations]
    return "\n".join([claim.text, *quotes])


def _is_cited(case: ResearchCase, report: _Report) -> bool:
    return any(_is_of(case, case.source, one) for one in report.citations)


def _is_of(case: ResearchCase, source: str, citation: _Citation) -> bool:
    return PurePath(citation.source) == case.folder / source


def _is_verified(citation: _Citation, files: Mapping[str, bytes]) -> bool:
    archived = files.get(f"sources/{citation.source_id}.txt")
    if archived is None:
        return False
    return archived.decode("utf-8")[citation.start : citation.end] == citation.quote != ""


def figures(scores: Sequence[ResearchScore]) -> dict[str, Figure]:
    """Return the figures of the questions."""
    silent = [one for one in scores if one.case.kind == "unanswerable"]
    asked = [one for one in scores if one.case.kind != "unanswerable"]
    sides = [one for one in asked if one.case.sides]
    cited = sum(one.citations for one in scores)
    unverified = sum(len(one.unverified) for one in scores)
    documents = _documents(scores)
    return {
        "research_documents": Figure(documents, 200, "at least"),
        "research_questions": Figure(len(scores), 60, "at least"),
        "research_right": Figure(_right(asked), RIGHT, "at least"),
        "research_contradictions_right": Figure(_right(sides), RIGHT, "at least"),
        "research_not_said": Figure(_right(silent), 1.0, "at least"),
        "research_verified": Figure(1 - unverified / max(1, cited), 1.0, "at least"),
        "research_bare_claims": Figure(sum(len(one.bare) for one in scores), 0, "at most"),
    }


def figures_in_other_words(scores: Sequence[ResearchScore]) -> dict[str, Figure]:
    """Return the figures of the questions that have other words than the texts."""
    silent = [one for one in scores if one.case.kind == "unanswerable"]
    asked = [one for one in scores if one.case.kind != "unanswerable"]
    cited = sum(one.citations for one in scores)
    unverified = sum(len(one.unverified) for one in scores)
    return {
        "research_towns_documents": Figure(_documents(scores), 90, "at least"),
        "research_towns_questions": Figure(len(scores), 330, "at least"),
        "research_towns_right": Figure(_right(asked), _RIGHT_IN_OTHER_WORDS, "at least"),
        "research_towns_not_said": Figure(_right(silent), _NOT_SAID_IN_OTHER_WORDS, "at least"),
        "research_towns_verified": Figure(1 - unverified / max(1, cited), 1.0, "at least"),
        "research_towns_bare_claims": Figure(sum(len(one.bare) for one in scores), 0, "at most"),
    }


def _documents(scores: Sequence[ResearchScore]) -> int:
    folders = {one.case.folder for one in scores}
    return sum(path.is_file() for folder in folders for path in folder.rglob("*"))


def _right(scores: Sequence[ResearchScore]) -> float:
    return sum(one.outcome == "right" for one in scores) / max(1, len(scores))


def rows(scores: Iterable[ResearchScore]) -> list[list[str]]:
    """Return the rows of the table for people: a kind of question each, and how it went."""
    kinds: dict[str, list[Outcome]] = {}
    for one in scores:
        kinds.setdefault(one.case.kind, []).append(one.outcome)
    outcomes: tuple[Outcome, ...] = ("right", "not said", "wrong")
    return [
        [kind, str(len(had)), *(str(had.count(outcome)) for outcome in outcomes)]
        for kind, had in kinds.items()
    ]


def failures(scores: Iterable[ResearchScore]) -> Iterator[dict[str, object]]:
    """Yield each question that was not answered as it should be, and what was said."""
    for one in scores:
        if one.outcome != "right" or one.unverified or one.bare or one.broken:
            yield {
                "question": one.case.ask,
                "kind": one.case.kind,
                "outcome": one.outcome,
                "answer": one.answer,
                "unverified": list(one.unverified),
                "bare": list(one.bare),
                "broken": list(one.broken),
            }
