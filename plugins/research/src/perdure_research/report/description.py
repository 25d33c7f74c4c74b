"""Describing what was found: where each quotation stands, and what is said of it all."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from perdure_research.answers.claims import Citation, Claim, Findings
from perdure_research.answers.quoting import in_words, is_verified
from perdure_research.report.outcome import (
    Contradiction,
    Report,
    ReportedCitation,
    ReportedClaim,
    ReportedSource,
    Side,
    Status,
    Way,
)
from perdure_research.sources.source import Block, Source, SourceText, Unread

_SURROUNDINGS: Final = 160


def describe_findings(
    question: str,
    findings: Findings,
    sources: Sequence[Source],
    text_of: Callable[[str], SourceText],
    way: Way = "rules",
) -> Report:
    """Return what was found as a report, every quotation checked against its source's text.

    A claim whose quotations are not word for word in their sources goes, and so does a
    contradiction that has lost a side.

    Args:
        question: The question.
        findings: What was found.
        sources: All sources that were read.
        text_of: Returns the archived text of a source.
        way: What found it.
    """
    known = {source.id: source for source in sources}
    numbered: dict[tuple[str, int, int], ReportedCitation] = {}

    def reported(citation: Citation, number: int) -> ReportedCitation | None:
        source = known.get(citation.source)
        if source is None:
            return None
        text = text_of(source.id)
        if not is_verified(citation, text):
            return None
        also = tuple(known[one].title for one in citation.also if one in known)
        return _cited(citation, source, text, number).model_copy(update={"also": also})

    def numbers_of(claim: Claim) -> tuple[int, ...]:
        numbers = []
        for citation in claim.citations:
            key = (citation.source, citation.start, citation.end)
            one = numbered.get(key) or reported(citation, len(numbered) + 1)
            if one is not None:
                numbered[key] = one
                numbers.append(one.number)
        return tuple(dict.fromkeys(numbers))

    claims: dict[int, ReportedClaim] = {}
    for place, claim in enumerate(findings.claims):
        if numbers := numbers_of(claim):
            claims[place] = ReportedClaim(
                text=claim.text, role=claim.role, question=claim.question, citations=numbers
            )
    citations = tuple(numbered.values())
    contradictions = _contradictions(findings, claims, citations)
    nearest = tuple(
        one
        for number, citation in enumerate(findings.nearest, len(citations) + 1)
        if (one := reported(citation, number)) is not None
    )
    status: Status = "contradicting" if contradictions else "answered" if claims else "not-said"
    report = Report(
        question=question,
        status=status,
        answer="",
        claims=tuple(claims.values()),
        citations=citations,
        contradictions=contradictions,
        not_found=_not_found(findings, len(sources)),
        absent=findings.absent,
        nearest=nearest,
        sources=tuple(_listed(source, citations) for source in sources),
        way=way,
    )
    return report.model_copy(update={"answer": answer_of(report)})


def completed(
    report: Report, archives: Mapping[str, str], unread: Sequence[Unread], left_out: int
) -> Report:
    """Return a report with what is known of the sources in the end.

    Args:
        report: The report.
        archives: The names of the artifacts that hold archived texts, by source id.
        unread: What could not be read.
        left_out: How many more sources there are than the depth allows.
    """
    sources = tuple(
        one.model_copy(update={"archive": archives.get(one.id, "")}) for one in report.sources
    )
    return report.model_copy(
        update={"sources": sources, "unread": tuple(unread), "left_out": left_out}
    )


def answer_of(report: Report) -> str:
    """Return the whole answer in words, with the numbers of its quotations."""
    if report.status == "not-said":
        return " ".join(report.not_found)
    said = [_with_numbers(claim) for claim in report.claims if claim.role != "support"]
    if report.status == "contradicting":
        said = [f"The sources contradict each other. {said[0]}", *said[1:]]
    said += [_with_numbers(claim) for claim in report.claims if claim.role == "support"]
    return " ".join([*said, *report.not_found])


def summary_of(report: Report) -> str:
    """Return the answer in a sentence or two."""
    if report.status == "not-said":
        return " ".join(report.not_found)
    if report.status == "contradicting":
        sides = [
            f"“{side.text}” ({', '.join(filter(None, (_short(side.sources[0]), side.date)))})"
            f" {_numbers(side.citations)}"
            for side in report.contradictions[0].sides
        ]
        others = [_with_numbers(claim) for claim in report.undisputed]
        return " ".join(
            [
                f"The sources contradict each other: {'; '.join(sides)}.",
                *others[:1],
                *report.not_found[:2],
            ]
        )
    first = [claim for claim in report.claims if claim.role == "answer"] or list(report.claims)
    said = [_with_numbers(claim) for claim in first[:2]]
    whole = " ".join(said)
    answered = whole if len(whole) <= 420 else said[0]
    return " ".join([answered, *report.not_found[:2]])


def _short(title: str) -> str:
    """Return a title, of a path its last part."""
    return title if "://" in title or " " in title else title.rpartition("/")[2]


def _with_numbers(claim: ReportedClaim) -> str:
    return f"{claim.text} {_numbers(claim.citations)}"


def _numbers(numbers: Sequence[int]) -> str:
    return "".join(f"[{number}]" for number in numbers)


def _not_found(findings: Findings, read: int) -> tuple[str, ...]:
    """Return what was not found, in sentences."""
    said = []
    if findings.absent:
        names = _listed_words(findings.absent)
        said.append(f"The sources do not speak of {names}.")
    for part in findings.not_found:
        count = "the one source" if read == 1 else f"none of the {read:,} sources"
        does = "does not answer" if read == 1 else "answers"
        said.append(f"{count[0].upper()}{count[1:]} {does} “{in_words(part)}”.")
    if not findings.claims and not said:
        said.append("The sources do not say.")
    return tuple(said)


def _listed_words(words: Sequence[str]) -> str:
    quoted = [f"“{word}”" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _contradictions(
    findings: Findings,
    claims: Mapping[int, ReportedClaim],
    citations: Sequence[ReportedCitation],
) -> tuple[Contradiction, ...]:
    by_number = {one.number: one for one in citations}
    found = []
    for disagreement in findings.disagreements:
        sides = [claims[place] for place in disagreement.claims if place in claims]
        if len(sides) > 1:
            found.append(
                Contradiction(
                    sides=tuple(
                        Side(
                            text=side.text,
                            citations=side.citations,
                            sources=tuple(
                                dict.fromkeys(by_number[one].title for one in side.citations)
                            ),
                            date=by_number[side.citations[0]].date,
                        )
                        for side in sides
                    )
                )
            )
    return tuple(found)


def _cited(citation: Citation, source: Source, text: SourceText, number: int) -> ReportedCitation:
    block = _block_at(text, citation.start)
    line = None
    if block is not None and block.line is not None:
        line = block.line + text.text.count("\n", block.start, citation.start)
    before = text.text[max(0, citation.start - _SURROUNDINGS) : citation.start]
    after = text.text[citation.end : citation.end + _SURROUNDINGS]
    return ReportedCitation(
        number=number,
        quote=citation.quote,
        source=source.name,
        source_id=source.id,
        address=source.address,
        title=source.title,
        date=source.date,
        start=citation.start,
        end=citation.end,
        before=before.partition(" ")[2] if citation.start > _SURROUNDINGS else before,
        after=after.rpartition(" ")[0] if len(after) == _SURROUNDINGS else after,
        heading=block.heading if block else (),
        columns=block.columns if block else (),
        page=block.page if block else None,
        line=line,
        place=_place(block, line, source.title),
    )


def _block_at(text: SourceText, start: int) -> Block | None:
    place = bisect_right([block.start for block in text.blocks], start) - 1
    return text.blocks[place] if place >= 0 else None


def _place(block: Block | None, line: int | None, title: str) -> str:
    """Return where a quotation stands: page, headings below the title, line."""
    if block is None:
        return "text"
    heading = block.heading[1:] if block.heading[:1] == (title,) else block.heading
    parts = (
        None if block.page is None else f"page {block.page}",
        " › ".join(heading) or None,  # noqa: RUF001 -- as people write paths
        None if line is None else f"line {line}",
    )
    return ", ".join(filter(None, parts)) or "text"


def _listed(source: Source, citations: Sequence[ReportedCitation]) -> ReportedSource:
    return ReportedSource(
        id=source.id,
        name=source.name,
        title=source.title,
        addresses=source.addresses,
        date=source.date,
        kind=source.kind,
        format=source.format,
        words=source.words,
        sha256=source.sha256,
        unread_pages=source.unread_pages,
        notes=source.notes,
        cut=source.cut,
        cited=tuple(one.number for one in citations if one.source_id == source.id),
    )
