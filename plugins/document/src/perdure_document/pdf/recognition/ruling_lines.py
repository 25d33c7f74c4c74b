"""Ruling lines in the picture of a page."""

from typing import Any

import cv2

from perdure_document.pdf.pages.drawings import Rule

_SHORTEST = 18.0
_THICKEST = 4.0
_DARK = 15


def drawn_rules(picture: Any, scale: float) -> list[Rule]:
    """Return the horizontal and the vertical lines of a picture, in points.

    Args:
        picture: The picture, in colour.
        scale: How many pixels there are to a point.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) if picture.ndim == 3 else picture
    dark = cv2.adaptiveThreshold(
        255 - grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 25, -_DARK
    )
    return [*_rules(dark, scale, level=True), *_rules(dark, scale, level=False)]


def _rules(dark: Any, scale: float, *, level: bool) -> list[Rule]:
    length = max(int(_SHORTEST * scale), 2)
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (length, 1) if level else (1, length))
    kept = cv2.morphologyEx(dark, cv2.MORPH_OPEN, kernel)
    _, _, figures, _ = cv2.connectedComponentsWithStats(kept)
    rules = []
    for left, top, width, height, _ in figures[1:].tolist():
        long, thick = (width, height) if level else (height, width)
        if thick <= _THICKEST * scale and long > 4 * thick:
            start, across = (left, top) if level else (top, left)
            rules.append(
                Rule(level, (across + thick / 2) / scale, start / scale, (start + long) / scale)
            )
    return rules
