"""Keeping no more of a document than the journal should hold."""

from itertools import accumulate
from typing import Final

from perdure_document.facts import Block, Document, Row

LONGEST: Final = 4_000_000


def shortened(document: Document) -> Document:
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
