"""Redacting a PDF in a process of its own, which has limits and can be ended."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from perdure_document.child_process.process import ChildFailed, ChildProcess, refusal
from perdure_document.facts import Fact, Source
from perdure_document.files import unchanged
from perdure_document.redaction.finder import Terms

PAGE_SECONDS: Final = 60
WHOLE_SECONDS: Final = 1200
_PROGRAM: Final = "perdure_document.redaction.pdf.program"


class OpenedPdf(Fact):
    """How many pages a PDF has, and what beside their content, which is left out."""

    pages: int
    left_out: dict[str, int]


class SearchedPage(Fact):
    """A page that was searched.

    Attributes:
        number: From 1.
        counts: How often what is to be taken out; if anything, the page becomes a picture.
        unread: Whether it has no text that could be searched.
    """

    number: int
    counts: dict[str, int]
    unread: bool


class RedactionProcess:
    """Searches and redacts the pages of one PDF; ended by :meth:`close`."""

    def __init__(self, file: Path, terms: Terms) -> None:
        """Say what is to be done.

        Args:
            file: The PDF.
            terms: What is to be taken out.
        """
        self._terms = terms
        self._folder = TemporaryDirectory(prefix="perdure-redaction-")
        self._process = ChildProcess(_PROGRAM, str(file), self._folder.name)

    async def open(self, source: Source) -> OpenedPdf:
        """Open it.

        Raises:
            InputError: It has a password, or is damaged.
        """
        return OpenedPdf.model_validate(await self._open(source))

    async def search(self, source: Source, first: int, last: int) -> list[SearchedPage]:
        """Look on pages ``first`` to ``last``, both included, for what is to be taken out.

        Raises:
            InputError: They cannot be searched.
        """
        return [
            SearchedPage.model_validate(
                await self._answer(source, "search", [number], PAGE_SECONDS)
            )
            for number in range(first, last + 1)
        ]

    async def draw(
        self, source: Source, numbers: Sequence[int], target: Path
    ) -> AsyncIterator[int]:
        """Write some pages as pictures without what is to be taken out; yield each that is drawn.

        Raises:
            InputError: They cannot be drawn.
        """
        for place, number in enumerate(numbers):
            await self._answer(source, "draw", [number, place], PAGE_SECONDS)
            yield number
        await self._answer(source, "keep", [len(numbers), str(target)], WHOLE_SECONDS)

    async def join(self, source: Source, parts: Mapping[Path, Sequence[int]], target: Path) -> None:
        """Write the redacted copy, and look for what was to be taken out in it.

        Args:
            source: The PDF.
            parts: Files of the pages that became pictures, with their numbers.
            target: Where the copy goes.

        Raises:
            InputError: What was to be taken out is still there.
        """
        files = [(str(file), list(numbers)) for file, numbers in parts.items()]
        await self._answer(source, "join", [files, str(target)], WHOLE_SECONDS)
        await self._answer(source, "verify", [str(target)], WHOLE_SECONDS)

    async def close(self) -> None:
        """End the process, and delete what it needed."""
        await self._process.close()
        self._folder.cleanup()

    async def _open(self, source: Source) -> object:
        terms = self._terms.model_dump(mode="json")
        return await self._sent(source, "open", [terms], WHOLE_SECONDS)

    async def _answer(
        self, source: Source, name: str, arguments: list[object], seconds: float
    ) -> object:
        if not self._process.is_running:  # it knows nothing yet, or no longer
            await self._open(source)
        return await self._sent(source, name, arguments, seconds)

    async def _sent(
        self, source: Source, name: str, arguments: list[object], seconds: float
    ) -> object:
        unchanged(source)
        try:
            return await self._process.answer(name, arguments, seconds)
        except ChildFailed as failure:
            raise refusal(source, "redacted", failure) from failure
