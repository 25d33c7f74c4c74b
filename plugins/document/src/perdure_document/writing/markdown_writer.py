"""Writing a document as Markdown."""

import re
from collections.abc import Iterator
from typing import Final

from perdure_document.facts import Block, Document, KeySentence, Row
from perdure_document.formatting import cell, counted, escaped
from perdure_document.writing.markdown_lists import MarkdownList

_SHOWN: Final = {"author": "Author", "created": "Created", "modified": "Modified"}
_FENCES: Final = re.compile("`+")
_NAMES: Final = {
    "header": "Header",
    "footer": "Footer",
    "note": "Speaker's note",
    "comment": "Comment",
}


def write_markdown(document: Document) -> str:
    """Write a document as Markdown: its title, its content, and what was left out.

    Where pages, slides or sheets begin, a comment or a heading says so.
    """
    pieces = list(_pieces(document))
    return "\n\n".join(pieces) + "\n"


def place_in_words(sentence: KeySentence) -> str:
    """Say where a sentence stands: ``page 2, Outlook``."""
    place = sentence.place
    parts = [
        f"page {place.page}" if place.page else "",
        f"slide {place.slide}" if place.slide else "",
        f"sheet {place.sheet}" if place.sheet else "",
        place.heading or "",
    ]
    return ", ".join(part for part in parts if part)


def _pieces(document: Document) -> Iterator[str]:
    blocks = document.blocks
    first = blocks[0] if blocks else None
    if first is None or not (first.type == "heading" and first.text == document.title):
        yield f"# {escaped(document.title)}"
    elif first.level != 1:
        yield f"# {_numbered(first)}"
        blocks = blocks[1:]
    told = [
        f"{name}: {document.metadata[key]}"
        for key, name in _SHOWN.items()
        if key in document.metadata
    ]
    part, items = 0, MarkdownList()
    if told and document.kind != "markdown":
        yield f"<!-- {'; '.join(told).replace('--', '- -')} -->"
    for block in blocks:
        if items and (block.type != "item" or block.part != part):
            yield items.text()
        if block.part != part:
            part = block.part
            yield from _part(document, part, block)
        if block.type == "item":
            items.add(block)
        elif document.parts == "sheet" and block.type == "heading":
            yield f"## {escaped(block.text)}"
        elif written := _written(block):
            yield written
    if items:
        yield items.text()
    if notes := list(_notes(document)):
        yield "---"
        yield "\n".join(f"- {escaped(note)}" for note in notes)


def _notes(document: Document) -> Iterator[str]:
    yield from document.notes
    yield from (
        f"Attached: {one.name} ({one.media_type}, {one.size:,} bytes)."
        for one in document.attachments
    )
    if document.left_out:
        kinds = (counted(count, one) for one, count in document.left_out.items())
        yield f"Left out: {', '.join(kinds)}."


def _part(document: Document, part: int, block: Block) -> Iterator[str]:
    if document.parts == "page":
        yield f"<!-- page {part} -->"
    elif document.parts == "slide":
        yield f"<!-- slide {part} -->"
        if block.type != "heading":
            yield f"## Slide {part}"


def _written(block: Block) -> str:
    text = block.markdown or escaped(block.text)
    match block.type:
        case "heading":
            written = f"{'#' * min(max(block.level, 1), 6)} {_numbered(block)}"
        case "quote":
            written = f"> {text}"
        case "note" | "header" | "footer" | "comment":
            by = f" by {escaped(block.author)}" if block.author else ""
            on = f" on {block.anchor}" if block.anchor else ""
            written = f"> {_NAMES[block.type]}{by}{on}: {text}"
        case "footnote":
            written = f"[^{block.number}]: {text}"
        case "formula":
            written = f"$${block.text}$$ {escaped(block.number)}".rstrip()
        case "picture":
            written = _picture(block)
        case "code":
            fence = "`" * max(3, 1 + max(map(len, _FENCES.findall(block.text)), default=0))
            written = f"{fence}\n{block.text}\n{fence}"
        case "table" if block.markdown:
            written = block.markdown
        case "table" | "chart":
            caption = f"Chart: {text}".removesuffix(": ") if block.type == "chart" else text
            written = f"{caption}\n\n{_table(block)}".strip()
        case _:
            written = _numbered(block)
    return written


def _numbered(block: Block) -> str:
    number = f"{escaped(block.number)} " if block.number else ""
    lines = block.markdown or "\\\n".join(map(escaped, block.text.split("\n")))
    return f"{number}{lines}"


def _picture(block: Block) -> str:
    name = block.picture.name if block.picture else ""
    if not name and block.markdown:
        return block.markdown
    if not name and not block.text:
        return ""
    return f"![{escaped(block.text)}]({name.replace(' ', '%20')})"


def _table(block: Block) -> str:
    if not block.rows:
        return ""
    links = {(link.row, link.column): link.target for link in block.links}
    header, *rows = (_row(number, row, links) for number, row in enumerate(block.rows))
    lines = [header, "|" + ":--|" * len(block.rows[0]), *rows]
    if block.total_rows > len(block.rows):
        lines += [
            "",
            f"The first {len(block.rows) - 1:,} of {block.total_rows - 1:,} rows are shown.",
        ]
    return "\n".join(lines)


def _row(number: int, row: Row, links: dict[tuple[int, int], str]) -> str:
    cells = list(map(cell, row))
    for column, text in enumerate(cells) if links else ():
        if target := links.get((number, column)):
            cells[column] = f"[{text}](<{target.replace('|', '%7C')}>)"
    return f"| {' | '.join(cells)} |"
