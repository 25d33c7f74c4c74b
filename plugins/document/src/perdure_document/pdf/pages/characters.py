"""The characters of a page as PDFium gives them, and the fonts they are set in."""

import ctypes
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

import pypdfium2
from pypdfium2 import raw

_BOLD_WEIGHT = 600
_FIXED_PITCH = 1
_RAISED = 0.38
_INVISIBLE = 3
CLIPPING = 7  # the mode of text that only bounds what is drawn after it
_BREAKS = {10, 13}
_BLANKS = {0xA0, 0x1680, 0x202F, 0x205F, 0x3000, *range(0x2000, 0x200C)}
_HYPHENS = {2, 0xAD, 0xFFFE}


class Style(NamedTuple):
    """How a run of characters is set.

    Attributes:
        size: In points, as it is shown.
        bold: Whether it is bold.
        fixed: Whether all characters of the font are equally wide.
        invisible: Whether nothing of it is shown.
        angle: How it is turned, in radians clockwise.
        mode: How it is painted: a text rendering mode of the PDF standard.
        drawn: The address of the piece of drawn text that it is of; 0 when that is not known.
    """

    size: float
    bold: bool
    fixed: bool
    invisible: bool
    angle: float
    mode: int = 0
    drawn: int = 0


class Character(NamedTuple):
    """A character.

    Attributes:
        place: Its place among the page's, as they are drawn.
        text: The character; a hyphen at a line's end that only divides a word is U+00AD.
        left: Where it begins, in the page's own coordinates; ``top`` is more than ``bottom``.
    """

    place: int
    text: str
    left: float
    bottom: float
    right: float
    top: float


class Run(NamedTuple):
    """Characters without a blank among them.

    Attributes:
        characters: At least one.
        style: That of the first.
        origin: Where the first stands, in the page's own coordinates.
        raised: Whether they are small figures that stand high, of the size of the others.
    """

    characters: list[Character]
    style: Style
    origin: tuple[float, float]
    raised: bool = False


def runs_of(page: pypdfium2.PdfPage) -> Iterator[Run]:
    """Yield the characters of a page, parted at blanks and where their size changes."""
    text = page.get_textpage()
    try:
        yield from _runs(text)
    finally:
        text.close()


def _runs(text: pypdfium2.PdfTextPage) -> Iterator[Run]:
    styles: dict[int, Style] = {}
    handle = text.raw
    unicode, loose = raw.FPDFText_GetUnicode, raw.FPDFText_GetLooseCharBox
    box = raw.FS_RECTF()
    run: Run | None = None
    height = 0.0
    high = 0
    for index in range(text.count_chars()):
        code = unicode(handle, index)
        if 0xD800 <= code < 0xDC00:  # the first half of a character beyond the basic plane
            high = code
            continue
        if 0xDC00 <= code < 0xE000 and high:
            code = 0x10000 + ((high - 0xD800) << 10) + code - 0xDC00
        high = 0
        if (code <= 32 and code not in _HYPHENS) or code in _BLANKS:
            if run is not None:
                yield run
                run = None
            continue
        if not loose(handle, index, box):
            continue
        tall = max(box.top - box.bottom, box.right - box.left)
        one = Character(index, _text_of(code), box.left, box.bottom, box.right, box.top)
        if run is not None and abs(tall - height) > 0.12 * height:
            style = _style(handle, index, styles)
            if abs(style.size - run.style.size) > 0.12 * run.style.size:
                yield run
                run = None
        raised = one.text.isdecimal() and _is_raised(handle, index, box)
        if run is not None and raised != run.raised and (raised or one.text.isalnum()):
            yield run
            run = None
        if run is None:
            style, origin = _style(handle, index, styles), _origin(handle, index)
            run = Run([one], style, origin, raised)
        else:
            run.characters.append(one)
        height = tall
    if run is not None:
        yield run


def _is_raised(handle: object, index: int, loose: raw.FS_RECTF) -> bool:
    """Say whether a figure's shape stands in the upper half of its line, as some fonts raise it."""
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    raw.FPDFText_GetCharBox(handle, index, left, right, bottom, top)
    height = loose.top - loose.bottom
    high = bottom.value - loose.bottom > _RAISED * height
    return bool(high and top.value - bottom.value < 0.5 * height)


def _text_of(code: int) -> str:
    if code in _HYPHENS:
        return "\xad"
    if 0xD800 <= code <= 0xDFFF or code < 32:
        return "\N{REPLACEMENT CHARACTER}"
    if 0xFB00 <= code <= 0xFB06:
        return ("ff", "fi", "fl", "ffi", "ffl", "st", "st")[code - 0xFB00]
    if 0x1D400 <= code <= 0x1D7FF:  # letters of formulas
        return unicodedata.normalize("NFKC", chr(code))
    return chr(code)


def _origin(handle: object, index: int) -> tuple[float, float]:
    x, y = ctypes.c_double(), ctypes.c_double()
    raw.FPDFText_GetCharOrigin(handle, index, x, y)
    return x.value, y.value


def _style(handle: object, index: int, styles: dict[int, Style]) -> Style:
    """Return a character's style; PDFium is asked once for each piece of drawn text."""
    drawn = raw.FPDFText_GetTextObject(handle, index)
    key = ctypes.addressof(drawn.contents) if drawn else 0
    if key and key in styles:
        return styles[key]
    matrix = raw.FS_MATRIX()
    raw.FPDFText_GetMatrix(handle, index, matrix)
    scale = (matrix.c**2 + matrix.d**2) ** 0.5 or 1.0
    name, flags = ctypes.create_string_buffer(256), ctypes.c_int()
    length = raw.FPDFText_GetFontInfo(handle, index, name, len(name), ctypes.byref(flags))
    known = name.value.lower() if 0 < length <= len(name) else b""
    mode = raw.FPDFTextObj_GetTextRenderMode(drawn) if drawn else 0
    style = Style(
        size=max(raw.FPDFText_GetFontSize(handle, index) * scale, 1.0),
        bold=raw.FPDFText_GetFontWeight(handle, index) >= _BOLD_WEIGHT
        or any(mark in known for mark in (b"bold", b"black", b"heavy", b"-bd", b"cmbx")),
        fixed=bool(flags.value & _FIXED_PITCH)
        or any(mark in known for mark in (b"mono", b"courier", b"cmtt", b"consol", b"typewriter")),
        invisible=mode == _INVISIBLE,
        angle=raw.FPDFText_GetCharAngle(handle, index),
        mode=mode,
        drawn=key,
    )
    if key:
        styles[key] = style
    return style
