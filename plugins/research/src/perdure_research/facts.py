"""What the research agent finds out; every step returns one of these."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Kind = Literal["text", "markdown", "html", "pdf"]


class Fact(BaseModel):
    """The base of every model here: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Location(Fact):
    """Something to read.

    Attributes:
        name: How the report calls it: the source as it was given, and the way from there.
        address: An absolute path or a URL.
        remote: Whether the address is a URL.
    """

    name: str
    address: str
    remote: bool = False


class Unread(Fact):
    """A source that could not be read, and why.

    Attributes:
        source: What was given, or the file found in a folder.
        reason: One sentence.
    """

    source: str
    reason: str


class Found(Fact):
    """What the sources come down to.

    Attributes:
        locations: What to read, each once.
        unread: Sources that lead to nothing.
        left_out: How many more there are than the depth allows.
    """

    locations: tuple[Location, ...]
    unread: tuple[Unread, ...] = ()
    left_out: int = 0


class Block(Fact):
    """A paragraph, a list item or a row of a table, word for word.

    Attributes:
        text: As it stands in the source's text; line breaks are kept.
        heading: The headings it stands under, outermost first.
        line: Line of its first character, from 1; for text and Markdown.
        page: Page, from 1; for PDF.
    """

    text: str
    heading: tuple[str, ...] = ()
    line: int | None = None
    page: int | None = None


class Source(Fact):
    """A source that was read.

    Attributes:
        title: What it calls itself; its name where it does not say.
        digest: SHA-256 of its text, so that the same text counts once.
        words: How many words it holds.
        cut: Whether it was too long and only its beginning counts.
    """

    location: Location
    kind: Kind
    title: str
    digest: str
    words: int
    blocks: tuple[Block, ...]
    cut: bool = False


class Citation(Fact):
    """A quotation and where it stands.

    Attributes:
        number: 1, 2, 3 … as in the answer.
        quote: Word for word from the source's text, line breaks included.
        source: The source's name.
        address: Its absolute path or URL.
        title: What the source calls itself.
        heading: The headings the quote stands under.
        page: Its page, for PDF.
        line: The line it begins in, for text and Markdown.
        place: Heading, page and line in words.
        score: How well it answers, 1 for the best.
    """

    number: int
    quote: str
    source: str
    address: str
    title: str
    heading: tuple[str, ...] = ()
    page: int | None = None
    line: int | None = None
    place: str
    score: float


class Answer(Fact):
    """What the sources say to the question.

    Attributes:
        citations: The quotations that answer, best first; none when nothing does.
        terms: The words of the question that were looked for.
        missing: Those of them that no source has.
        sentences: How many sentences were compared.
    """

    citations: tuple[Citation, ...]
    terms: tuple[str, ...]
    missing: tuple[str, ...] = ()
    sentences: int = 0
