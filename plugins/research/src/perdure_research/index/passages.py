"""Cutting a source's blocks into the passages that are searched."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from perdure_research.sources.source import Block, SourceText

LONGEST: Final = 1200
_LEAD_CHARACTERS: Final = 200
_END: Final = re.compile(r"(?:[.!?…][\"'”’)\]]*\s|[。！？]|\n)")  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage before it is indexed: the number of its block, its offsets, what it belongs to."""

    block: int
    start: int
    end: int
    context: str


def pieces_of(content: SourceText, title: str) -> Iterator[Piece]:
    """Yield the passages of a source: its blocks, the long ones in pieces of whole sentences.

    Their context is what says what they are about: the title, headings, the names of columns, and
    for items and rows the sentence that leads to them.
    """
    lead = ""
    for number, block in enumerate(content.blocks):
        if block.form == "paragraph":
            lead = content.text[max(block.start, block.end - _LEAD_CHARACTERS) : block.end]
        elif block.form == "heading":
            lead = ""
        about = [title, *block.heading, *block.columns]
        if block.form in {"item", "row"}:
            about.append(lead)
        context = " / ".join(filter(None, about))
        for start, end in _spans(content.text, block):
            yield Piece(number, start, end, context)


def _spans(text: str, block: Block) -> Iterator[tuple[int, int]]:
    start = block.start
    while block.end - start > LONGEST:
        cut = start
        for match in _END.finditer(text, start + LONGEST // 4, start + LONGEST):
            cut = match.end()
        if cut == start:
            space = text.rfind(" ", start + LONGEST // 4, start + LONGEST)
            cut = space + 1 if space > 0 else start + LONGEST
        yield start, start + len(text[start:cut].rstrip())
        start = cut
    if start < block.end:
        yield start, block.end
