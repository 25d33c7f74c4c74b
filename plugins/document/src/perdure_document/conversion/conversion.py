"""Converting files: Markdown as it is written, every other document as it is read."""

import asyncio
import tempfile
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Final

from perdure.agents import Artifact, Result, Run, StepFailed
from perdure_document.action import Action
from perdure_document.conversion.content import Content, read_content
from perdure_document.facts import Document, Fact, Source
from perdure_document.files import unchanged
from perdure_document.formatting import counted
from perdure_document.parameters import DocumentParameters, Target
from perdure_document.reading.encodings import text_of
from perdure_document.report.page import write_notes, write_page, write_table
from perdure_document.writing.markdown_writer import write_markdown

MEDIA_TYPES: Final[dict[Target, str]] = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
}


class Converted(Fact):
    """A converted file: its artifact, and what could not be carried over, by what it is."""

    path: str
    artifact: Artifact
    left_out: dict[str, int]


class Conversion(Action):
    """Delivers ``<name>.docx`` or ``<name>.pdf`` of each file."""

    def __init__(self, run: Run, parameters: DocumentParameters) -> None:
        super().__init__(run, parameters)
        self._to: Target = parameters.to or "docx"
        self._done: list[Converted] = []

    async def execute(self) -> None:
        """Read each file and write it in the other format."""
        async for source, share in self.collection.sources(95):
            document = None
            if source.kind != "markdown":
                document = await self.collection.read(source, share.at(0), share.at(0.5))
                if document is None:
                    continue
            await self.run.progress(share.at(0.5), f"writing {source.name} as {self._to.upper()}")
            name = f"{source.stem}.{self._to}"
            try:
                done = await self.run.step("convert", self._convert, source, document, name)
            except StepFailed as failed:
                self.collection.refuse(Path(source.path), failed)
                continue
            self._done.append(done)
            # Written within the step, which is not done again in a later execution.
            self.run.artifacts[name] = done.artifact
        self.collection.require_any("convert")
        if len(self.collection.files) > 1:
            await self.run.artifact("index.html", self._page(), media_type="text/html")

    def result(self) -> Result:
        """Return what was converted, and what could not be carried over."""
        names = ", ".join(one.artifact.name for one in self._done[:5])
        total = counted(len(self.collection.files), "file")
        summary = f"Converted {len(self._done):,} of {total} to {self._to.upper()}"
        summary += f": {names}." if names else "."
        return Result(
            summary=" ".join(
                filter(None, [summary, *self._notes()[:5], self.collection.in_words()])
            ),
            data={
                "files": [one.model_dump(mode="json") for one in self._done],
                "refused": self.collection.refused(),
            },
        )

    async def _convert(self, source: Source, document: Document | None, name: str) -> Converted:
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / Path(name).name
            content = await asyncio.to_thread(_write, source, document, self._to, target)
            artifact = await self.run.artifact(name, target, media_type=MEDIA_TYPES[self._to])
        return Converted(path=source.path, artifact=artifact, left_out=dict(content.left_out))

    def _notes(self) -> list[str]:
        return [
            f"{Path(one.path).name}: {counted(count, what)} could not be carried over."
            for one in self._done
            for what, count in one.left_out.items()
        ]

    def _page(self) -> str:
        rows = [
            (f"<bdi>{escape(Path(one.path).name)}</bdi>", f"<bdi>{escape(one.artifact.name)}</bdi>")
            for one in self._done
        ]
        notes = [*self._notes(), *self.collection.refusal_notes()]
        body = write_notes(notes) + write_table(("File", "Converted"), rows)
        return write_page(f"{counted(len(self._done), 'file')} as {self._to.upper()}", body)


def _write(source: Source, document: Document | None, to: Target, target: Path) -> Content:
    file = unchanged(source)
    if document is None:
        content = read_content(text_of(source, file), file.parent)
    else:
        content = read_content(write_markdown(document))
    writer_of(to)(content, target)
    return content


def writer_of(to: Target) -> Callable[[Content, Path], None]:
    """Return what writes a format; each imports its own library."""
    if to == "pdf":
        from perdure_document.conversion.typesetting import write_pdf

        return write_pdf
    from perdure_document.conversion.word import write_docx

    return write_docx
