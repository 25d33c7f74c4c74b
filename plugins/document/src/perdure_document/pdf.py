"""Reading the pages of a PDF as lines with their places and sizes, with PDFium."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pypdfium2
from pypdfium2 import raw

from perdure.agents import InputError
from perdure_document.lines import Line, Piece

_PASSWORD_ERROR: Final = 4
_BOLD: Final = 600
_CELL_GAP: Final = 1.3
_SAME_LINE: Final = 0.3
_SOFT_HYPHENS: Final = {2, 0xAD, 0xFFFE}
# PDFium is one per process and not made for several threads, and steps run in threads.
_PDFIUM: Final = threading.Lock()


def count_pages(file: Path) -> int:
    """Return how many pages a PDF has.

    Raises:
        InputError: It has a password or is damaged.
    """
    with _opened(file) as document:
        return len(document)


def read_metadata(file: Path) -> dict[str, str]:
    """Return what a PDF says of itself, under PDF's own names, such as ``CreationDate``."""
    with _opened(file) as document:
        return {str(k): str(v) for k, v in document.get_metadata_dict(skip_empty=True).items()}


def read_lines(file: Path, first: int, last: int) -> list[Line]:
    """Read the lines of pages ``first`` to ``last``, both included and numbered from 1."""
    lines: list[Line] = []
    for number in range(first, last + 1):
        # Opened anew for each page, so that another run is not kept waiting for long.
        with _opened(file) as document:
            page = document[number - 1]
            text = page.get_textpage()
            lines.extend(_joined(_lines(text, number)))
            text.close()
            page.close()
    return lines


@contextmanager
def _opened(file: Path) -> Iterator[pypdfium2.PdfDocument]:
    with _PDFIUM:
        try:
            document = pypdfium2.PdfDocument(file)
        except pypdfium2.PdfiumError as error:
            if getattr(error, "err_code", None) == _PASSWORD_ERROR or "assword" in str(error):
                raise InputError(
                    f"{file} is a PDF with a password: save it without one and give that file"
                ) from error
            raise InputError(
                f"{file} is a damaged PDF ({error}): get the file again or save it anew"
            ) from error
        try:
            yield document
        except pypdfium2.PdfiumError as error:
            raise InputError(
                f"{file} is a damaged PDF ({error}): get the file again or save it anew"
            ) from error
        finally:
            document.close()


def _lines(text: pypdfium2.PdfTextPage, page: int) -> Iterator[Line]:
    codes = [raw.FPDFText_GetUnicode(text.raw, index) for index in range(text.count_chars())]
    start = 0
    for index in range(len(codes) + 1):
        if index == len(codes) or codes[index] in {10, 13}:
            if line := _line(text, page, codes, start, index):
                yield line
            start = index + 1


def _line(
    text: pypdfium2.PdfTextPage, page: int, codes: list[int], start: int, end: int
) -> Line | None:
    words: list[tuple[int, int]] = []
    for index in range(start, end):
        if (codes[index] <= 32 and codes[index] not in _SOFT_HYPHENS) or codes[index] == 0xA0:
            continue
        if words and words[-1][1] == index:
            words[-1] = (words[-1][0], index + 1)
        else:
            words.append((index, index + 1))
    if not words:
        return None
    _, base, _, top = text.get_charbox(words[0][0], loose=True)
    size = max(top - base, 1.0)
    pieces: list[Piece] = []
    for begin, stop in words:
        left = text.get_charbox(begin, loose=True)[0]
        right = text.get_charbox(stop - 1, loose=True)[2]
        word = "".join(map(_character, codes[begin:stop]))
        if pieces and left - pieces[-1].right < _CELL_GAP * size:
            known = pieces.pop()
            pieces.append(Piece(text=f"{known.text} {word}", left=known.left, right=right))
        else:
            pieces.append(Piece(text=word, left=round(left, 1), right=round(right, 1)))
    bold = raw.FPDFText_GetFontWeight(text.raw, words[0][0]) >= _BOLD or _bold_name(
        text, words[0][0]
    )
    return Line(
        page=page, base=round(base, 1), size=round(size, 1), bold=bold, pieces=tuple(pieces)
    )


def _character(code: int) -> str:
    if code in _SOFT_HYPHENS:
        return "\xad"
    return "\N{REPLACEMENT CHARACTER}" if 0xD800 <= code <= 0xDFFF else chr(code)


def _bold_name(text: pypdfium2.PdfTextPage, index: int) -> bool:
    """Say whether the font's name says bold; many a PDF tells no weight."""
    buffer, flags = ctypes.create_string_buffer(128), ctypes.c_int()
    length = raw.FPDFText_GetFontInfo(text.raw, index, buffer, len(buffer), ctypes.byref(flags))
    return 0 < length <= len(buffer) and b"bold" in buffer.value.lower()


def _joined(lines: Iterator[Line]) -> Iterator[Line]:
    """Put together what PDFium took for two lines although they stand side by side."""
    last: Line | None = None
    for line in lines:
        if last is None:
            last = line
        elif (
            abs(line.base - last.base) < _SAME_LINE * last.size
            and line.pieces[0].left >= last.pieces[-1].right
        ):
            last = last.model_copy(update={"pieces": last.pieces + line.pieces})
        else:
            yield last
            last = line
    if last is not None:
        yield last
