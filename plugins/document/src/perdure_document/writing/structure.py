"""What follows from a document's blocks: outline, sections, places and counts."""

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from perdure_document.facts import (
    Attachment,
    Block,
    Counts,
    Document,
    Fact,
    Link,
    Picture,
    Place,
    Row,
    Span,
)
from perdure_document.tables import own_cells
from perdure_document.words import count_words


class Entry(Fact):
    """A line of the outline: a heading, its level from 1, and where it stands."""

    text: str
    level: int
    place: Place


class Section(Fact):
    """A heading and the text up to the next one.

    Attributes:
        heading: The heading; empty for what stands before the first.
        level: Its level from 1; 0 without a heading.
        place: Where it begins.
        words: How many words follow it.
        text: The text, one block a paragraph; tables are listed elsewhere.
    """

    heading: str
    level: int
    place: Place
    words: int
    text: str


class Table(Fact):
    """A table.

    Attributes:
        place: Where it stands.
        caption: Its caption.
        chart: Whether it holds the values of a chart.
        header: Its first row.
        rows: The other rows that are shown.
        header_rows: How many rows at the top are headers, ``header`` among them.
        spans: The cells that cover several rows or columns; row 0 is ``header``.
        links: Where cells lead; row 0 is ``header``.
        total_rows: How many rows it has beside the header.
        anchor: The cell of a sheet where it begins.
    """

    place: Place
    caption: str | None = None
    chart: bool | None = None
    header: Row
    rows: tuple[Row, ...]
    header_rows: int = 1
    spans: tuple[Span, ...] = ()
    links: tuple[Link, ...] = ()
    total_rows: int
    anchor: str | None = None


class Remark(Fact):
    """A footnote with its mark, or a comment with its author and the cell that it is on."""

    place: Place
    text: str
    number: str | None = None
    author: str | None = None
    anchor: str | None = None


class Image(Fact):
    """A picture: what describes it, and the artifact that holds it."""

    place: Place
    text: str
    picture: Picture | None = None


class Extract(Fact):
    """Everything about a document, as ``<name>.json`` tells it."""

    title: str
    kind: str
    source: str
    metadata: dict[str, str]
    counts: Counts
    outline: tuple[Entry, ...]
    sections: tuple[Section, ...]
    tables: tuple[Table, ...]
    pictures: tuple[Image, ...]
    footnotes: tuple[Remark, ...]
    comments: tuple[Remark, ...]
    attachments: tuple[Attachment, ...]
    left_out: dict[str, int]
    notes: tuple[str, ...]


def placed(document: Document) -> Iterator[tuple[Block, Place]]:
    """Yield every block with its place."""
    heading: str | None = None
    for block in document.blocks:
        if block.type == "heading":
            heading = block.numbered_text
        yield block, place_of(document, block, heading)


def place_of(document: Document, block: Block, heading: str | None) -> Place:
    """Return where a block stands, below a heading."""
    if not block.part:
        return Place(heading=heading)
    if document.parts == "sheet":
        return Place(sheet=document.names[block.part - 1])
    if document.parts == "slide":
        return Place(slide=block.part, heading=heading)
    return Place(page=block.part, heading=heading)


def extract(document: Document, source: str) -> Extract:
    """Gather everything about a document.

    Args:
        document: The document.
        source: Its file's name.
    """
    blocks = list(placed(document))
    return Extract(
        title=document.title,
        kind=document.kind,
        source=source,
        metadata=document.metadata,
        counts=count(document),
        outline=tuple(
            Entry(
                text=block.numbered_text,
                level=block.level,
                place=place.model_copy(update=_NO_HEADING),
            )
            for block, place in blocks
            if block.type == "heading"
        ),
        sections=tuple(_sections(blocks)),
        tables=tuple(_table(*one) for one in blocks if one[0].rows),
        pictures=tuple(
            Image(place=place, text=block.text, picture=block.picture)
            for block, place in blocks
            if block.type == "picture"
        ),
        footnotes=tuple(_remark(*one) for one in blocks if one[0].type == "footnote"),
        comments=tuple(_remark(*one) for one in blocks if one[0].type == "comment"),
        attachments=document.attachments,
        left_out=document.left_out,
        notes=document.notes,
    )


def count(document: Document) -> Counts:
    """Count a document's parts, words, headings and tables."""
    kinds: list[Literal["page", "slide", "sheet"]] = ["page", "slide", "sheet"]
    types = Counter(block.type for block in document.blocks)
    pages, slides, sheets = (len(document.names) if document.parts == kind else 0 for kind in kinds)
    return Counts(
        pages=pages,
        slides=slides,
        sheets=sheets,
        words=sum(map(_words, document.blocks)),
        headings=types["heading"],
        tables=types["table"],
        pictures=types["picture"],
        charts=types["chart"],
        footnotes=types["footnote"],
        comments=types["comment"],
    )


_NO_HEADING: dict[str, None] = {"heading": None}


def _sections(blocks: list[tuple[Block, Place]]) -> Iterator[Section]:
    begun: list[tuple[Block, Place]] = []
    for block, place in blocks:
        if block.type == "heading" and begun:
            yield _section(begun)
            begun = []
        begun.append((block, place))
    if begun:
        yield _section(begun)


def _section(blocks: list[tuple[Block, Place]]) -> Section:
    first, place = blocks[0]
    titled = first.type == "heading"
    content = [block for block, _ in blocks[1 if titled else 0 :]]
    return Section(
        heading=first.numbered_text if titled else "",
        level=first.level if titled else 0,
        place=place.model_copy(update=_NO_HEADING),
        words=sum(map(_words, content)),
        text="\n\n".join(block.numbered_text for block in content if block.text),
    )


def _table(block: Block, place: Place) -> Table:
    return Table(
        place=place,
        caption=block.text or None,
        chart=block.type == "chart" or None,
        header=block.rows[0],
        rows=block.rows[1:],
        header_rows=block.header_rows,
        spans=block.spans,
        links=block.links,
        total_rows=block.total_rows - 1,
        anchor=block.anchor or None,
    )


def _remark(block: Block, place: Place) -> Remark:
    return Remark(
        place=place,
        text=block.text,
        number=block.number or None,
        author=block.author or None,
        anchor=block.anchor or None,
    )


def _words(block: Block) -> int:
    return count_words(block.numbered_text) + sum(
        count_words(text) for _, _, text in own_cells(block)
    )
