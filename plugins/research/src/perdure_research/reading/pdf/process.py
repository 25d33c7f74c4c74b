"""The program that reads a PDF from standard input and writes its lines as JSON on standard output.

Run as ``python -m perdure_research.reading.pdf.process MOST_CHARACTERS``, which
:mod:`perdure_research.reading.pdf.reader` does.
"""

import json
import sys
from collections.abc import Iterator

import pypdfium2  # type: ignore[import-untyped, unused-ignore]
from pypdfium2 import raw

_LINE_END_HYPHENS = ("\ufffe", "\x02", "\xad")


def main() -> None:
    """Read, and write what was found or why not."""
    most = int(sys.argv[1])
    found: dict[str, object]
    try:
        found = _read(sys.stdin.buffer.read(), most)
    except pypdfium2.PdfiumError as error:
        found = {"error": str(error) or "unreadable", "code": getattr(error, "err_code", None)}
    sys.stdout.write(json.dumps(found))


def _read(content: bytes, most: int) -> dict[str, object]:
    document = pypdfium2.PdfDocument(content)
    pages: list[list[dict[str, object]]] = []
    unread: list[int] = []
    characters = 0
    for number in range(len(document)):
        if characters > most:
            break
        page = document[number]
        lines = list(_lines(page.get_textpage()))
        characters += sum(len(str(line["text"])) for line in lines)
        pages.append(lines)
        if not lines and _has_picture(page):
            unread.append(number + 1)
    about = document.get_metadata_dict()
    return {
        "title": " ".join(about.get("Title", "").split()),
        "date": about.get("ModDate") or about.get("CreationDate") or "",
        "pages": pages,
        "unread": unread,
        "cut": len(pages) < len(document),
    }


def _has_picture(page: pypdfium2.PdfPage) -> bool:
    """Say whether there is anything on a page that could show text: a picture, or a drawing."""
    return next(iter(page.get_objects(max_depth=3)), None) is not None


def _lines(page: pypdfium2.PdfTextPage) -> Iterator[dict[str, object]]:
    text = page.get_text_range()
    if len(text) != page.count_chars():
        # Characters beyond the basic plane take two places in PDFium's count: sizes would slip.
        text = "".join(chr(raw.FPDFText_GetUnicode(page, n)) for n in range(page.count_chars()))
    start = 0
    for line in text.split("\n"):
        bare = line.strip("\r\n ")
        if bare:
            first = start + line.index(bare[0])
            last = start + len(line.rstrip("\r\n ")) - 1
            left, _, right, top = _box(page, first, last)
            yield {
                "text": bare.rstrip("".join(_LINE_END_HYPHENS)),
                "hyphen": bare.endswith(_LINE_END_HYPHENS),
                "size": round(raw.FPDFText_GetFontSize(page, first), 1),
                "left": round(left, 1),
                "right": round(right, 1),
                "top": round(top, 1),
            }
        start += len(line) + 1


def _box(page: pypdfium2.PdfTextPage, first: int, last: int) -> tuple[float, float, float, float]:
    begin, end = page.get_charbox(first, loose=True), page.get_charbox(last, loose=True)
    return begin[0], begin[1], end[2], begin[3]


if __name__ == "__main__":
    main()
