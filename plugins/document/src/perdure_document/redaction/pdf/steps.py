"""Redacting a PDF as steps of a run: its pages are searched, drawn anew, and joined."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from perdure.agents import Artifact, Run
from perdure_document.facts import Source
from perdure_document.files import digest_of
from perdure_document.redaction.finder import Terms
from perdure_document.redaction.pdf.process import OpenedPdf, RedactionProcess, SearchedPage
from perdure_document.redaction.report import Redaction

SEARCHED_TOGETHER: Final = 50
# Drawing a page takes up to half a second, which is lost where a step is killed.
DRAWN_TOGETHER: Final = 10
# Of what draws pages: raise it when a page is to look different from before.
_VERSION: Final = 1
# Where in its share of the progress the drawing begins, and the joining.
_DRAWING, _JOINING = 0.2, 0.8


class PdfRedacting:
    """Redacts one PDF.

    Pages that become pictures are kept in the run's cache: an execution that begins after a failure
    finds them there, and draws again those that are gone.
    """

    def __init__(self, run: Run, source: Source, terms: Terms) -> None:
        """Bind a PDF to a run.

        Args:
            run: The goal's run.
            source: The PDF.
            terms: What is to be taken out.
        """
        self._run = run
        self._source = source
        self._terms = terms
        self._process = RedactionProcess(Path(source.path), terms)
        self._percentages: dict[int, float] = {}

    async def redact(self, name: str, begin: float, end: float) -> tuple[Artifact, Redaction]:
        """Store the redacted copy as an artifact, and return what was taken out.

        Args:
            name: The artifact's name.
            begin: The percentage of the goal's progress at which it begins.
            end: That at which it ends.

        Raises:
            StepFailed: It cannot be redacted, or what was to be taken out is still in the copy.
        """
        step, source = self._run.step, self._source
        digest = await step("take the digest", digest_of, source)
        opened = await step("open", self._process.open, source)
        drawing, joining = (begin + part * (end - begin) for part in (_DRAWING, _JOINING))
        pages = await self._search(opened.pages, begin, drawing)
        changed = [page.number for page in pages if page.counts]
        self._percentages = {
            number: round(drawing + (joining - drawing) * done / len(changed), 1)
            for done, number in enumerate(changed, 1)
        }
        batches = [
            changed[place : place + DRAWN_TOGETHER]
            for place in range(0, len(changed), DRAWN_TOGETHER)
        ]
        for batch in batches:
            await step("draw pages", partial(self._draw, digest), source, batch)
        await self._run.progress(round(joining, 1), f"joining the pages of {source.name}")
        artifact = await step("join pages", partial(self._join, digest), source, batches, name)
        # Written within the step, which is not done again in a later execution.
        self._run.artifacts[name] = artifact
        return artifact, _redaction(source, opened, pages)

    async def close(self) -> None:
        """End the process that redacts."""
        await self._process.close()

    async def _search(self, total: int, begin: float, end: float) -> list[SearchedPage]:
        found: list[SearchedPage] = []
        for first in range(1, total + 1, SEARCHED_TOGETHER):
            last = min(first + SEARCHED_TOGETHER - 1, total)
            await self._run.progress(
                round(begin + (end - begin) * (first - 1) / total, 1),
                f"searching pages {first} to {last} of {total} of {self._source.name}",
            )
            search = self._process.search
            found += await self._run.step("search pages", search, self._source, first, last)
        return found

    async def _draw(self, digest: str, source: Source, numbers: list[int]) -> None:
        """Have a file of pages as pictures in the cache."""
        async with self._pictures(digest, source, numbers):
            pass

    def _pictures(
        self, digest: str, source: Source, numbers: list[int]
    ) -> AbstractAsyncContextManager[Path]:
        """Return what yields a file of pages as pictures, drawn if they are not in the cache."""

        async def draw(target: Path) -> None:
            async for number in self._process.draw(source, numbers, target):
                message = f"drew page {number} of {source.name} anew"
                await self._run.progress(self._percentages[number], message)

        key = [digest, self._terms.model_dump(mode="json"), numbers]
        return self._run.cache.file("redacted pages", key, draw, version=_VERSION)

    async def _join(
        self, digest: str, source: Source, batches: list[list[int]], name: str
    ) -> Artifact:
        """Write the redacted copy as an artifact; only what was checked is delivered."""
        async with AsyncExitStack() as opened:
            folder = opened.enter_context(TemporaryDirectory(prefix="perdure-redaction-"))
            parts = {
                await opened.enter_async_context(self._pictures(digest, source, numbers)): numbers
                for numbers in batches
            }
            target = Path(folder) / "redacted.pdf"
            await self._process.join(source, parts, target)
            return await self._run.artifact(name, target, media_type="application/pdf")


def _redaction(source: Source, opened: OpenedPdf, pages: Sequence[SearchedPage]) -> Redaction:
    counts: dict[str, int] = {}
    for page in pages:
        for what, count in page.counts.items():
            counts[what] = counts.get(what, 0) + count
    unread = sum(page.unread for page in pages)
    note = f"{source.name}: every page that changed is a picture now, with the text that stays."
    return Redaction(
        counts=counts,
        removed=opened.left_out,
        unsearched={"page without text": unread} if unread else {},
        notes=(note,) if counts else (),
    )
