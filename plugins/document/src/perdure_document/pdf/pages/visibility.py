"""Which words of a page are not shown: those without which the page looks the same.

Text in the colour of what is below it, without opacity, or below a shape or a picture is drawn, and
nobody sees it. Where that may be so, the page is painted with that text and without it.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import cast

import pypdfium2
from PIL import Image, ImageChops
from pypdfium2 import raw

from perdure_document.pdf.content import Box
from perdure_document.pdf.pages.characters import CLIPPING
from perdure_document.pdf.pages.drawings import Colour, Drawings, Shape
from perdure_document.pdf.pages.frame import Frame
from perdure_document.pdf.pages.words import Word

_PAPER: Colour = (255, 255, 255, 255)
_ALIKE = 24
_FAINT = 24  # opacity
_DIFFERENT = 6  # of 255: what an eye may tell
_SCALE = 1.5  # pixels a point
_MOST_PIXELS = 6_000_000
_BAND = 24.0


def hide_unseen(
    page: pypdfium2.PdfPage, frame: Frame, turns: int, words: Sequence[Word], drawings: Drawings
) -> None:
    """Mark the words that are drawn and not seen as covered.

    Args:
        page: The page.
        frame: The frame of the words, turned so many quarters from the page as it is shown.
        turns: How many.
        words: The words.
        drawings: What is drawn on the page, in the same frame.
    """
    doubtful = list(_doubtful(words, drawings))
    if not doubtful:
        return
    painted = _painted(page, frame)
    # Text that is drawn again over itself, as with a halo, belongs to the word of the first.
    texts = set(drawings.texts).difference(word.drawn for word in words)
    texts.update(word.drawn for word in doubtful)
    without = _painted_without(page, frame, texts, drawings)
    changed = ImageChops.difference(painted, without)
    for word in doubtful:
        place = _on_image(word.box, frame, turns, painted.size)
        # What text only clips is still drawn once the text itself is not.
        image = painted if word.mode == CLIPPING else changed
        word.covered = not _varies(image.crop(place), word.mode == CLIPPING)


def _doubtful(words: Sequence[Word], drawings: Drawings) -> Iterator[Word]:
    """Yield the words of which how they are drawn does not say that they are seen."""
    foot = max((word.box.bottom for word in words), default=0.0)
    bands: dict[int, list[Shape]] = defaultdict(list)
    for shape in drawings.grounds:
        top, bottom = max(0.0, shape.box.top), min(foot, shape.box.bottom)
        for number in range(int(top // _BAND), int(bottom // _BAND) + 1):
            bands[number].append(shape)
    for word in words:
        found = drawings.texts.get(word.drawn)
        if found is None or word.invisible:
            continue
        x, y = word.box.middle
        around = [shape for shape in bands[int(y // _BAND)] if shape.box.holds(x, y)]
        over = any(shape.order > found.order for shape in around)
        below = [shape.colour for shape in around if shape.order < found.order]
        ground = below[-1] if below else _PAPER
        if over or word.mode == CLIPPING or _is_lost(found.colour, ground):
            yield word


def _is_lost(colour: Colour | None, ground: Colour | None) -> bool:
    """Say whether text of a colour is hardly seen on a ground; neither is known of patterns."""
    if colour is None:
        return False
    if colour[3] <= _FAINT:
        return True
    if ground is None:
        return False
    return all(
        abs(one - other) <= _ALIKE for one, other in zip(colour[:3], ground[:3], strict=True)
    )


def _painted(page: pypdfium2.PdfPage, frame: Frame) -> Image.Image:
    area = max(frame.width * frame.height, 1.0)
    scale = min(_SCALE, (_MOST_PIXELS / area) ** 0.5)
    bitmap = page.render(scale=scale, may_draw_forms=False, draw_annots=False)
    try:
        image: Image.Image = bitmap.to_pil().convert("RGB")
        return image
    finally:
        bitmap.close()


def _painted_without(
    page: pypdfium2.PdfPage, frame: Frame, texts: set[int], drawings: Drawings
) -> Image.Image:
    """Paint a page without some of its texts, and leave it as it was."""
    items = [drawings.texts[one].item for one in texts]
    modes = [raw.FPDFTextObj_GetTextRenderMode(item) for item in items]
    try:
        for item in items:
            raw.FPDFTextObj_SetTextRenderMode(item, raw.FPDF_TEXTRENDERMODE_INVISIBLE)
        return _painted(page, frame)
    finally:
        for item, mode in zip(items, modes, strict=True):
            raw.FPDFTextObj_SetTextRenderMode(item, mode)


def _on_image(
    box: Box, frame: Frame, turns: int, size: tuple[int, int]
) -> tuple[int, int, int, int]:
    width, height = frame.width, frame.height
    for _ in range(-turns % 4):
        box = box.turned(width)
        width, height = height, width
    across, down = size[0] / width, size[1] / height
    return (
        int(box.left * across),
        int(box.top * down),
        int(box.right * across) + 1,
        int(box.bottom * down) + 1,
    )


def _varies(image: Image.Image, within: bool) -> bool:
    """Say whether an image has more than one colour, or, of a difference, any but black."""
    bounds = cast("tuple[tuple[int, int], ...]", image.getextrema())
    return any(high - (low if within else 0) > _DIFFERENT for low, high in bounds)
