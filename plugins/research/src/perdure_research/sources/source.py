"""Sources: where they are, what is known of them, and their archived text."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

SourceKind = Literal["prose", "list", "table", "changelog", "code"]
Form = Literal["heading", "paragraph", "item", "row", "code"]


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


class Source(Fact):
    """A source that was read; its archived text is a :class:`SourceText`.

    Attributes:
        id: Made of its archived text, so that the same text has the same id in every goal.
        name: How the report calls it.
        addresses: Absolute paths and URLs where it is, the best known first; several where
            redirects, a canonical link, or the same text under two addresses say that they are
            one.
        title: What it calls itself; its name where it does not say.
        site: Of a page, whose it is, where its title says that behind its own; empty otherwise.
        date: Of its publication or last change, if it says one: ``2024``, ``2024-05`` or
            ``2024-05-17``; empty otherwise.
        sha256: Of its archived text in UTF-8, as 64 hexadecimal digits.
        content_sha256: Of the bytes that were read.
        kind: What most of its text is.
        format: What it was read as, such as ``html`` or ``docx``.
        words: How many words it holds; for scripts without spaces, characters.
        characters: How many characters its archived text has.
        unread_pages: Pages, from 1, on which there is no text to read, such as scans.
        notes: What else of it was not read, in one sentence each.
        cut: Whether it was too long and only its beginning was read.
    """

    id: str
    name: str
    addresses: tuple[str, ...]
    title: str
    site: str = ""
    date: str = ""
    sha256: str
    content_sha256: str
    kind: SourceKind = "prose"
    format: str
    words: int
    characters: int
    unread_pages: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    cut: bool = False

    @property
    def address(self) -> str:
        """The best known of its addresses."""
        return self.addresses[0]


class Block(Fact):
    """A piece of a source's archived text: a paragraph, a list item, a row of a table, a heading.

    Attributes:
        start: Where it begins in the archived text, counted in characters from 0.
        end: Where it ends; the character there is not part of it.
        form: What it is.
        heading: The headings it stands under, outermost first.
        line: Line of its first character, from 1; for text and Markdown.
        page: Page, from 1; for what has pages.
        columns: Of a table's row, the names of its columns where they are known.
    """

    start: int
    end: int
    form: Form = "paragraph"
    heading: tuple[str, ...] = ()
    line: int | None = None
    page: int | None = None
    columns: tuple[str, ...] = ()


class SourceText(Fact):
    """The archived text of a source, against which every quotation is checked.

    Attributes:
        text: All of it, as it was printed; no block is left out.
        blocks: Its pieces in order; none overlaps another.
    """

    text: str
    blocks: tuple[Block, ...]

    def of(self, block: Block) -> str:
        """Return a block's text, word for word."""
        return self.text[block.start : block.end]


class Passage(Fact):
    """A piece of a source's archived text that a search has found.

    Attributes:
        source_id: The source.
        start: Where it begins in the archived text, counted in characters from 0.
        end: Where it ends.
        text: What stands there, word for word.
        score: How well it fits, higher is better; comparable within one search only.
        block: The number of the block in the source's text that it lies in, from 0.
        form: What that block is.
        heading: The headings it stands under, outermost first.
        line: The line it begins in, from 1; for text and Markdown.
        page: Its page, from 1.
        kind: What most of the source is.
    """

    source_id: str
    start: int
    end: int
    text: str
    score: float
    block: int = 0
    form: Form = "paragraph"
    heading: tuple[str, ...] = ()
    line: int | None = None
    page: int | None = None
    kind: SourceKind = "prose"
