"""Reading a PDF through a process of its own, which has limits and can be ended.

PDFium is native code that two threads of a process must not enter at once, and a hostile file can
make it take all memory or never end. Alone in a process it harms nobody else.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from perdure.agents import InputError, RunCache
from perdure_document.child_process.process import ChildFailed, ChildProcess
from perdure_document.facts import Source
from perdure_document.files import unchanged
from perdure_document.formatting import counted
from perdure_document.pdf.content import Opening, Page
from perdure_document.versions import recogniser_version

MOST_PAGES: Final = 10_000
MOST_BYTES: Final = 2 << 30
OPEN_SECONDS: Final = 60
PAGE_SECONDS: Final = 30
MOST_FAILURES: Final = 3
_PROGRAM: Final = "perdure_document.pdf.reader_process.program"
_VERSION: Final = 1
_OPENING: Final = TypeAdapter(Opening)
_PAGE: Final = TypeAdapter(Page)


class PdfReader:
    """Reads one PDF. Its process is started when it is first needed, and ended by :meth:`close`.

    Args:
        file: The file.
        most_bytes: How much memory the process may have.
        page_seconds: How long it may take for a page.
    """

    def __init__(
        self, file: Path, *, most_bytes: int = MOST_BYTES, page_seconds: float = PAGE_SECONDS
    ) -> None:
        self._process = ChildProcess(_PROGRAM, str(file), str(most_bytes))
        self._page_seconds = page_seconds

    async def open(self, source: Source) -> Opening:
        """Return what is known of the PDF before its pages are read.

        Raises:
            InputError: It has a password, no pages or too many, is damaged, or takes too long.
        """
        file = unchanged(source)
        try:
            answer = await self._process.answer("open", [], OPEN_SECONDS)
        except ChildFailed as failure:
            if failure.is_password:
                raise InputError(
                    f"{file} is a PDF with a password: save it without one and give that file"
                ) from failure
            raise InputError(
                f"{file} is a damaged PDF ({failure}): get the file again or save it anew"
            ) from failure
        opening = _OPENING.validate_python(answer)
        if not opening.pages:
            raise InputError(f"{file} is a PDF with 0 pages: give one with text")
        if opening.pages > MOST_PAGES:
            raise InputError(
                f"{file} has {counted(opening.pages, 'page')} and at most {MOST_PAGES:,} are read:"
                " split it or give a smaller file"
            )
        return opening

    async def read_pages(self, source: Source, first: int, last: int) -> list[Page]:
        """Read pages ``first`` to ``last``, both included and numbered from 1.

        A page that cannot be read says why in its ``failure``.

        Raises:
            InputError: Three pages in a row took too much time or memory, or the file changed
                since it was recognised.
        """
        return await self._pages(source, list(range(first, last + 1)), self._read)

    async def recognise_page(self, cache: RunCache, source: Source, number: int) -> list[Page]:
        """Recognise the text in the pictures of a page, within a step.

        Args:
            cache: The run's: a page that looks the same is not recognised again.
            source: The PDF.
            number: The page's number, from 1.

        Returns:
            A list of one page, with what it holds.
        """

        async def recognised(number: int) -> object:
            digest = await self._answer("picture digest", number)
            make = partial(self._recognise, number)
            key = [digest, recogniser_version()]
            found = await cache.get_or_make("recognised text", key, make, version=_VERSION)
            return await self._answer("read", number, json.loads(found))

        return await self._pages(source, [number], recognised)

    async def export_picture(self, source: Source, number: int, place: int, file: Path) -> bool:
        """Write a picture of a page as a file, and say whether that was possible.

        Args:
            source: The PDF.
            number: The page's number, from 1.
            place: The picture's place among the page's, from 0.
            file: Where to.
        """
        unchanged(source)
        try:
            return bool(await self._answer("export", number, place, str(file)))
        except ChildFailed:
            return False

    async def close(self) -> None:
        """End the process."""
        await self._process.close()

    async def _answer(self, name: str, *arguments: object) -> object:
        return await self._process.answer(name, arguments, self._page_seconds)

    async def _read(self, number: int) -> object:
        return await self._answer("read", number)

    async def _recognise(self, number: int) -> bytes:
        return json.dumps(await self._answer("recognise", number)).encode()

    async def _pages(
        self,
        source: Source,
        numbers: Sequence[int],
        read: Callable[[int], Awaitable[object]],
    ) -> list[Page]:
        file = unchanged(source)
        pages: list[Page] = []
        failures = 0
        for number in numbers:
            try:
                pages.append(_PAGE.validate_python(await read(number)))
                failures = 0
            except ChildFailed as failure:
                failures += failure.code is None
                if failures == MOST_FAILURES:
                    raise InputError(
                        f"{file} cannot be read, page {number} as the pages before it ({failure}):"
                        " save it anew or give another file"
                    ) from failure
                pages.append(Page(number=number, failure=str(failure)))
        return pages
