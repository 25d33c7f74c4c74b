"""The program that redacts a PDF; it can be limited and ended without harm to who asks it.

Executed as ``python -m perdure_document.redaction.pdf.program FILE FOLDER``, with a folder for what
it needs meanwhile. The first request brings what is to be taken out, which belongs in no list of
processes.
"""

import sys
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pikepdf
import pypdfium2
from pypdfium2 import raw

from perdure.agents import InputError
from perdure_document.child_process.serving import serve
from perdure_document.redaction.finder import Finder, Found, Terms
from perdure_document.redaction.pdf.characters import Characters
from perdure_document.redaction.pdf.objects import (
    bare_page,
    count_left_out,
    parts_of_pdf,
    texts_of,
)
from perdure_document.redaction.pdf.page_image import PICTURE, add_page_image
from perdure_document.redaction.verification import verify_bytes

_MOST_BYTES: Final = 3 << 30
# So many pages have their annotations drawn into them before the file is saved and opened again.
_BLOCK: Final = 100


def main() -> None:
    """Answer until there is nothing more to answer."""
    file, folder = map(Path, sys.argv[1:])
    serve(lambda: _Program(file, folder).answer, _MOST_BYTES, (InputError,))


class _Program:
    """A PDF that is redacted.

    A page on which something is found becomes a picture of itself with black boxes and, unseen, the
    words that stay. Other pages keep their content. Annotations and form fields are drawn into the
    pages first. Nothing else of the file is taken over: no older revision, property, bookmark,
    attachment, structure, script or thumbnail.
    """

    def __init__(self, file: Path, folder: Path) -> None:
        self._file = file
        self._folder = folder
        self._document = pypdfium2.PdfDocument(file)
        if self._document.get_formtype() != raw.FORMTYPE_NONE:
            self._document.init_forms()
        self._finder = Finder(Terms())
        self._blocks: set[int] = set()
        self._searched: set[int] = set()
        self._flat: tuple[pypdfium2.PdfDocument, pikepdf.Pdf] | None = None
        self._drawn = pikepdf.new()
        self._joined: set[int] = set()

    def answer(self, name: str, arguments: list[Any]) -> object:
        """Return the answer to a request."""
        match name, arguments:
            case "open", [terms]:
                self._finder = Finder(Terms.model_validate(terms))
                return self._opening()
            case "search", [number]:
                return self._search(number)
            case "draw", [number, place]:
                self._draw(number, place)
            case "keep", [count, target]:
                self._keep(count, Path(target))
            case "join", [parts, target]:
                self._join(dict(parts), Path(target))
            case "verify", [target]:
                self._verify(Path(target), self._joined)
            case _:
                raise ValueError(f"no request is called {name}")
        return None

    def _opening(self) -> dict[str, object]:
        with pikepdf.open(self._file) as original:
            return {"pages": len(self._document), "left_out": dict(count_left_out(original))}

    def _search(self, number: int) -> dict[str, object]:
        """Look for what is to be taken out on a page: in what it shows, and in its objects."""
        shown, page = self._page(number)
        characters = Characters(shown)
        found, hidden = self._found(characters, page)
        self._searched.add(number)
        counts: dict[str, int] = {}
        for one in found or hidden:
            counts[one.what] = counts.get(one.what, 0) + 1
        unread = not counts and not characters.text.strip()
        shown.close()
        return {"number": number, "counts": counts, "unread": unread}

    def _found(self, characters: Characters, page: pikepdf.Page) -> tuple[list[Found], list[Found]]:
        hidden = [one for text in texts_of(page) for one in self._finder.find(text)]
        return self._finder.find(characters.text), hidden

    def _draw(self, number: int, place: int) -> None:
        """Add a page to those that become pictures; that in place 0 begins a file of them."""
        if place == 0:
            self._drawn = pikepdf.new()
        shown, _ = self._page(number)
        characters = Characters(shown)
        add_page_image(self._drawn, shown, characters, self._finder.find(characters.text))
        shown.close()

    def _keep(self, count: int, target: Path) -> None:
        """Write the pages that became pictures."""
        if len(self._drawn.pages) != count:
            raise ValueError(f"{len(self._drawn.pages)} of {count} pages were drawn")
        self._drawn.save(target, deterministic_id=True)
        self._drawn = pikepdf.new()
        self._verify(target, set(range(1, count + 1)))

    def _join(self, parts: dict[str, list[int]], target: Path) -> None:
        """Write the redacted copy: pages that became pictures from files, the others as they are.

        Args:
            parts: The numbers of the pages in each file.
            target: Where the copy goes.
        """
        for number in range(1, len(self._document) + 1):
            if number not in self._searched:  # by another process, which has ended
                self._search(number)
        with ExitStack() as opened, pikepdf.new() as new:
            drawn: dict[int, pikepdf.Page] = {}
            for file, numbers in parts.items():
                part = opened.enter_context(pikepdf.open(file))
                drawn.update(zip(numbers, part.pages, strict=True))
            for number in range(1, len(self._document) + 1):
                if number in drawn:
                    new.pages.append(drawn[number])
                    continue
                _, page = self._page(number)
                bare_page(page)
                new.pages.append(page)
            new.remove_unreferenced_resources()
            new.save(
                target,
                deterministic_id=True,
                object_stream_mode=pikepdf.ObjectStreamMode.generate,
            )
        self._joined = set(drawn)

    def _verify(self, target: Path, drawn: Collection[int]) -> None:
        """Look for what was to be taken out in a file that was written.

        Args:
            target: The file.
            drawn: The numbers of its pages that are pictures.

        Raises:
            InputError: It is still there.
        """
        matched = set(self._finder.matched)
        document = pypdfium2.PdfDocument(target)
        for page in document:
            if self._finder.find(Characters(page).text):
                raise InputError(
                    f"after redaction {self._file.name} still says what was to be taken out, so it"
                    " is not delivered: save it anew in its program and try again"
                )
            page.close()
        document.close()
        with pikepdf.open(target) as pdf:
            # In what was drawn here is no text; that its bytes look like one is chance.
            pictures = {pdf.pages[one - 1].obj.Resources.XObject[PICTURE].objgen for one in drawn}
            verify_bytes(parts_of_pdf(pdf, pictures), matched, self._file.name)

    def _page(self, number: int) -> tuple[pypdfium2.PdfPage, pikepdf.Page]:
        """Return a page whose annotations and form fields are drawn into it, as they are shown."""
        block = (number - 1) // _BLOCK
        if block not in self._blocks or self._flat is None:
            self._flatten(block)
        assert self._flat is not None
        shown, objects = self._flat
        return shown[number - 1], objects.pages[number - 1]

    def _flatten(self, block: int) -> None:
        first = block * _BLOCK
        for index in range(first, min(first + _BLOCK, len(self._document))):
            page = self._document[index]
            raw.FPDFPage_Flatten(page.raw, raw.FLAT_NORMALDISPLAY)
            page.close()
        self._blocks.add(block)
        file = self._folder / f"flat-{len(self._blocks)}.pdf"
        self._document.save(file)
        if self._flat is not None:
            shown, objects = self._flat
            shown.close()
            objects.close()
            (self._folder / f"flat-{len(self._blocks) - 1}.pdf").unlink()
        self._flat = pypdfium2.PdfDocument(file), pikepdf.open(file)


if __name__ == "__main__":
    main()
