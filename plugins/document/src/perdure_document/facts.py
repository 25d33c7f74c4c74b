"""What is found in a document: what steps return.

Whatever its format, a document is a row of blocks: headings, paragraphs, list items, tables. Pages,
slides and sheets are its parts, numbered from 1.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

Kind = Literal[
    "pdf",
    "docx",
    "pptx",
    "xlsx",
    "odt",
    "odp",
    "ods",
    "epub",
    "eml",
    "msg",
    "html",
    "markdown",
    "text",
]
BlockType = Literal[
    "heading",
    "paragraph",
    "item",
    "quote",
    "code",
    "formula",
    "table",
    "chart",
    "picture",
    "note",
    "footnote",
    "comment",
    "header",
    "footer",
]
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
    """

    path: str
    name: str
    stem: str
    kind: Kind
    size: int
    modified: int
    encoding: str = ""


class Box(Fact):
    """A rectangle on a page or a slide, in points from its upper left corner."""

    left: float
    top: float
    right: float
    bottom: float


class Span(Fact):
    """A table's cell that covers several rows or columns.

    Attributes:
        row: The row where it begins, from 0.
        column: The column where it begins, from 0.
        rows: How many rows it covers.
        columns: How many columns it covers.
    """

    row: int
    column: int
    rows: int = 1
    columns: int = 1


class Link(Fact):
    """Where a table's cell leads: its row and its column, from 0, and an address."""

    row: int
    column: int
    target: str


class Picture(Fact):
    """A picture in a document. Its bytes stay in the file until they become an artifact.

    Attributes:
        reference: Where the file keeps it, in the format's own terms: ``word/media/image1.png``.
        name: The artifact that it becomes; empty when it becomes none.
        media_type: Its type, such as ``image/png``.
    """

    reference: str
    name: str = ""
    media_type: str = ""


class Block(Fact):
    """A piece of a document.

    Attributes:
        type: What it is. A ``note`` is a speaker's note, a ``comment`` a reviewer's, a ``header``
            and a ``footer`` what stands at the head and foot of every page; a ``chart`` is the
            table of the values that it shows.
        text: Its text without mark-up; of a table or a chart its caption, of a picture its
            description, of a formula its LaTeX.
        markdown: The text as Markdown, where the source had mark-up of its own; of a table the
            whole table.
        level: A heading's level from 1, or an item's depth from 0.
        ordered: Whether an item is numbered.
        number: The number of a heading, an item or a formula, or the mark of a footnote, as the
            document shows it: ``3.``, ``12)``, ``IV.2``, ``*``. It is no part of ``text``.
        author: Who wrote a comment.
        rows: A table's cells; every row is equally long. A cell that covers several rows has its
            text in each of them; one that covers several columns has it in the first.
        header_rows: How many rows at the top are headers.
        spans: The cells that cover several rows or columns.
        links: Where cells of the table lead.
        total_rows: How many rows the table has, header included; more than ``rows`` when some
            were left out.
        anchor: The cell of a sheet where a table begins or that a comment is on, such as ``B4``.
        picture: The picture, for a block of that type.
        part: The page, slide or sheet, numbered from 1; 0 when the document has none.
        box: Where on the page or slide it stands, where that is known.
    """

    type: BlockType
    text: str = ""
    markdown: str = ""
    level: int = 0
    ordered: bool = False
    number: str = ""
    author: str = ""
    rows: tuple[Row, ...] = ()
    header_rows: int = 1
    spans: tuple[Span, ...] = ()
    links: tuple[Link, ...] = ()
    total_rows: int = 0
    anchor: str = ""
    picture: Picture | None = None
    part: int = 0
    box: Box | None = None

    @property
    def numbered_text(self) -> str:
        """The text after its number, as people read it."""
        return f"{self.number} {self.text}".strip()

    @property
    def all_text(self) -> str:
        """All its text one after the other, the cells of a table included."""
        values = (value for row in self.rows for value in row)
        return " ".join(text for text in (self.numbered_text, *values) if text)

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write only what is set: a journal holds many thousand blocks."""
        fields = type(self).model_fields
        return {
            name: value
            for name, value in handler(self).items()
            if name not in fields or getattr(self, name) != fields[name].default
        }


class Position(Fact):
    """Where exactly something stands in a document, for what is said with evidence.

    Attributes:
        block: The index of its block, from 0.
        start: Its first character in the block's ``text``, or in that of the cell.
        end: The character after its last one.
        row: The row of the table's cell that it stands in, from 0; ``None`` outside tables.
        column: The column of that cell, from 0.
        part: The page, slide or sheet, numbered from 1; 0 when the document has none.
        box: Where on the page or slide it stands, where that is known.
    """

    block: int
    start: int
    end: int
    row: int | None = None
    column: int | None = None
    part: int = 0
    box: Box | None = None


class Attachment(Fact):
    """A file that an e-mail carries: its name, its type such as ``image/png``, its bytes."""

    name: str
    media_type: str
    size: int


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
        attachments: The files that an e-mail carries.
        left_out: What the file holds and the blocks do not: how often, by what it is in the
            singular, such as ``embedded object``. Whatever could not be carried over is here.
    """

    title: str
    kind: Kind
    metadata: dict[str, str] = {}
    blocks: tuple[Block, ...] = ()
    parts: PartType | None = None
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    left_out: dict[str, int] = {}


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
        pictures: Pictures.
        charts: Charts.
        footnotes: Footnotes and endnotes.
        comments: Comments.
    """

    pages: int
    slides: int
    sheets: int
    words: int
    headings: int
    tables: int
    pictures: int = 0
    charts: int = 0
    footnotes: int = 0
    comments: int = 0
