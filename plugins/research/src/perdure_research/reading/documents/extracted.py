"""Reading what the document agent has extracted: its Markdown, page by page, as plain text."""

import re
from collections.abc import Iterator
from typing import Final

from perdure_research.reading.about.dates import iso_date
from perdure_research.reading.plain_text import read_plain
from perdure_research.reading.reading import Reading, TextBuilder

_PART: Final = re.compile(r"^<!-- (?:page|slide) (\d+) -->$", re.MULTILINE)
_ABOUT: Final = re.compile(r"^<!-- (.*) -->\n*", re.MULTILINE)
_DATED: Final = re.compile(r"(Created|Modified): ([^;]+)")
_NOTES: Final = re.compile(r"\n---\n\n(?:- .*\n)+\Z")
_PICTURE: Final = re.compile(r"!\[((?:\\.|[^\]\\])*)\]\((?:<[^>]*>|[^()\s]*)\)")
_LINK: Final = re.compile(r"(?<!\\)\[((?:\\.|[^\]\\])*)\]\((?:<[^>]*>|[^()\s]*)\)")
_EMPHASIS: Final = re.compile(r"(?<!\\)(\*\*\*|\*\*|\*|~~|`+)(?=\S)(.+?)(?<=[^\s\\])\1", re.DOTALL)
_LINE_BREAK: Final = re.compile(r"\\\n")
_ESCAPED: Final = re.compile(r"\\([!-/:-@\[-`{-~])")
_CELLS: Final = re.compile(r"(?<!\\)\|")


def read_extracted(markdown: str, kind: str, title: str, notes: tuple[str, ...] = ()) -> Reading:
    """Return the reading of a document that the document agent has extracted.

    Args:
        markdown: Its Markdown.
        kind: What it is, such as ``docx``.
        title: Its title.
        notes: What the document agent says of how it was read.
    """
    builder = TextBuilder()
    date = ""
    if about := _ABOUT.search(markdown[:1000]):
        dates = {name: iso_date(value) for name, value in _DATED.findall(about[1])}
        date = dates.get("Modified") or dates.get("Created") or ""
    markdown = _NOTES.sub("\n", markdown)
    heading: tuple[str, ...] = ()
    for page, part in _parts(markdown):
        heading = _add_part(part, page, heading, builder)
    return Reading(format=kind, title=title, date=date, content=builder.build(), notes=notes)


def _parts(markdown: str) -> Iterator[tuple[int | None, str]]:
    """Yield the pages or slides with their numbers; what stands before the first belongs to it."""
    pieces = _PART.split(markdown)
    before = _ABOUT.sub("", pieces[0])
    if len(pieces) == 1:
        yield None, before
        return
    for index in range(1, len(pieces), 2):
        yield int(pieces[index]), (before if index == 1 else "") + pieces[index + 1]


def _add_part(
    markdown: str, page: int | None, heading: tuple[str, ...], builder: TextBuilder
) -> tuple[str, ...]:
    """Add a part's blocks, and return the headings that hold at its end."""
    content = read_plain(markdown, markdown=True).content
    path = heading
    for block in content.blocks:
        text = content.of(block)
        above = tuple(map(_plain, block.heading)) or heading
        columns = tuple(map(_plain, block.columns))
        if block.form == "row":
            cells = [_plain(cell.strip()) for cell in _CELLS.split(text.strip().strip("|"))]
            text = " | ".join(cells).strip(" |")
        elif block.form != "code":
            text = _plain(text)
        builder.add(text, block.form, heading=above, page=page, columns=columns)
        path = (*above, text) if block.form == "heading" and block.heading else path
        path = (text,) if block.form == "heading" and not block.heading else path
    return path


def _plain(text: str) -> str:
    """Return what a reader sees of Markdown."""
    text = _LINE_BREAK.sub("\n", text)
    text = _LINK.sub(r"\1", _PICTURE.sub(r"\1", text))
    for _ in range(2):  # bold within italic
        text = _EMPHASIS.sub(r"\2", text)
    return _ESCAPED.sub(r"\1", text)
