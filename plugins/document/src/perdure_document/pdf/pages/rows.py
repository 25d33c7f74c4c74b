"""Rows: what stands on one line of a column."""

from collections.abc import Sequence
from dataclasses import dataclass

from perdure_document.pdf.content import Box
from perdure_document.pdf.pages.segments import Segment


@dataclass(slots=True)
class Row:
    """Segments that stand on one line, from left to right."""

    segments: list[Segment]

    @property
    def is_led(self) -> bool:
        """Whether dots lead from its text to one figure, as in a table of contents."""
        texts = [one.text for one in self.segments]
        return any("\u2026" in text for text in texts) and len(texts) <= 3

    @property
    def base(self) -> float:
        """Where they stand."""
        return self.segments[0].base

    @property
    def size(self) -> float:
        """The size of the largest."""
        return max(one.size for one in self.segments)

    @property
    def box(self) -> Box:
        """The box around them."""
        box = self.segments[0].box
        for one in self.segments[1:]:
            box = box.around(one.box)
        return box


def rows_of(segments: Sequence[Segment]) -> list[Row]:
    """Return segments as rows, from top to bottom."""
    rows: list[Row] = []
    for segment in sorted(segments, key=lambda one: (one.base, one.box.left)):
        if rows and segment.base - rows[-1].base <= 0.3 * min(rows[-1].size, segment.size):
            rows[-1].segments.append(segment)
        else:
            rows.append(Row([segment]))
    for row in rows:
        row.segments.sort(key=lambda one: one.box.left)
    return rows
