"""Reading a PDF as steps of a run: opening it, its pages, the text in its pictures."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from pydantic import TypeAdapter

from perdure.agents import Progress, Run
from perdure_document.facts import Block, Document, Picture, Source
from perdure_document.files import digest_of
from perdure_document.formatting import counted
from perdure_document.pdf.content import Opening, Page
from perdure_document.pdf.document import arrange_pages
from perdure_document.pdf.reader import PdfReader
from perdure_document.pdf.recognition.availability import is_available
from perdure_document.shortening import LONGEST
from perdure_document.versions import parsers_version

_BATCH: Final = 20
_MOST_PICTURES: Final = 500
_RECOGNITION_BYTES: Final = 8 << 30
_RECOGNITION_SECONDS: Final = 120
_READING_SHARE: Final = 0.3
_VERSION: Final = 1
_PAGES: Final = TypeAdapter(list[Page])


class _PagesFailed(Exception):
    """Some of the pages that were read say why they could not be."""

    def __init__(self, pages: list[Page]) -> None:
        super().__init__()
        self.pages = pages


class PdfExtraction:
    """Reads one PDF.

    Attributes:
        pages: The pages read so far.
        opening: What is known of the PDF; ``None`` until it is open.
        document: The whole; ``None`` until everything is read.
    """

    def __init__(self, run: Run, source: Source) -> None:
        self._run = run
        self._source = source
        self._reader = PdfReader(Path(source.path))
        self._recogniser = PdfReader(
            Path(source.path), most_bytes=_RECOGNITION_BYTES, page_seconds=_RECOGNITION_SECONDS
        )
        self.pages: list[Page] = []
        self.opening: Opening | None = None
        self.document: Document | None = None
        self._digest = ""

    async def read(self, start: float, end: float) -> AsyncIterator[Progress]:
        """Read it, and yield progress between two percentages.

        Raises:
            StepFailed: It cannot be read, has a password, or has no text.
        """
        step = self._run.step
        opening = await step("open", self._reader.open, self._source)
        self.opening = opening
        characters = 0
        for first in range(1, opening.pages + 1, _BATCH):
            last = min(first + _BATCH - 1, opening.pages)
            if characters > LONGEST:  # what comes after that many is cut off anyway
                break
            yield Progress(
                percentage=round(
                    start + _READING_SHARE * (end - start) * (first - 1) / opening.pages, 1
                ),
                message=f"reading pages {first} to {last} of {opening.pages}",
            )
            read = await step("read pages", self._read_pages, self._source, first, last)
            self.pages += read
            characters += sum(map(_characters, read))
        await self._reader.close()
        recognition = True
        unread = [place for place, page in enumerate(self.pages) if page.unread]
        if unread:
            recognition = await step("look for text recognition", is_available)
            if recognition:
                async for progress in self._recognise(unread, start, end):
                    yield progress
        yield Progress(percentage=end, message="telling headings, text and tables apart")
        self.document = await step(
            "arrange", arrange_pages, self._source, opening, self.pages, recognition=recognition
        )

    async def store_pictures(self) -> None:
        """Make artifacts of the document's pictures, and name these in the document.

        Pictures beyond the first 500, and those that cannot be had, are counted as left out.
        """
        document = self.document
        assert document is not None
        pictures = [block.picture for block in document.blocks if block.picture is not None]
        named: dict[str, str] = {}
        with TemporaryDirectory(prefix="perdure-pictures-") as folder:
            for picture in pictures[:_MOST_PICTURES]:
                name = _artifact_name(self._source, picture)
                # One that was stored before a failure is there, even if the file no longer is.
                if name in self._run.artifacts or await self._store(picture, name, Path(folder)):
                    named[picture.reference] = name
        await self._reader.close()
        left_out = dict(document.left_out)
        if missing := sum(picture.reference not in named for picture in pictures):
            left_out["picture without an artifact"] = missing
        blocks = tuple(_named(document.blocks, named))
        self.document = document.model_copy(update={"blocks": blocks, "left_out": left_out})

    async def _store(self, picture: Picture, name: str, folder: Path) -> bool:
        file = folder / "picture"
        page, place = _place(picture)
        if not await self._reader.export_picture(self._source, page, place, file):
            return False
        await self._run.artifact(name, file, media_type=picture.media_type)
        return True

    async def close(self) -> None:
        """End the processes that read."""
        await self._reader.close()
        await self._recogniser.close()

    async def _read_pages(self, source: Source, first: int, last: int) -> list[Page]:
        """Read pages, or find what another goal has read of the same file."""
        if not self._digest:
            self._digest = await asyncio.to_thread(digest_of, source)

        async def read() -> bytes:
            pages = await self._reader.read_pages(source, first, last)
            if any(page.failure for page in pages):  # another time they may be read
                raise _PagesFailed(pages)
            return _PAGES.dump_json(pages)

        key = [self._digest, first, last, parsers_version()]
        try:
            content = await self._run.cache.get_or_make("pages", key, read, version=_VERSION)
        except _PagesFailed as failed:
            return failed.pages
        return _PAGES.validate_json(content)

    async def _recognise(
        self, unread: list[int], start: float, end: float
    ) -> AsyncIterator[Progress]:
        begin = start + _READING_SHARE * (end - start)
        for done, place in enumerate(unread):
            number = self.pages[place].number
            yield Progress(
                percentage=round(begin + (end - begin) * done / len(unread), 1),
                message=f"recognising the text on page {number},"
                f" {done + 1} of {counted(len(unread), 'page')} in pictures",
            )
            recognise = partial(self._recogniser.recognise_page, self._run.cache)
            (page,) = await self._run.step("recognise text", recognise, self._source, number)
            if page.failure:
                page = self.pages[place]._replace(failure=f"its pictures: {page.failure}")
            self.pages[place] = page
        await self._recogniser.close()


def _characters(page: Page) -> int:
    lines = sum(len(line.text) for line in page.lines)
    return lines + sum(len(cell.text) for _, table in page.tables for cell in table.cells)


def _place(picture: Picture) -> tuple[int, int]:
    """Return a picture's page, from 1, and its place among those of the page, from 0."""
    page, number = re.findall(r"\d+", picture.reference)
    return int(page), int(number) - 1


def _artifact_name(source: Source, picture: Picture) -> str:
    page, place = _place(picture)
    ending = "jpg" if picture.media_type == "image/jpeg" else "png"
    return f"{source.stem}-pictures/{page}-{place + 1}.{ending}"


def _named(blocks: tuple[Block, ...], names: dict[str, str]) -> Iterator[Block]:
    for block in blocks:
        if block.picture is not None and block.picture.reference in names:
            name = names[block.picture.reference]
            yield block.model_copy(
                update={"picture": block.picture.model_copy(update={"name": name})}
            )
        else:
            yield block
