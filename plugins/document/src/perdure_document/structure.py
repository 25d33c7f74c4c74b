"""What follows from a document's blocks: outline, sections, places and counts."""

from collections.abc import Iterator
from typing import Literal

from perdure_document.facts import Block, Counts, Document, Fact, Place, Row


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
        header: Its first row.
        rows: The other rows that are shown.
        total_rows: How many rows it has beside the header.
    """

    place: Place
    header: Row
    rows: tuple[Row, ...]
    total_rows: int


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
    notes: tuple[str, ...]


def placed(document: Document) -> Iterator[tuple[Block, Place]]:
    """Yield every block with its place."""
    heading: str | None = None
    for block in document.blocks:
        if block.type == "heading":
            heading = block.text
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
            Entry(text=block.text, level=block.level, place=place.model_copy(update=_NO_HEADING))
            for block, place in blocks
            if block.type == "heading"
        ),
        sections=tuple(_sections(blocks)),
        tables=tuple(
            Table(
                place=place,
                header=block.rows[0],
                rows=block.rows[1:],
                total_rows=block.total_rows - 1,
            )
            for block, place in blocks
            if block.type == "table"
        ),
        notes=document.notes,
    )


def count(document: Document) -> Counts:
    """Count a document's parts, words, headings and tables."""
    kinds: list[Literal["page", "slide", "sheet"]] = ["page", "slide", "sheet"]
    pages, slides, sheets = (len(document.names) if document.parts == kind else 0 for kind in kinds)
    return Counts(
        pages=pages,
        slides=slides,
        sheets=sheets,
        words=sum(map(_words, document.blocks)),
        headings=sum(block.type == "heading" for block in document.blocks),
        tables=sum(block.type == "table" for block in document.blocks),
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
        heading=first.text if titled else "",
        level=first.level if titled else 0,
        place=place.model_copy(update=_NO_HEADING),
        words=sum(map(_words, content)),
        text="\n\n".join(block.text for block in content if block.text),
    )


def _words(block: Block) -> int:
    return len(block.text.split()) + sum(len(value.split()) for row in block.rows for value in row)
