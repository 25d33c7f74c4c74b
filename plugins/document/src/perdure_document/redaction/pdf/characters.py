"""The characters of a page, where they stand, and which of them are to be taken out."""

import ctypes
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pypdfium2
from pypdfium2 import raw

from perdure_document.redaction.finder import Found


class Pixels(NamedTuple):
    """A rectangle on a rendered page, in pixels from its upper left corner."""

    left: int
    top: int
    right: int
    bottom: int


class Word(NamedTuple):
    """A word of a page and where it stands."""

    text: str
    box: Pixels


class Characters:
    """The characters of a page, in the order in which PDFium reads them.

    Attributes:
        text: The characters; what stands behind the page's pictures is among them.
    """

    def __init__(self, page: pypdfium2.PdfPage) -> None:
        self._page = page
        self._text = page.get_textpage()
        codes = [
            raw.FPDFText_GetUnicode(self._text.raw, index)
            for index in range(self._text.count_chars())
        ]
        self.text = "".join(
            "\N{REPLACEMENT CHARACTER}" if 0xD800 <= code <= 0xDFFF else chr(code) for code in codes
        )

    def boxes(self, found: Iterable[Found], size: tuple[int, int]) -> list[Pixels]:
        """Return what covers the characters found, on a page rendered in ``size`` pixels."""
        return [
            box
            for one in found
            for index in range(one.start, one.end)
            if (box := self._box(index, size)) is not None
        ]

    def words(self, found: Iterable[Found], size: tuple[int, int]) -> Iterator[Word]:
        """Yield the words in which nothing was found."""
        gone = {index for one in found for index in range(one.start, one.end)}
        begun: list[int] = []
        for index, character in enumerate([*self.text, " "]):
            if index not in gone and not character.isspace() and character.isprintable():
                begun.append(index)
                continue
            if begun:
                boxes = [box for one in begun if (box := self._box(one, size)) is not None]
                if boxes:
                    text = "".join(self.text[one] for one in begun)
                    yield Word(text, _around(boxes))
            begun = []

    def _box(self, index: int, size: tuple[int, int]) -> Pixels | None:
        """Return where a character stands, with the height of its font; ``None`` if nowhere."""
        left, bottom, right, top = self._text.get_charbox(index, loose=True)
        tight = self._text.get_charbox(index)
        left, bottom = min(left, tight[0]), min(bottom, tight[1])
        right, top = max(right, tight[2]), max(top, tight[3])
        if right <= left or top <= bottom:
            return None
        corners = [self._pixel(x, y, size) for x in (left, right) for y in (bottom, top)]
        return Pixels(
            min(x for x, _ in corners),
            min(y for _, y in corners),
            max(x for x, _ in corners),
            max(y for _, y in corners),
        )

    def _pixel(self, x: float, y: float, size: tuple[int, int]) -> tuple[int, int]:
        column, row = ctypes.c_int(), ctypes.c_int()
        raw.FPDF_PageToDevice(
            self._page.raw, 0, 0, *size, 0, x, y, ctypes.byref(column), ctypes.byref(row)
        )
        return column.value, row.value


def _around(boxes: list[Pixels]) -> Pixels:
    return Pixels(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )
