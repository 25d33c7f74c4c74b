"""From a page's own coordinates to those of the page as it is shown."""

import math
from dataclasses import dataclass

import pypdfium2
from pypdfium2 import raw

from perdure_document.pdf.content import Box


@dataclass(frozen=True, slots=True)
class Frame:
    """An affine map: a point (x, y) becomes (a·x + c·y + e, b·x + d·y + f).

    Attributes:
        width: How wide the page is, as it is shown.
        height: How high.
    """

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float
    width: float
    height: float

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point lies."""
        return self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f

    def box(self, left: float, bottom: float, right: float, top: float) -> Box:
        """Return where a rectangle lies."""
        x1, y1 = self.point(left, bottom)
        x2, y2 = self.point(right, top)
        return Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))

    def quarter(self, angle: float) -> int:
        """Return how many quarter turns clockwise text is turned that runs at an angle.

        Args:
            angle: In radians, as PDFium gives it for a character.
        """
        x, y = math.cos(angle), -math.sin(angle)
        shown = math.atan2(self.b * x + self.d * y, self.a * x + self.c * y)
        return round(shown / (math.pi / 2)) % 4

    def turned(self, quarters: int) -> "Frame":
        """Return the frame in which text upright is that was turned so many quarters clockwise."""
        frame = self
        for _ in range(quarters % 4):  # counter-clockwise: (x, y) becomes (y, width - x)
            frame = Frame(
                frame.b,
                -frame.a,
                frame.d,
                -frame.c,
                frame.f,
                frame.width - frame.e,
                frame.height,
                frame.width,
            )
        return frame


def frame_of(box: tuple[float, float, float, float], rotation: int) -> Frame:
    """Return the frame of a page.

    Args:
        box: Left, bottom, right and top of what is shown of it.
        rotation: How many degrees it is turned clockwise: 0, 90, 180 or 270.
    """
    left, bottom, right, top = box
    width, height = right - left, top - bottom
    if rotation == 90:
        return Frame(0, 1, 1, 0, -bottom, -left, height, width)
    if rotation == 180:
        return Frame(-1, 0, 0, 1, right, -bottom, width, height)
    if rotation == 270:
        return Frame(0, -1, -1, 0, top, right, height, width)
    return Frame(1, 0, 0, -1, -left, top, width, height)


def shown_frame(page: pypdfium2.PdfPage) -> Frame:
    """Return the frame of a page as it is shown."""
    box = raw.FS_RECTF()
    raw.FPDF_GetPageBoundingBox(page.raw, box)
    return frame_of((box.left, box.bottom, box.right, box.top), page.get_rotation())
