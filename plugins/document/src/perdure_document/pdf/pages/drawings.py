"""What is drawn on a page: its ruling lines, and where its pictures stand."""

import ctypes
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import pypdfium2
from pypdfium2 import raw

from perdure_document.pdf.content import Box
from perdure_document.pdf.pages.frame import Frame

_MOST_OBJECTS = 40_000
_MOST_RULES = 6_000
_DEEPEST = 6
_THIN = 2.6
_STRAIGHT = 0.6
_WHITE = 250

_FILLED = {0, 4}
_SMALLEST_GROUND = 4.0

Colour = tuple[int, int, int, int]
Matrix = tuple[float, float, float, float, float, float]


class Rule(NamedTuple):
    """A ruling line.

    Attributes:
        level: Whether it is horizontal.
        at: Its distance from the page's upper edge, or from the left one when it is vertical.
        start: Where it begins, along its length.
        end: Where it ends.
    """

    level: bool
    at: float
    start: float
    end: float


class Shape(NamedTuple):
    """What is painted over an area.

    Attributes:
        order: Its place among all that is drawn.
        box: The box around it.
        colour: What it is filled with; ``None`` for a picture or a pattern.
    """

    order: int
    box: Box
    colour: Colour | None


class Text(NamedTuple):
    """A piece of drawn text.

    Attributes:
        order: Its place among all that is drawn.
        item: PDFium's object.
        colour: What it is filled with; ``None`` when it is not, or with a pattern.
    """

    order: int
    item: object
    colour: Colour | None


class Drawings(NamedTuple):
    """What is drawn on a page.

    Attributes:
        rules: Its ruling lines.
        pictures: The boxes of its pictures and their objects, in the order in which they are drawn.
        complete: Whether all was looked at: there is an end to what one page may hold.
        shapes: How many other lines and shapes there are.
        grounds: What is painted over areas as large as a word, in the order in which it is drawn.
        texts: The pieces of drawn text, by the addresses of their objects.
    """

    rules: list[Rule]
    pictures: list[tuple[Box, object]]
    complete: bool
    shapes: int
    grounds: list[Shape]
    texts: dict[int, Text]


def drawings_of(page: pypdfium2.PdfPage, frame: Frame) -> Drawings:
    """Return what is drawn on a page, in a frame."""
    found = Drawings([], [], True, 0, [], {})
    complete = True
    shapes = 0
    for seen, (kind, item, matrix) in enumerate(_objects(page.raw)):
        if seen >= _MOST_OBJECTS or len(found.rules) >= _MOST_RULES:
            complete = False
            break
        if kind == raw.FPDF_PAGEOBJ_PATH:
            before = len(found.rules)
            found.rules.extend(_rules(item, matrix, frame))
            shapes += len(found.rules) == before
            if _is_filled(item):
                found.grounds.extend(_ground(seen, item, matrix, frame))
        elif kind == raw.FPDF_PAGEOBJ_IMAGE:
            box = _box_of_unit(_compose(_matrix_of(item), matrix), frame)
            found.pictures.append((box, item))
            found.grounds.append(Shape(seen, box, None))
        elif kind == raw.FPDF_PAGEOBJ_SHADING:
            found.grounds.extend(_ground(seen, item, matrix, frame))
        elif kind == raw.FPDF_PAGEOBJ_TEXT:
            filled = raw.FPDFTextObj_GetTextRenderMode(item) in _FILLED
            address = ctypes.addressof(item.contents)
            found.texts[address] = Text(seen, item, _colour(item) if filled else None)
    return found._replace(complete=complete, shapes=shapes)


def is_jpeg(picture: object) -> bool:
    """Say whether a file holds a picture as a JPEG that is one by itself."""
    if raw.FPDFImageObj_GetImageFilterCount(picture) != 1:
        return False
    name = ctypes.create_string_buffer(32)
    raw.FPDFImageObj_GetImageFilter(picture, 0, name, len(name))
    return name.value == b"DCTDecode"


def _objects(page: object) -> Iterator[tuple[int, Any, Matrix]]:
    """Yield the objects of a page, and of the forms in it, with what maps them onto the page."""
    count = raw.FPDFPage_CountObjects(page)
    identity: Matrix = (1, 0, 0, 1, 0, 0)
    for index in range(count):
        yield from _within(raw.FPDFPage_GetObject(page, index), identity, 0)


def _within(item: object, matrix: Matrix, depth: int) -> Iterator[tuple[int, Any, Matrix]]:
    kind = raw.FPDFPageObj_GetType(item)
    if kind != raw.FPDF_PAGEOBJ_FORM:
        yield kind, item, matrix
    elif depth < _DEEPEST:
        inner = _compose(_matrix_of(item), matrix)
        for index in range(raw.FPDFFormObj_CountObjects(item)):
            yield from _within(raw.FPDFFormObj_GetObject(item, index), inner, depth + 1)


