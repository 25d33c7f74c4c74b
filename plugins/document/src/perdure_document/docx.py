"""Reading DOCX with python-docx."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import docx
from docx.document import Document as WordDocument
from docx.table import Table
from docx.text.paragraph import Paragraph

from perdure_document.facts import Block, Document, Source
from perdure_document.formatting import even, flat
from perdure_document.office_archive import reading
from perdure_document.office_properties import properties

_HEADING: Final = re.compile(r"heading (\d)", re.IGNORECASE)
_DEPTH: Final = re.compile(r"(\d)$")


def read_docx(source: Source, file: Path) -> Document:
    """Read a Word document: headings by style, lists, tables.

    Raises:
        InputError: It cannot be read.
    """
    with reading(file, "docx"):
        document = docx.Document(str(file))
        blocks = tuple(_blocks(document))
        metadata = properties(document.core_properties)
        titled = next(
            (p.text for p in document.paragraphs if _style(p) == "title" and p.text.strip()), ""
        )
        first = next((block.text for block in blocks if block.type == "heading"), "")
        title = flat(titled) or metadata.pop("title", "") or first or source.stem
        metadata.pop("title", None)
        return Document(title=title, kind="docx", metadata=metadata, blocks=blocks)


def _blocks(document: WordDocument) -> Iterator[Block]:
    for content in document.iter_inner_content():
        if isinstance(content, Table):
            rows = even(_cells(content))
            if rows:
                yield Block(type="table", rows=rows, total_rows=len(rows))
        elif text := flat(content.text):
            yield _block(content, text)


def _block(paragraph: Paragraph, text: str) -> Block:
    style = _style(paragraph)
    heading = _HEADING.match(style)
    if style == "title":
        return Block(type="heading", text=text, level=1)
    if heading:
        return Block(type="heading", text=text, level=min(int(heading[1]), 6))
    numbering = paragraph._p.pPr.numPr if paragraph._p.pPr is not None else None  # noqa: SLF001
    if style.startswith("list ") or numbering is not None:
        depth = _DEPTH.search(style)
        level = int(depth[1]) - 1 if depth else 0
        depth_element = getattr(numbering, "ilvl", None)
        if depth_element is not None:
            level = int(depth_element.val)
        ordered = style.startswith("list number")
        return Block(type="item", text=text, level=min(max(level, 0), 5), ordered=ordered)
    if "quote" in style:
        return Block(type="quote", text=text)
    return Block(type="paragraph", text=text)


def _style(paragraph: Paragraph) -> str:
    return ((paragraph.style.name if paragraph.style is not None else None) or "").lower()


def _cells(table: Table) -> Iterator[list[str]]:
    for row in table.rows:
        texts, seen = [], None
        for cell in row.cells:
            # A merged cell is handed out once for every column that it spans.
            texts.append("" if cell._tc is seen else cell.text)  # noqa: SLF001
            seen = cell._tc  # noqa: SLF001
        yield texts
