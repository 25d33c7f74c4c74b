"""Redacting files: the text is gone from the bytes of the copies."""

import tempfile
from collections import Counter
from html import escape
from pathlib import Path
from typing import Final

from perdure.agents import Artifact, Result, Run, StepFailed
from perdure_document.action import Action
from perdure_document.child_process.process import ChildFailed, ChildProcess, refusal
from perdure_document.collection import Share
from perdure_document.facts import Source
from perdure_document.formatting import counted
from perdure_document.parameters import DocumentParameters
from perdure_document.redaction.finder import Finder, Terms, replace
from perdure_document.redaction.packages.xml_parts import FILL
from perdure_document.redaction.pdf.steps import PdfRedacting
from perdure_document.redaction.report import (
    MEDIA_TYPES,
    RedactedFile,
    Redaction,
    RedactionReport,
    RefusedFile,
)
from perdure_document.report.files import store_report
from perdure_document.report.page import write_notes, write_page, write_table

_SECONDS: Final = 600
_PROGRAM: Final = "perdure_document.redaction.program"


class Redacting(Action):
    """Delivers ``<name>.redacted.<ending>`` of each file, and a report as HTML and JSON."""

    def __init__(self, run: Run, parameters: DocumentParameters) -> None:
        super().__init__(run, parameters)
        self._files: list[RedactedFile] = []
        self._process = ChildProcess(_PROGRAM)
        self._pdf: PdfRedacting | None = None
        self._terms = Terms(
            words=tuple(parameters.words),
            names=tuple(parameters.names),
            patterns=tuple(parameters.patterns),
            kinds=tuple(parameters.kinds),
        )

    async def execute(self) -> None:
        """Redact each file, look into the copy, and report."""
        async for source, share in self.collection.sources(95):
            await self.run.progress(share.at(0), f"redacting {source.name}")
            name = f"{self._stem(source)}.redacted{Path(source.path).suffix.lower()}"
            try:
                artifact, redaction = await self._redacted(source, name, share)
            except StepFailed as failed:
                self.collection.refuse(Path(source.path), failed)
                continue
            redaction = redaction.model_copy(update={"notes": tuple(_notes(source, redaction))})
            self._files.append(
                RedactedFile(
                    path=source.path, kind=source.kind, artifact=artifact, redaction=redaction
                )
            )
            await self.run.progress(share.at(1), f"redacted {source.name}")
        self.collection.require_any("redact")
        await self.run.artifact("redaction.html", self._page(), media_type="text/html")
        await store_report(self.run, "redaction", self._report())

    def result(self) -> Result:
        """Return what was taken out of how many files."""
        report = self._report()
        total = _total(report)
        told = ", ".join(f"{count:,} {what}" for what, count in sorted(total.items()))
        summary = (
            f"Took {told or 'nothing'} out of {len(self._files):,} of"
            f" {counted(len(self.collection.files), 'file')}."
        )
        if not total and self._files:
            summary += " Nothing of what was named was found."
        notes = [note for one in self._files for note in one.redaction.notes]
        return Result(
            summary=" ".join(filter(None, [summary, *notes[:5], self.collection.in_words()])),
            data=report.model_dump(mode="json"),
        )

    async def close(self) -> None:
        """End what reads and redacts."""
        if self._pdf is not None:
            await self._pdf.close()
        await self._process.close()
        await super().close()

    def _page(self) -> str:
        """Return the page for whoever gets the copies: it says nothing that they do not."""
        finder = Finder(self._terms)
        rows = [
            (
                f"<bdi>{escape(_shown_name(one.artifact.name))}</bdi>",
                f"<bdi>{escape(one.artifact.name)}</bdi>",
                ", ".join(
                    f"{count:,} {escape(what)}" for what, count in one.redaction.counts.items()
                )
                or "nothing",
            )
            for one in self._files
        ]
        notes = [note for one in self._files for note in one.redaction.notes]
        notes += self.collection.refusal_notes()
        body = write_notes([replace(note, finder.find(note), FILL) for note in notes])
        body += write_table(("File", "Redacted copy", "Taken out"), rows)
        return write_page(f"Redaction of {counted(len(self._files), 'file')}", body)

    def _report(self) -> RedactionReport:
        refused = [
            RefusedFile(path=one.path, reason=one.reason) for one in self.collection.refusals
        ]
        return RedactionReport(files=tuple(self._files), refused=tuple(refused))

    def _stem(self, source: Source) -> str:
        """Return a name for the copy; a file's own name may say what is to be taken out."""
        if Finder(self._terms).find(f"{source.stem}\n{Path(source.path).suffix}"):
            return f"document-{len(self._files) + len(self.collection.refusals) + 1}"
        return source.stem

    async def _redacted(
        self, source: Source, name: str, share: Share
    ) -> tuple[Artifact, Redaction]:
        """Store a file's redacted copy as an artifact; only what was checked is delivered."""
        if source.kind == "pdf":
            self._pdf = PdfRedacting(self.run, source, self._terms)
            try:
                return await self._pdf.redact(name, share.begin, share.end)
            finally:
                await self._pdf.close()
        artifact, redaction = await self.run.step("redact", self._redact, source, self._terms, name)
        # Written within the step, which is not done again in a later execution.
        self.run.artifacts[name] = artifact
        return artifact, redaction

    async def _redact(self, source: Source, terms: Terms, name: str) -> tuple[Artifact, Redaction]:
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / Path(name).name
            request = [source.model_dump(mode="json"), str(target), terms.model_dump(mode="json")]
            try:
                answer = await self._process.answer("redact", request, _SECONDS)
            except ChildFailed as failure:
                raise refusal(source, "redacted", failure) from failure
            artifact = await self.run.artifact(name, target, media_type=MEDIA_TYPES[source.kind])
        return artifact, Redaction.model_validate(answer)


def _notes(source: Source, redaction: Redaction) -> list[str]:
    notes = [
        f"{source.name}: {counted(count, what)} left out, for text in it cannot be searched."
        for what, count in sorted(redaction.removed.items())
    ]
    notes += [
        f"{source.name}: text in {counted(count, what)} was not searched: look at"
        f" {'it' if count == 1 else 'them'}."
        for what, count in sorted(redaction.unsearched.items())
    ]
    return [*redaction.notes, *notes]


def _shown_name(copy: str) -> str:
    """Return a file's name by that of its copy, which holds nothing that was to be taken out."""
    ending = Path(copy).suffix
    return copy.removesuffix(f".redacted{ending}") + ending


def _total(report: RedactionReport) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in report.files:
        total.update(one.redaction.counts)
    return total
