"""Which lines are one paragraph, and how their text is put together."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final, NamedTuple

from perdure_document.formatting import flat
from perdure_document.pdf.content import Line
from perdure_document.pdf.scripts import is_right_to_left

_ENDED: Final = re.compile(r"[.!?:;\u3002\uff01\uff1f\u061f\u06d4][\"'\u201d\u2019\xbb)\]]*$")
_DIVIDED: Final = re.compile(r"([^\W\d_]+)-$")
_BEGUN: Final = re.compile(r"^([^\W\d_]+)")
_WORD: Final = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LED: Final = re.compile(r"\u2026 \S{1,12}$")  # dots lead to the number of a page
_RECORD: Final = re.compile(r"^[^\W\d_][^:.!?]{0,30}:\s+\S")  # a label and its value
_INDENT: Final = 0.8
_HANGING: Final = 0.3
_PITCH: Final = 1.25
_USUAL_PITCH: Final = 1.2
_SHORT: Final = 0.8
_AROUND: Final = 5
_FEW: Final = 6
_NARROW: Final = 0.5


class PlacedLine(NamedTuple):
    """A line and the number of its page."""

    page: int
    line: Line


class Spacing(NamedTuple):
    """How lines are set in a document.

    Attributes:
        pitches: The usual distance from line to line, by size.
        widths: How wide the lines around a line are at most, by its page, column and base.
        asides: Columns, by page, of a few short lines each, as addresses are.
        words: How often each word occurs, folded; with those that have a hyphen within a line.
    """

    pitches: dict[float, float]
    widths: dict[tuple[int, int, float], float]
    asides: set[tuple[int, int]]
    words: Counter[str]

    def width(self, placed: PlacedLine) -> float:
        """Return how wide the lines around a line are at most."""
        key = placed.page, placed.line.column, placed.line.base
        return self.widths.get(key, placed.line.box.width)


def spacing_of(lines: Sequence[PlacedLine]) -> Spacing:
    """Measure how lines are set."""
    gaps: dict[float, list[float]] = defaultdict(list)
    widths: dict[tuple[int, int, float], float] = {}
    columns: dict[tuple[int, int], list[Line]] = defaultdict(list)
    words: Counter[str] = Counter()
    before: PlacedLine | None = None
    for placed in lines:
        line = placed.line
        place = placed.page, line.column
        columns[place].append(line)
        words.update(word.casefold() for word in _WORD.findall(line.text))
        if before is not None and (before.page, before.line.column) == place:
            gap = line.base - before.line.base
            # Below a sentence's end a paragraph may begin, farther away than a line.
            runs_on = before.line.size == line.size and not _ENDED.search(before.line.text)
            if runs_on and 0.9 * line.size < gap < 2.2 * line.size:
                gaps[line.size].append(gap)
        before = placed
    pages: dict[int, float] = defaultdict(float)
    for (page, _), found in columns.items():
        pages[page] = max(pages[page], *(line.box.width for line in found))
    asides = {
        place
        for place, found in columns.items()
        if len(found) <= _FEW and max(line.box.width for line in found) < _NARROW * pages[place[0]]
    }
    for (page, column), found in columns.items():
        for number, line in enumerate(found):
            near = found[max(0, number - _AROUND) : number + _AROUND + 1]
            widths[page, column, line.base] = max(one.box.width for one in near)
    return Spacing({size: _usual(gap) for size, gap in gaps.items()}, widths, asides, words)


def continues(
    upper: PlacedLine,
    lower: PlacedLine,
    spacing: Spacing,
    *,
    filled: bool = True,
    hangs: bool = False,
) -> bool:
    """Say whether a line goes on with the paragraph of the line before it.

    Args:
        upper: The line before.
        lower: The line.
        spacing: How lines are set in the document.
        filled: Whether a line of a paragraph is filled as far as the first word of the next allows.
        hangs: Whether the line before begins with the mark of an item, behind which others begin.
    """
    above, line = upper.line, lower.line
    if abs(above.size - line.size) > 0.15 * max(above.size, line.size) or _LED.search(above.text):
        return False
    ended = bool(_ENDED.search(above.text.rstrip()))
    place = upper.page, above.column
    if (lower.page, line.column) != place or line.base <= above.base:
        begins_low = line.text[:1].islower() or above.text.endswith(("\xad", "-"))
        return not ended and begins_low
    pitch = spacing.pitches.get(line.size) or _USUAL_PITCH * line.size
    records = _RECORD.match(above.text) and _RECORD.match(line.text)
    address = filled and place in spacing.asides and not line.text[:1].islower()
    if records or address or line.base - above.base > max(_PITCH * pitch, 1.1 * line.size):
        return False
    widest = max(spacing.width(upper), spacing.width(lower))
    if filled and _fits(above, line, widest):
        return False
    indent = line.box.left - above.box.left
    begins = indent < _HANGING * line.size if hangs else indent > _INDENT * line.size
    if not ended or begins:
        return not ended
    return above.box.width > _SHORT * widest


def _fits(above: Line, line: Line, widest: float) -> bool:
    """Say whether the first word of a line would have had room on the line above."""
    first = line.text.split(" ", 1)[0]
    width = line.box.width * len(first) / max(len(line.text), 1)
    spare = 0.06 * widest + 0.3 * line.size
    return not is_right_to_left(line.text) and above.box.width + width + spare < widest


def joined(lines: Iterable[Line], spacing: Spacing) -> str:
    """Put the lines of a paragraph together, and the words that a hyphen divides at a line's end.

    A word is put together without its hyphen unless the document has it with one elsewhere and
    never without.
    """
    text = ""
    for line in lines:
        if text.endswith("\xad") or ((divided := _DIVIDED.search(text)) and len(divided[1]) > 1):
            text = _without_hyphen(text[:-1], line.text, spacing)
        elif _runs_on(text, line.text):
            text += line.text
        else:
            text = f"{text} {line.text}" if text else line.text
    return flat(text.replace("\xad", "-" if text.endswith("\xad") else ""))


def _without_hyphen(text: str, after: str, spacing: Spacing) -> str:
    divided, begun = _DIVIDED.search(f"{text}-"), _BEGUN.match(after)
    if divided is None or begun is None or not after[:1].islower():
        return f"{text}-{after}"
    parts = divided[1].casefold(), begun[1].casefold()
    whole, parted = spacing.words["".join(parts)], spacing.words["-".join(parts)]
    return f"{text}-{after}" if parted > whole else f"{text}{after}"


def _runs_on(text: str, after: str) -> bool:
    """Say whether two lines belong together without a blank, as Chinese and Japanese ones do."""
    return bool(text) and _is_unspaced(text[-1]) and _is_unspaced(after[:1])


def _is_unspaced(character: str) -> bool:
    return "\u3000" <= character <= "\u9fff" or "\uff00" <= character <= "\uffef"


def _usual(gaps: list[float]) -> float:
    """Return the usual distance: what is below the middle, for the larger ones part paragraphs."""
    return median(sorted(gaps)[: max(1, (len(gaps) * 2 + 2) // 3)])
