"""Writing a document as Markdown."""

from collections.abc import Iterator
from typing import Final

from perdure_document.facts import Block, Document, KeySentence
from perdure_document.formatting import cell, escaped

_SHOWN: Final = {"author": "Author", "created": "Created", "modified": "Modified"}


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
        yield f"# {first.markdown or escaped(first.text)}"
        blocks = blocks[1:]
    told = [
        f"{name}: {document.metadata[key]}"
        for key, name in _SHOWN.items()
        if key in document.metadata
    ]
    part, items, notes = 0, list[str](), list[str]()
    if told and document.kind != "markdown":
        yield f"<!-- {'; '.join(told).replace('--', '- -')} -->"
    number = 0
    for block in blocks:
        if items and block.type != "item":
            yield "\n".join(items)
            items, number = [], 0
        if block.part != part:
            part = block.part
            yield from _part(document, part, block)
        if block.type == "item":
            number = number + 1 if block.ordered and not block.level else number
            items.append(_item(block, number))
        elif document.parts == "sheet" and block.type == "heading":
            yield f"## {escaped(block.text)}"
        else:
            yield _written(block)
    if items:
        yield "\n".join(items)
    notes.extend(document.notes)
    if notes:
        yield "---"
        yield "\n".join(f"- {escaped(note)}" for note in notes)


def _part(document: Document, part: int, block: Block) -> Iterator[str]:
    if document.parts == "page":
        yield f"<!-- page {part} -->"
    elif document.parts == "slide":
        yield f"<!-- slide {part} -->"
        if block.type != "heading":
            yield f"## Slide {part}"


def _item(block: Block, number: int) -> str:
    mark = f"{max(number, 1)}." if block.ordered else "-"
    return f"{'    ' * block.level}{mark} {block.markdown or escaped(block.text)}"


def _written(block: Block) -> str:
    text = block.markdown or escaped(block.text)
    match block.type:
        case "heading":
            return f"{'#' * min(max(block.level, 1), 6)} {text}"
        case "quote":
            return f"> {text}"
        case "note":
            return f"> Speaker's note: {text}"
        case "code":
            fence = "````" if "```" in block.text else "```"
            return f"{fence}\n{block.text}\n{fence}"
        case "table":
            return _table(block)
        case _:
            return text


def _table(block: Block) -> str:
    header, *rows = block.rows
    lines = [_row(header), "|" + ":--|" * len(header), *map(_row, rows)]
    if block.total_rows > len(block.rows):
        lines += [
            "",
            f"The first {len(block.rows) - 1:,} of {block.total_rows - 1:,} rows are shown.",
        ]
    return "\n".join(lines)


def _row(row: tuple[str, ...]) -> str:
    return "| " + " | ".join(map(cell, row)) + " |"