def _matrix_of(item: object) -> Matrix:
    matrix = raw.FS_MATRIX()
    if not raw.FPDFPageObj_GetMatrix(item, matrix):
        return 1, 0, 0, 1, 0, 0
    return matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f


def _compose(first: Matrix, then: Matrix) -> Matrix:
    a, b, c, d, e, f = first
    p, q, r, s, t, u = then
    return (
        a * p + b * r,
        a * q + b * s,
        c * p + d * r,
        c * q + d * s,
        e * p + f * r + t,
        e * q + f * s + u,
    )


def _box_of_unit(matrix: Matrix, frame: Frame) -> Box:
    a, b, c, d, e, f = matrix
    xs = (e, e + a, e + c, e + a + c)
    ys = (f, f + b, f + d, f + b + d)
    return frame.box(min(xs), min(ys), max(xs), max(ys))


def _rules(path: object, matrix: Matrix, frame: Frame) -> Iterator[Rule]:
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    if not raw.FPDFPath_GetDrawMode(path, fill, stroke) or not (fill.value or stroke.value):
        return
    count = raw.FPDFPath_CountSegments(path)
    if count < 2 or count > 400:
        return
    a, b, c, d, e, f = _compose(_matrix_of(path), matrix)
    points: list[tuple[float, float]] = []
    parts: list[list[tuple[float, float]]] = []
    x, y = ctypes.c_float(), ctypes.c_float()
    for index in range(count):
        segment = raw.FPDFPath_GetPathSegment(path, index)
        kind = raw.FPDFPathSegment_GetType(segment)
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        point = frame.point(a * x.value + c * y.value + e, b * x.value + d * y.value + f)
        if kind == raw.FPDF_SEGMENT_MOVETO or not points:
            points = [point]
            parts.append(points)
        elif kind == raw.FPDF_SEGMENT_LINETO:
            points.append(point)
        else:  # a curve: what comes after it is a new part
            points = [point]
            parts.append(points)
        if raw.FPDFPathSegment_GetClose(segment) and len(points) > 1:
            points.append(points[0])
    if stroke.value:
        for part in parts:
            for start, end in pairwise(part):
                yield from _rule(start, end)
    else:
        white = _is_white(path)
        for part in parts:
            yield from _edges(part, white)


def _rule(start: tuple[float, float], end: tuple[float, float]) -> Iterator[Rule]:
    (x1, y1), (x2, y2) = start, end
    if abs(y1 - y2) <= _STRAIGHT and abs(x1 - x2) > 1:
        yield Rule(True, (y1 + y2) / 2, min(x1, x2), max(x1, x2))
    elif abs(x1 - x2) <= _STRAIGHT and abs(y1 - y2) > 1:
        yield Rule(False, (x1 + x2) / 2, min(y1, y2), max(y1, y2))


def _edges(part: list[tuple[float, float]], white: bool) -> Iterator[Rule]:
    """Yield a thin filled rectangle as a line, and the edges of a thick one that is seen."""
    if len(part) < 4 or len(part) > 6:
        return
    xs, ys = [x for x, _ in part], [y for _, y in part]
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    if any(
        min(x - left, right - x) > _STRAIGHT or min(y - top, bottom - y) > _STRAIGHT
        for x, y in part
    ):
        return
    if bottom - top <= _THIN:
        if right - left > 1:
            yield Rule(True, (top + bottom) / 2, left, right)
    elif right - left <= _THIN:
        yield Rule(False, (left + right) / 2, top, bottom)
    elif not white:
        yield Rule(True, top, left, right)
        yield Rule(True, bottom, left, right)
        yield Rule(False, left, top, bottom)
        yield Rule(False, right, top, bottom)


def _is_white(path: object) -> bool:
    colour = _colour(path)
    return colour is not None and (colour[3] == 0 or min(colour[:3]) >= _WHITE)


def _colour(item: object) -> Colour | None:
    """Return what an object is filled with: red, green, blue and opacity, each 0 to 255."""
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    if not raw.FPDFPageObj_GetFillColor(item, red, green, blue, alpha):
        return None
    return red.value, green.value, blue.value, alpha.value


def _is_filled(path: object) -> bool:
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    return bool(raw.FPDFPath_GetDrawMode(path, fill, stroke) and fill.value)


def _ground(order: int, item: object, matrix: Matrix, frame: Frame) -> Iterator[Shape]:
    """Yield what a filled shape is as a ground of words, unless it is too small for that."""
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    if not raw.FPDFPageObj_GetBounds(item, left, bottom, right, top):
        return
    a, b, c, d, e, f = matrix
    width, height = right.value - left.value, top.value - bottom.value
    x, y = left.value, bottom.value
    unit = a * width, b * width, c * height, d * height, a * x + c * y + e, b * x + d * y + f
    box = _box_of_unit(unit, frame)
    if min(box.width, box.height) >= _SMALLEST_GROUND:
        yield Shape(order, box, _colour(item))
