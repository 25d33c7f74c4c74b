"""The pictures of a page as files."""

import ctypes
from pathlib import Path

import pypdfium2
from pypdfium2 import raw

from perdure_document.pdf.pages.drawings import drawings_of, is_jpeg
from perdure_document.pdf.pages.frame import shown_frame

_MOST_PIXELS = 60_000_000


def export_picture(document: pypdfium2.PdfDocument, number: int, place: int, file: Path) -> bool:
    """Write a picture of a page as a file, a JPEG as it is, any other as PNG.

    Args:
        document: The document.
        number: The page's number, from 1.
        place: The picture's place among those that are drawn on it, from 0.
        file: Where to.

    Returns:
        Whether that was possible.
    """
    page = document[number - 1]
    try:
        pictures = drawings_of(page, shown_frame(page)).pictures
        if place >= len(pictures):
            return False
        _, item = pictures[place]
        if not is_jpeg(item):
            return _write_png(document, page, item, file)
        length = raw.FPDFImageObj_GetImageDataRaw(item, None, 0)
        content = ctypes.create_string_buffer(length)
        raw.FPDFImageObj_GetImageDataRaw(item, content, length)
        file.write_bytes(content.raw)
        return True
    finally:
        page.close()


def _write_png(
    document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage, item: object, file: Path
) -> bool:
    width, height = ctypes.c_uint(), ctypes.c_uint()
    raw.FPDFImageObj_GetImagePixelSize(item, width, height)
    if not 0 < width.value * height.value <= _MOST_PIXELS:
        return False
    handle = raw.FPDFImageObj_GetRenderedBitmap(document.raw, page.raw, item)
    handle = handle or raw.FPDFImageObj_GetBitmap(item)
    if not handle:
        return False
    bitmap = pypdfium2.PdfBitmap.from_raw(handle)
    try:
        bitmap.to_pil().save(file, "PNG")
    finally:
        bitmap.close()
    return True
