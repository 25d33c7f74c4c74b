"""The result of a goal as data: ``report.json``, whose JSON schema is published with it."""

from typing import Literal

from pydantic import Field

from perdure_research.answers.claims import Role
from perdure_research.sources.source import Fact, SourceKind, Unread

Status = Literal["answered", "contradicting", "not-said"]
Way = Literal["rules", "model"]


class ReportedCitation(Fact):
    """A quotation, checked word for word against the archived text of its source.

    Attributes:
        number: 1, 2, 3 … as in the answer.
        quote: Word for word the archived text from ``start`` to ``end``, line breaks included.
        source: The source's name.
        source_id: Its id.
        address: Its path or URL.
        title: What it calls itself.
        date: Its date, if it says one.
        start: Where the quotation begins in the archived text, in characters from 0.
        end: Where it ends, exclusive.
        before: What stands before it there.
        after: What stands after it.
        heading: The headings it stands under, outermost first.
        columns: Of a table's row, the names of its columns.
        page: Its page.
        line: The line it begins in, for text and Markdown.
        place: Heading, page and line in words.
        also: Other sources in which the same words stand.
    """

    number: int
    quote: str
    source: str
    source_id: str
    address: str
    title: str
    date: str = ""
    start: int
    end: int
    before: str = ""
    after: str = ""
    heading: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    page: int | None = None
    line: int | None = None
    place: str
    also: tuple[str, ...] = ()


class ReportedClaim(Fact):
    """A sentence of the answer.

    Attributes:
        text: The sentence.
        role: The answer, what bears it out, or what contradicts it.
        question: The part of the question that it answers; empty where that was not split.
        citations: The numbers of its quotations, at least one.
    """

    text: str
    role: Role = "answer"
    question: str = ""
    citations: tuple[int, ...] = Field(min_length=1)


class Side(Fact):
    """One of several answers that contradict each other.

    Attributes:
        text: The claim.
        citations: The numbers of its quotations.
        sources: The titles of their sources.
        date: The date of the first of them, if it says one.
    """

    text: str
    citations: tuple[int, ...]
    sources: tuple[str, ...]
    date: str = ""


class Contradiction(Fact):
    """Answers that cannot all be true.

    Attributes:
        sides: The answers, at least two.
    """

    sides: tuple[Side, ...] = Field(min_length=2)


class ReportedSource(Fact):
    """A source that was read.

    Attributes:
        id: Its id.
        name: What it was given as, or found as.
        title: What it calls itself.
        addresses: Its paths and URLs: one page under several addresses is one source.
        date: Its date, if it says one.
        kind: What most of its text is.
        format: What it was read as.
        words: How many words it holds.
        sha256: Of its archived text in UTF-8.
        archive: The artifact that holds the archived text; empty where it was too much to keep.
        unread_pages: Its pages without text, such as scans.
        notes: What else of it was not read.
        cut: Whether only its beginning was read.
        cited: The numbers of its quotations.
    """

    id: str
    name: str
    title: str
    addresses: tuple[str, ...]
    date: str = ""
    kind: SourceKind
    format: str
    words: int
    sha256: str
    archive: str = ""
    unread_pages: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    cut: bool = False
    cited: tuple[int, ...] = ()


class Report(Fact):
    """What a goal found out.

    Attributes:
        question: The question.
        status: Whether the sources answer it, contradict each other, or do not say.
        answer: The answer in words, each sentence with the numbers of its quotations.
        claims: Its sentences, the most direct answer first.
        citations: The quotations.
        contradictions: Claims that contradict each other, side by side.
        not_found: What was looked for and not found, in sentences.
        absent: The names and words of the question that no source speaks of.
        nearest: Where nothing answers, what comes nearest; it is no answer.
        sources: The sources that were read.
        unread: Those that could not be read, and why.
        left_out: How many more there are than the depth allows.
        way: Whether rules or a model found the answer.
    """

    question: str
    status: Status
    answer: str
    claims: tuple[ReportedClaim, ...] = ()
    citations: tuple[ReportedCitation, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    not_found: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    nearest: tuple[ReportedCitation, ...] = ()
    sources: tuple[ReportedSource, ...] = ()
    unread: tuple[Unread, ...] = ()
    left_out: int = 0
    way: Way = "rules"

    @property
    def undisputed(self) -> tuple[ReportedClaim, ...]:
        """The claims of the answer that nothing contradicts."""
        disputed = {
            number for one in self.contradictions for side in one.sides for number in side.citations
        }
        return tuple(
            claim
            for claim in self.claims
            if claim.role == "answer" and not disputed & set(claim.citations)
        )
