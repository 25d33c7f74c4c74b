"""The program that reads a PDF from standard input and tells its lines as JSON on standard output.

Run as ``python -m perdure_research.pdf_process MOST_CHARACTERS``, which
:mod:`perdure_research.pdf` does.
"""

import json
import sys
from collections.abc import Iterator

import pypdfium2  # type: ignore[import-untyped, unused-ignore]
from pypdfium2 import raw

_LINE_END_HYPHENS = ("\ufffe", "\x02", "\xad")


def main() -> None:
    """Read, and tell what was found or why not."""
    most = int(sys.argv[1])
    told: dict[str, object]
    try:
        told = _read(sys.stdin.buffer.read(), most)
    except pypdfium2.PdfiumError as error:
        told = {"error": str(error) or "unreadable", "code": getattr(error, "err_code", None)}
    sys.stdout.write(json.dumps(told))


def _read(content: bytes, most: int) -> dict[str, object]:
    document = pypdfium2.PdfDocument(content)
    pages: list[list[dict[str, object]]] = []
    characters = 0
    for number in range(len(document)):
        if characters > most:
            break
        lines = list(_lines(document[number].get_textpage()))
        characters += sum(len(str(line["text"])) for line in lines)
        pages.append(lines)
    title = document.get_metadata_dict().get("Title", "")
    return {"title": " ".join(title.split()), "pages": pages, "cut": len(pages) < len(document)}


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
