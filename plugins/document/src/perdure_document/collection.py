"""The files of a goal: those that were read, and those that could not be, with the reason."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import JsonValue

from perdure.agents import InputError, PermanentError, Run, StepFailed
from perdure_document.facts import Document, Fact, Source
from perdure_document.formatting import counted
from perdure_document.pdf.extraction import PdfExtraction
from perdure_document.reading.pictures import store_pictures
from perdure_document.reading.reader import DocumentReader
from perdure_document.reading.source import look_at


class Refusal(Fact):
    """A file that could not be used.

    Attributes:
        path: The file, as it was given.
        reason: Why, in one sentence.
    """

    path: str
    reason: str


class Share(NamedTuple):
    """What a file has of a goal's progress: the percentages at which it begins and ends."""

    begin: float
    end: float

    def at(self, part: float) -> float:
        """Return the percentage at which a part of it, from 0 to 1, is done."""
        return round(self.begin + part * (self.end - self.begin), 1)


class Collection:
    """Reads the files of a goal one by one; one that cannot be read spoils no other.

    Attributes:
        files: The files, as they were given.
        refusals: Those that could not be used so far.
    """

    def __init__(self, run: Run, files: Sequence[Path], *, pictures: bool = False) -> None:
        """Bind the files to a run.

        Args:
            run: The goal's run.
            files: The files, as they were given.
            pictures: Whether pictures in them become artifacts.
        """
        self.files = tuple(files)
        self.refusals: list[Refusal] = []
        self._run = run
        self._pictures = pictures
        self._stems: set[str] = set()
        self._pdf: PdfExtraction | None = None
        self._reader = DocumentReader(run.cache)

    async def close(self) -> None:
        """End what reads, also if its own end was interrupted."""
        if self._pdf is not None:
            await self._pdf.close()
        await self._reader.close()

    @property
    def pages(self) -> int:
        """How many pages the PDF has that is being read; 0 when that is not known."""
        opening = self._pdf.opening if self._pdf is not None else None
        return opening.pages if opening is not None else 0

    @property
    def pages_read(self) -> int:
        """How many of them have been read."""
        return len(self._pdf.pages) if self._pdf is not None else 0

    async def sources(self, end: float) -> AsyncIterator[tuple[Source, Share]]:
        """Recognise the files one after the other; yield each with its share of the progress.

        Args:
            end: The percentage at which the last one ends.

        Raises:
            StepFailed: The only one is refused, or the worker is at fault.
        """
        for number, path in enumerate(self.files):
            source = await self.recognise(path)
            if source is not None:
                count = len(self.files)
                yield source, Share(end * number / count, end * (number + 1) / count)

    async def documents(
        self, end: float, part: float
    ) -> AsyncIterator[tuple[Source, Document, Share]]:
        """Recognise and read the files one after the other, as :meth:`sources` does.

        Args:
            end: The percentage at which the last one ends.
            part: Which part of its share the reading of a file takes.

        Raises:
            StepFailed: The only one is refused, or the worker is at fault.
        """
        async for source, share in self.sources(end):
            document = await self.read(source, share.at(0), share.at(part))
            if document is not None:
                yield source, document, share

    async def recognise(self, path: Path) -> Source | None:
        """Say what a file is; ``None`` when it is refused and there are others.

        Of files with the same name each has a ``stem`` of its own.

        Raises:
            StepFailed: It is refused and is the only one, or the worker is at fault.
        """
        try:
            source = await self._run.step("recognise", look_at, str(path))
            return self._named_apart(source)
        except StepFailed as failed:
            self.refuse(path, failed)
            return None

    async def read(self, source: Source, begin: float, end: float) -> Document | None:
        """Read a file that was recognised; ``None`` when it is refused and there are others.

        Args:
            source: The file.
            begin: The percentage of the goal's progress at which its reading begins.
            end: That at which it ends.

        Raises:
            StepFailed: It is refused and is the only one, or the worker is at fault.
        """
        try:
            return await self._read(source, begin, end)
        except StepFailed as failed:
            self.refuse(Path(source.path), failed)
            return None

    async def open(self, path: Path, begin: float, end: float) -> tuple[Source, Document]:
        """Recognise and read a file without which the goal cannot be reached.

        Args:
            path: The file.
            begin: The percentage of the goal's progress at which its reading begins.
            end: That at which it ends.

        Raises:
            StepFailed: It cannot be read.
        """
        source = await self._run.step("recognise", look_at, str(path))
        return source, await self._read(source, begin, end)

    def refuse(self, path: Path, failed: StepFailed) -> None:
        """Note why a file cannot be used, and go on if there are others.

        Raises:
            StepFailed: It is the only one, or another attempt may help.
        """
        if not failed.failure.permanent or failed.failure.type != InputError.__name__:
            raise failed
        if len(self.files) == 1:
            raise failed
        self.refusals.append(Refusal(path=str(path), reason=failed.failure.message))

    def require_any(self, verb: str) -> None:
        """Go on if any file could be used.

        Args:
            verb: What was to be done with them, such as ``extract``.

        Raises:
            InputError: None could; the first reasons are in it.
        """
        if len(self.refusals) < len(self.files):
            return
        reasons = "; ".join(refusal.reason for refusal in self.refusals[:3])
        more = len(self.refusals) - 3
        raise InputError(
            f"none of {counted(len(self.files), 'file')} could be used to {verb}: {reasons}"
            + (f"; and {more:,} more" if more > 0 else "")
        )

    def refused(self) -> list[JsonValue]:
        """Return the refusals for a result's data."""
        return [refusal.model_dump(mode="json") for refusal in self.refusals]

    def refusal_notes(self) -> list[str]:
        """Return the refusals for a page that others may read: with names instead of paths."""
        names = [(refusal, Path(refusal.path).name) for refusal in self.refusals]
        return [f"{name}: {one.reason.replace(one.path, name)}" for one, name in names]

    def in_words(self) -> str:
        """Say in a sentence or two what could not be used; empty when everything could."""
        if not self.refusals:
            return ""
        first = "; ".join(refusal.reason for refusal in self.refusals[:3])
        return f"{counted(len(self.refusals), 'file')} could not be used: {first}."

    async def _read(self, source: Source, begin: float, end: float) -> Document:
        if source.kind == "pdf":
            return await self._read_pdf(source, begin, end)
        await self._run.progress(begin, f"reading {source.name} as {source.kind.upper()}")
        document = await self._run.step("read", self._reader.read, source)
        return await store_pictures(self._run, source, document) if self._pictures else document

    async def _read_pdf(self, source: Source, begin: float, end: float) -> Document:
        self._pdf = pdf = PdfExtraction(self._run, source)
        try:
            async for progress in pdf.read(begin, end):
                await self._run.progress(progress.percentage, progress.message)
            if self._pictures:
                await pdf.store_pictures()
        finally:
            await pdf.close()
        if pdf.document is None:
            raise PermanentError(f"{source.path} was read without a result: start again")
        return pdf.document

    def _named_apart(self, source: Source) -> Source:
        """Return a source by whose stem no artifact of another file is named."""
        stem, number = source.stem, 1
        while stem.casefold() in self._stems:
            number += 1
            stem = f"{source.stem}-{number}"
        self._stems.add(stem.casefold())
        return source.model_copy(update={"stem": stem})
