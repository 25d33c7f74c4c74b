"""A document as lines, each with the way back to its block."""

from collections.abc import Iterator
from typing import NamedTuple

from perdure_document.facts import Document, Place, Position
from perdure_document.fields.filled import Evidence
from perdure_document.tables import own_cells
from perdure_document.writing.structure import placed

_LONGEST_QUOTE = 240


class Line(NamedTuple):
    """A line of text, or a cell of a table.

    Attributes:
        text: Its text.
        block: The index of its block.
        start: Where it begins in the block's text.
        place: Where the block stands.
        part: The block's page, slide or sheet.
        row: The row of a cell, from 0; -1 for a line of text.
        column: Its column.
    """

    text: str
    block: int
    start: int
    place: Place
    part: int
    row: int = -1
    column: int = -1

    @property
    def is_cell(self) -> bool:
        """Whether it is a table's cell."""
        return self.row >= 0

    def evidence(self, start: int, end: int, label: "Line | None" = None) -> Evidence:
        """Return the evidence for what stands at ``start`` to ``end``.

        Args:
            start: Its first character.
            end: The character after its last one.
            label: The cell or line that announces it, if that is another one.
        """
        begin = max(0, end - _LONGEST_QUOTE)
        quote = (
            self.text if len(self.text) <= _LONGEST_QUOTE else self.text[min(begin, start) : end]
        )
        before = f"{label.text[:_LONGEST_QUOTE]} | " if label is not None and label != self else ""
        position = Position(
            block=self.block,
            start=self.start + start,
            end=self.start + end,
            row=self.row if self.is_cell else None,
            column=self.column if self.is_cell else None,
            part=self.part,
        )
        return Evidence(quote=f"{before}{quote}", place=self.place, position=position)


def lines_of(document: Document) -> list[Line]:
    """Return the lines of a document, in reading order."""
    return list(_lines(document))


def _lines(document: Document) -> Iterator[Line]:
    for index, (block, place) in enumerate(placed(document)):
        start = 0
        for text in block.text.split("\n"):
            if text.strip():
                yield Line(text, index, start, place, block.part)
            start += len(text) + 1
        for row, column, text in own_cells(block):
            yield Line(text, index, 0, place, block.part, row, column)
