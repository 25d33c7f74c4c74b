"""Recognising the text of a page that is rendered as a picture."""

import hashlib
from collections.abc import Iterator
from functools import cache
from statistics import median
from typing import Any, NamedTuple

import pypdfium2
from numpy import rot90

from perdure_document.pdf.content import Box
from perdure_document.pdf.pages.frame import shown_frame
from perdure_document.pdf.pages.words import Word
from perdure_document.pdf.recognition.recognised import Recognised
from perdure_document.pdf.recognition.ruling_lines import drawn_rules

_DPI = 200
_MOST_PIXELS = 24_000_000
_LEAST_CONFIDENCE = 0.5
_UPENDED = 1.6
_LONG = 4
_SAME_SIZE = 0.2
_SIZE = 0.82  # of the height of a box around a line
_SUREST = 0.999  # what is recognised is never as sure as what the file says

Line = tuple[str, Box, float]


class PagePicture(NamedTuple):
    """A page as a picture.

    Attributes:
        pixels: Its rows of pixels, in blue, green and red.
        scale: How many pixels there are to a point.
    """

    pixels: Any
    scale: float

    @property
    def digest(self) -> str:
        """The SHA-256 of what is seen, and of how large it is."""
        shape = f"{self.pixels.shape} {self.scale}\n".encode()
        return hashlib.sha256(shape + self.pixels.tobytes()).hexdigest()


def pictured(document: pypdfium2.PdfDocument, number: int) -> PagePicture:
    """Return a page as a picture from which its text can be recognised.

    Args:
        document: The document.
        number: The page's number, from 1.
    """
    page = document[number - 1]
    try:
        frame = shown_frame(page)
        scale = _DPI / 72
        pixels = frame.width * frame.height * scale**2
        if pixels > _MOST_PIXELS:
            scale *= (_MOST_PIXELS / pixels) ** 0.5
        bitmap = page.render(scale=scale, may_draw_forms=False)
        picture = bitmap.to_numpy().copy()
        bitmap.close()
    finally:
        page.close()
    return PagePicture(picture, scale)


def recognised(page: PagePicture) -> Recognised:
    """Recognise the text of a page."""
    picture, scale = page
    lines, turns = _upright_lines(picture)
    if turns:
        picture = rot90(picture, turns)
    words = list(_words_of_lines(_in_points(lines, scale)))
    height, width = picture.shape[0] / scale, picture.shape[1] / scale
    return Recognised(words, drawn_rules(picture, scale), turns, width, height)


def _upright_lines(picture: Any) -> tuple[list[Line], int]:
    """Return the lines of a picture, and how many quarters it was turned to have them upright."""
    lines = list(_lines(picture))
    long = [(box, sure) for text, box, sure in lines if len(text) >= _LONG]
    upended = [sure for box, sure in long if box.height > _UPENDED * box.width]
    if len(upended) * 2 <= len(long):
        return lines, 0
    # Either way the letters are recognised, for each line is turned by itself; which way is up
    # shows in how sure the recognition is when it may not turn them.
    tried = [(_certainty(rot90(picture, turns)), turns) for turns in (1, 3)]
    turns = max(tried)[1]
    return list(_lines(rot90(picture, turns))), turns


def _certainty(picture: Any) -> float:
    """Return how certain the text of a picture is, when no line is turned around."""
    found = _engine()(picture, use_cls=False)
    return sum(found.scores) / len(found.scores) if found.scores else 0.0


def _lines(picture: Any) -> Iterator[Line]:
    """Yield the lines of a picture: their text, where they stand in pixels, and how certain."""
    found = _engine()(picture)
    if found.boxes is None or found.txts is None:
        return
    for corners, text, sure in zip(found.boxes, found.txts, found.scores, strict=True):
        xs, ys = [float(x) for x, _ in corners], [float(y) for _, y in corners]
        if text.strip() and sure >= _LEAST_CONFIDENCE:
            yield text.strip(), Box(min(xs), min(ys), max(xs), max(ys)), float(sure)


def _in_points(lines: list[Line], scale: float) -> list[Line]:
    return [(text, Box(*(edge / scale for edge in box)), sure) for text, box, sure in lines]


def _words_of_lines(found: list[Line]) -> Iterator[Word]:
    """Yield the words of what was recognised: pieces of lines, each with a box of its own.

    Boxes differ by a little in height and place. Pieces that stand beside each other get one
    baseline and one size, and sizes are the usual one or a quarter of it more or less.
    """
    rows: list[list[Line]] = []
    for piece in sorted(found, key=lambda one: one[1].middle[1]):
        if rows and _is_beside(rows[-1], piece):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    usual = median(box.height for _, box, _ in found) if found else 0.0
    order = 0
    for row in rows:
        height = median(box.height for _, box, _ in row)
        times = height / usual
        height = usual * (1 if abs(times - 1) < _SAME_SIZE else round(4 * times) / 4 or times)
        base = median(box.middle[1] for _, box, _ in row) + 0.25 * height
        for text, box, sure in sorted(row, key=lambda one: one[1].left):
            yield from _words(text, box, sure, (base, _SIZE * height), order)
            order += len(text) + 1


def _is_beside(row: list[Line], piece: Line) -> bool:
    """Say whether a piece stands on the line of others: its middle is near theirs."""
    middle = sum(box.middle[1] for _, box, _ in row) / len(row)
    height = min(piece[1].height, *(box.height for _, box, _ in row))
    return abs(piece[1].middle[1] - middle) < 0.4 * height


def _words(
    text: str, box: Box, sure: float, stands: tuple[float, float], order: int
) -> Iterator[Word]:
    """Yield the words of a piece; where each stands is reckoned from its characters.

    Args:
        text: The piece's text.
        box: Where it stands.
        sure: How certain it is.
        stands: The baseline of its line, and the size of its characters.
        order: The place of its first character among the page's.
    """
    base, size = stands
    step = box.width / len(text)
    at = 0
    for part in text.split():
        start = text.index(part, at)
        at = start + len(part)
        yield Word(
            text=part,
            box=Box(box.left + start * step, box.top, box.left + at * step, box.bottom),
            base=base,
            size=max(size, 1.0),
            order=order + start,
            end=order + at,
            confidence=min(sure, _SUREST),
        )


@cache
def _engine() -> Any:
    from rapidocr import RapidOCR

    return RapidOCR(params={"Global.log_level": "error", "Global.text_score": _LEAST_CONFIDENCE})
