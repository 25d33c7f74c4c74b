"""Reading a recognised document, whatever its kind; the libraries are imported when needed."""

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from perdure.agents import InputError
from perdure_document.facts import Block, Document, Row, Source
from perdure_document.formatting import counted
from perdure_document.lines import Line
from perdure_document.source import unchanged

LONGEST: Final = 4_000_000
_DATE: Final = re.compile(
    r"^(?:D:)?(\d{4})(\d\d)?(\d\d)?(?:(\d\d)(\d\d)(\d\d)?)?(?:(Z)|([+-]\d\d)'?(\d\d)?)?"
)
_PDF_FIELDS: Final = {
    "Author": "author",
    "Subject": "subject",
    "Keywords": "keywords",
    "CreationDate": "created",
    "ModDate": "modified",
    "Producer": "producer",
}


def read_whole(source: Source) -> Document:
    """Read a document that is no PDF.

    Raises:
        InputError: It cannot be read, has no text, or changed since it was recognised.
    """
    file = unchanged(source)
    if source.kind == "docx":
        from perdure_document.docx import read_docx as read
    elif source.kind == "pptx":
        from perdure_document.pptx import read_pptx as read
    elif source.kind == "xlsx":
        from perdure_document.xlsx import read_xlsx as read
    elif source.kind == "html":
        from perdure_document.html import read_html as read
    elif source.kind == "markdown":
        from perdure_document.markdown import read_markdown as read
    else:
        from perdure_document.plaintext import read_text as read
    document = _shortened(read(source, file))
    if not any(_says_something(document, block) for block in document.blocks):
        raise InputError(f"{file} holds no text: give a document with text in it")
    return document


def read_pages(source: Source, first: int, last: int) -> list[Line]:
    """Read the lines of pages ``first`` to ``last`` of a PDF, both included.

    Raises:
        InputError: It cannot be read, or changed since it was recognised.
    """
    from perdure_document import pdf

    return pdf.read_lines(unchanged(source), first, last)


def arrange_pages(source: Source, lines: Sequence[Line]) -> Document:
    """Make a document of a PDF's lines.

    Raises:
        InputError: There is no text on any page, or the file changed since it was recognised.
    """
    from perdure_document import layout, pdf

    file = unchanged(source)
    if not any(any(map(str.isalnum, line.text)) for line in lines):
        raise InputError(
            f"{file} has {counted(source.pages, 'page')} but no text, only pictures such as a"
            " scan: run a text recognition (OCR) over it first, there is none here"
        )
    kept, dropped = layout.without_running_lines(lines)
    blocks = tuple(layout.blocks_of(kept))
    told = pdf.read_metadata(file)
    notes = []
    if dropped:
        notes.append(f"{counted(dropped, 'running head or foot line')} left out.")
    empty = sorted(set(range(1, source.pages + 1)) - {line.page for line in lines})
    if empty:
        some = ", ".join(map(str, empty[:10])) + (", …" if len(empty) > 10 else "")
        notes.append(f"No text on {counted(len(empty), 'page')}: {some}.")
    headings = [block for block in blocks if block.type == "heading"]
    top = min((block.level for block in headings), default=0)
    first = next((block.text for block in headings if block.level == top), "")
    return _shortened(
        Document(
            title=told.get("Title", "").strip() or first or source.stem,
            kind="pdf",
            metadata={
                name: _date(told[field]) if "Date" in field else told[field].strip()
                for field, name in _PDF_FIELDS.items()
                if told.get(field, "").strip()
            },
            blocks=blocks,
            parts="page",
            names=("",) * source.pages,
            notes=tuple(notes),
        )
    )


def _says_something(document: Document, block: Block) -> bool:
    """Say whether a block has content: the name of a sheet has not."""
    return block.type != "heading" or document.parts != "sheet"


def _shortened(document: Document) -> Document:
    """Keep the first few million characters, and say so: the journal holds all that is read."""
    left = LONGEST
    for number, block in enumerate(document.blocks):
        length = len(block.text) + len(block.markdown) + sum(map(_length, block.rows))
        if length > left:
            note = f"Only the first {LONGEST:,} characters were extracted."
            blocks = (*document.blocks[:number], _beginning(block, left))
            return document.model_copy(update={"blocks": blocks, "notes": (*document.notes, note)})
        left -= length
    return document


def _beginning(block: Block, characters: int) -> Block:
    """Cut a block short; of a table its header stays, and the rows that fit."""
    reached = accumulate(map(_length, block.rows))
    rows = [row for row, end in zip(block.rows, reached, strict=True) if end <= characters]
    update = {
        "text": block.text[:characters],
        "markdown": "",
        "rows": tuple(rows) or block.rows[:1],
    }
    return block.model_copy(update=update)


def _length(row: Row) -> int:
    return sum(map(len, row))


def _date(text: str) -> str:
    """Return a PDF's date, such as ``D:20240506120000+02'00'``, as ISO 8601."""
    found = _DATE.match(text)
    if found is None:
        return text
    year, month, day, hour, minute, second, utc, offset, offset_minutes = found.groups()
    date = "-".join(part for part in (year, month, day) if part)
    if hour is None:
        return date
    zone = "+00:00" if utc else f"{offset}:{offset_minutes or '00'}" if offset else ""
    return f"{date}T{hour}:{minute}:{second or '00'}{zone}"
