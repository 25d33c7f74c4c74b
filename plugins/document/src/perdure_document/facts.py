"""What is found in a document: what steps return.

Whatever its format, a document is a row of blocks: headings, paragraphs, list items, tables. Pages,
slides and sheets are its parts, numbered from 1.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Kind = Literal["pdf", "docx", "pptx", "xlsx", "html", "markdown", "text"]
BlockType = Literal["heading", "paragraph", "item", "quote", "code", "table", "note"]
PartType = Literal["page", "slide", "sheet"]
Row = tuple[str, ...]


class Fact(BaseModel):
    """The base of everything here: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Fact):
    """A file that was recognised as a document.

    Attributes:
        path: Absolute path.
        name: Its last part.
        stem: Its name without the ending; artifacts are named by it.
        kind: What the content is, whatever the name says.
        size: Bytes.
        modified: When it was last changed, in nanoseconds since 1970: a retry sees by it that it
            still reads the same file.
        encoding: Python's name of a text file's encoding; empty for a binary format.
        pages: How many pages a PDF has; 0 for every other kind.
    """

    path: str
    name: str
    stem: str
    kind: Kind
    size: int
    modified: int
    encoding: str = ""
    pages: int = 0


class Block(Fact):
    """A piece of a document.

    Attributes:
        type: What it is; a ``note`` is a speaker's note.
        text: Its text without mark-up; empty for a table.
        markdown: The text as Markdown, where the source had mark-up of its own.
        level: A heading's level from 1, or an item's depth from 0.
        ordered: Whether an item is numbered.
        rows: A table's cells; the first row is its header. Every row is equally long.
        total_rows: How many rows the table has, header included; more than ``rows`` when some
            were left out.
        part: The page, slide or sheet, numbered from 1; 0 when the document has none.
    """

    type: BlockType
    text: str = ""
    markdown: str = ""
    level: int = 0
    ordered: bool = False
    rows: tuple[Row, ...] = ()
    total_rows: int = 0
    part: int = 0


class Document(Fact):
    """A document that was read.

    Attributes:
        title: Its title; the file's name when it has none.
        kind: What it was read from.
        metadata: What the file says of itself, such as ``author`` and ``created``.
        blocks: Its content in reading order.
        parts: What its parts are; ``None`` when it has none.
        names: The names of the parts: sheets have one, pages and slides an empty one.
        notes: What a reader must know about the extraction, each a sentence.
    """

    title: str
    kind: Kind
    metadata: dict[str, str] = {}
    blocks: tuple[Block, ...] = ()
    parts: PartType | None = None
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Place(Fact):
    """Where in a document something stands; fields that do not apply are ``None``.

    Attributes:
        page: Page number from 1.
        slide: Slide number from 1.
        sheet: The sheet's name.
        heading: The nearest heading above it.
    """

    page: int | None = None
    slide: int | None = None
    sheet: str | None = None
    heading: str | None = None


class KeySentence(Fact):
    """A sentence of the document that says much of what it is about.

    Attributes:
        text: The sentence, word for word.
        place: Where it stands.
    """

    text: str
    place: Place


class Counts(Fact):
    """How much there is of what.

    Attributes:
        pages: Pages of a PDF, else 0.
        slides: Slides of a presentation, else 0.
        sheets: Sheets of a workbook, else 0.
        words: Words of everything, tables included.
        headings: Headings.
        tables: Tables.
    """

    pages: int
    slides: int
    sheets: int
    words: int
    headings: int
    tables: int
