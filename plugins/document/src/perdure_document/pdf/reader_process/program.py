"""The program that reads a PDF; it can be limited and ended without harm to who asks it.

Executed as ``python -m perdure_document.pdf.reader_process.program FILE BYTES``, with the most
bytes of memory that it may have.
"""

import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pypdfium2
from pypdfium2 import raw

from perdure_document.child_process.serving import serve
from perdure_document.pdf.content import Bookmark, Opening
from perdure_document.pdf.reader_process.page import read_page
from perdure_document.pdf.reader_process.pictures import export_picture
from perdure_document.pdf.recognition.recognised import from_plain, to_plain

if TYPE_CHECKING:
    from perdure_document.pdf.recognition.page import PagePicture

_MOST_BOOKMARKS = 5_000
_MOST_ATTACHMENTS = 1_000
_LONGEST_TITLE = 500


def main() -> None:
    """Answer until there is nothing more to answer."""
    file, most = sys.argv[1], int(sys.argv[2])
    serve(lambda: _Reader(file).answer, most)


class _Reader:
    """An open PDF, and what can be asked of it."""

    def __init__(self, file: str) -> None:
        self._document = pypdfium2.PdfDocument(file)
        if self._document.get_formtype() != raw.FORMTYPE_NONE:
            self._document.init_forms()
        self._pictured: tuple[int, PagePicture] | None = None

    def answer(self, name: str, arguments: list[Any]) -> object:
        """Return the answer to a request."""
        if name == "open":
            return self._opening()
        if name == "read":
            number, *found = arguments
            return read_page(self._document, number, *map(from_plain, found))
        if name == "picture digest":
            return self._picture(*arguments).digest
        if name == "recognise":
            from perdure_document.pdf.recognition.page import recognised

            return to_plain(recognised(self._picture(*arguments)))
        number, place, file = arguments
        return export_picture(self._document, number, place, Path(file))

    def _picture(self, number: int) -> "PagePicture":
        """Return a page as a picture; its digest is asked for first, and then what it says."""
        if self._pictured is None or self._pictured[0] != number:
            from perdure_document.pdf.recognition.page import pictured

            self._pictured = number, pictured(self._document, number)
        return self._pictured[1]

    def _opening(self) -> Opening:
        document = self._document
        told = document.get_metadata_dict(skip_empty=True)
        return Opening(
            pages=len(document),
            metadata={str(key): _clean(str(value)) for key, value in told.items()},
            bookmarks=tuple(self._bookmarks()),
            attachments=tuple(self._attachments()),
            dynamic=document.get_formtype() == raw.FORMTYPE_XFA_FULL,
        )

    def _bookmarks(self) -> Iterator[Bookmark]:
        with suppress(pypdfium2.PdfiumError):
            for bookmark in islice(self._document.get_toc(), _MOST_BOOKMARKS):
                target = bookmark.get_dest()
                index = target.get_index() if target is not None else None
                title = _clean(bookmark.get_title())[:_LONGEST_TITLE]
                if title:
                    page = index + 1 if index is not None and index >= 0 else 0
                    yield Bookmark(title, bookmark.level + 1, page)

    def _attachments(self) -> Iterator[str]:
        count = min(self._document.count_attachments(), _MOST_ATTACHMENTS)
        for index in range(count):
            with suppress(pypdfium2.PdfiumError):
                yield _clean(self._document.get_attachment(index).get_name())


def _clean(text: str) -> str:
    return "".join(max(one, " ") for one in text if not "\ud800" <= one <= "\udfff").strip()


if __name__ == "__main__":
    main()
