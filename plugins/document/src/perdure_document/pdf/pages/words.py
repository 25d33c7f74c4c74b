"""The words of a page, with their boxes as the page is shown."""

from collections import Counter
from dataclasses import dataclass

import pypdfium2

from perdure_document.pdf.content import Box
from perdure_document.pdf.pages.characters import Character, Run, runs_of
from perdure_document.pdf.pages.frame import Frame
from perdure_document.pdf.scripts import composed, in_reading_order, is_right_to_left

_CELL_GAP = 0.6
_RAISED = 0.15
_SMALLER = 0.85
_BESIDE = 0.4
_SHORTEST_WORD = 2


@dataclass(slots=True)
class Word:
    """A word, or a part of one whose size changes.

    Attributes:
        text: Its text, in the order in which it is read.
        box: Where it stands.
        base: Where its letters stand, from the page's upper edge.
        size: The size of its characters.
        order: Its place among the words as they are drawn.
        bold: Whether it is bold.
        fixed: Whether its characters are equally wide.
        invisible: Whether nothing of it is shown.
        end: The place after its last character, as they are drawn.
        joined: Whether nothing stands between it and the word before it.
        raised: Whether it is small and stands higher than the word before it.
        confidence: How certain its recognition was, 0 to 1.
        mode: How it is painted: a text rendering mode of the PDF standard.
        drawn: The address of the piece of drawn text that it is of; 0 when that is not known.
        covered: Whether it is painted, and still nothing of it is seen.
    """

    text: str
    box: Box
    base: float
    size: float
    order: int
    end: int = 0
    bold: bool = False
    fixed: bool = False
    invisible: bool = False
    joined: bool = False
    raised: bool = False
    confidence: float = 1.0
    mode: int = 0
    drawn: int = 0
    covered: bool = False


def words_of(page: pypdfium2.PdfPage, frame: Frame) -> tuple[list[Word], list[list[Word]], int]:
    """Return the words of a page.

    Args:
        page: The page.
        frame: Its frame, as the page is shown.

    Returns:
        The words that run in the direction of most; those of each other direction, in frames in
        which they are upright; and how many quarters the frame is turned counter-clockwise for
        most words to be upright.
    """
    runs = list(runs_of(page))
    turns = [
        frame.quarter(run.style.angle) if run.style.angle else frame.quarter(0) for run in runs
    ]
    weights: Counter[int] = Counter()
    for run, turn in zip(runs, turns, strict=True):
        weights[turn] += len(run.characters)
    usual = max(weights, key=lambda turn: (weights[turn], -turn), default=0)
    sides = {turn: frame.turned(turn) for turn in weights}
    found: dict[int, list[Word]] = {turn: [] for turn in weights}
    for run, turn in zip(runs, turns, strict=True):
        words = found[turn]
        for word in _words(run, sides[turn]):
            _attach(words, word)
            words.append(word)
    main = found.pop(usual, [])
    return main, [found[turn] for turn in sorted(found)], usual


def _words(run: Run, frame: Frame) -> list[Word]:
    """Return the words of a run: several where a gap parts what no blank does."""
    characters = run.characters
    # Along the line, whichever way that runs on the page.
    if frame.a:
        ends = [(one.left, one.right) for one in characters]
        feet = [one.bottom for one in characters]
    else:
        ends = [(one.bottom, one.top) for one in characters]
        feet = [one.left for one in characters]
    if frame.a + frame.c < 0:
        ends = [(-end, -start) for start, end in ends]
    parts: list[list[int]] = [[0]]
    widest = _CELL_GAP * run.style.size
    for index in range(1, len(characters)):
        (start, end), (before, after) = ends[index], ends[index - 1]
        lower = abs(feet[index] - feet[index - 1]) > widest
        if lower or start - after > widest or before - end > widest:
            parts.append([])
        parts[-1].append(index)
    _, base = frame.point(*run.origin)
    words = []
    for part in parts:
        # A word that a hyphen divides goes on on another line.
        first, begun = characters[part[0]], characters[0]
        down = frame.b * (first.left - begun.left) + frame.d * (first.bottom - begun.bottom)
        own = [characters[n] for n in part]
        words.append(_word(run, own, [ends[n] for n in part], frame, base + down))
    return words


def _word(
    run: Run,
    characters: list[Character],
    ends: list[tuple[float, float]],
    frame: Frame,
    base: float,
) -> Word:
    box = frame.box(
        min([one.left for one in characters]),
        min([one.bottom for one in characters]),
        max([one.right for one in characters]),
        max([one.top for one in characters]),
    )
    text = "".join([one.text for one in characters])
    if not text.isascii():
        text = composed([one.text for one in characters], ends)
        if is_right_to_left(text):
            leftward = len(ends) > 1 and ends[0][0] > ends[-1][0]
            text = in_reading_order(text, leftward=leftward)
    order = characters[0].place
    style = run.style
    return Word(
        text=text,
        box=box,
        base=base,
        size=style.size,
        order=order,
        end=characters[-1].place + 1,
        bold=style.bold,
        fixed=style.fixed,
        invisible=style.invisible,
        raised=run.raised,
        mode=style.mode,
        drawn=style.drawn,
    )


def _attach(words: list[Word], word: Word) -> None:
    """Join a word to the one before it when no blank parts them; write raised ones as such."""
    if not words:
        return
    before = words[-1]
    gap = word.box.left - before.box.right
    begins = not before.joined and _is_mark(before, word)
    widest = _CELL_GAP * word.size if begins else 0.35 * before.size
    if not -0.6 * before.size < gap < widest or word.box.left < before.box.left:
        return
    shared = min(before.box.bottom, word.box.bottom) - max(before.box.top, word.box.top)
    if shared < _BESIDE * min(before.box.height, word.box.height):
        return
    word.joined = gap < (0.16 if before.end == word.order else 0.1) * before.size
    shift = before.base - word.base
    if begins:
        # It begins a line: a footnote's mark, or a figure that belongs to a letter, as in ^14C.
        word.joined = word.joined and len(word.text) < _SHORTEST_WORD
        before.text, before.raised = f"^{before.text}", True
        before.base, before.size = word.base, word.size
        return
    small = word.size < _SMALLER * before.size or word.raised
    if not (small or before.raised) or abs(shift) > 0.75 * before.size:
        return
    if shift > _RAISED * before.size or word.raised:
        word.raised = True
        says = any(map(str.isdigit, word.text)) or before.text[-1:].isdigit()
        if word.joined and says and not before.raised:
            word.text = f"^{word.text}"
    word.base, word.size = before.base, before.size


def _is_mark(before: Word, word: Word) -> bool:
    """Say whether a figure is small and stands higher than the word after it."""
    small = before.size < _SMALLER * word.size or before.raised
    high = before.raised or word.base - before.base > _RAISED * word.size
    return small and high and before.text.isdecimal() and not word.raised
