"""Comparing two versions of a document."""

from typing import Final

from perdure.agents import Result
from perdure_document.action import Action
from perdure_document.comparison.alignment import Aligned, align
from perdure_document.comparison.changes import (
    Change,
    Comparison,
    Version,
    changes_of,
    count_changes,
    differing,
    numbered,
    property_changes,
)
from perdure_document.comparison.redline import write_redline
from perdure_document.facts import Document, Source
from perdure_document.formatting import counted
from perdure_document.report.files import store_report

_PAIRS_A_STEP: Final = 200
_DATA_CHANGES: Final = 200
_IN_JSON: Final = {"changes": {"__all__": {"table"}}}


class Comparing(Action):
    """Delivers ``redline.html``, and ``comparison.json`` with its schema."""

    _comparison: Comparison | None = None

    async def execute(self) -> None:
        """Read both versions, pair their blocks, compare pair by pair, and write."""
        older, newer = self.collection.files
        old_source, old = await self.collection.open(older, 0, 30)
        new_source, new = await self.collection.open(newer, 30, 60)
        await self.run.progress(60, "finding which paragraph became which")
        aligned = await self.run.step("align", align, old, new)
        pairs = differing(old, new, aligned)
        changes: list[Change] = []
        for first in range(0, len(pairs), _PAIRS_A_STEP):
            await self.run.progress(
                round(65 + 25 * first / len(pairs), 1),
                f"comparing {first:,} of {counted(len(pairs), 'block')} that differ",
            )
            changes += await self.run.step(
                "compare", changes_of, pairs[first : first + _PAIRS_A_STEP]
            )
        await self.run.progress(90, "writing redline.html")
        await self._write(old_source, old, new_source, new, aligned, changes)

    def result(self) -> Result:
        """Return how much changed and the first changes."""
        found = self._comparison
        if found is None:
            return Result(summary="The comparison was not finished.")
        first = found.changes[:_DATA_CHANGES]
        data = found.model_copy(update={"changes": first}).model_dump(
            mode="json", exclude_none=True, exclude=_IN_JSON
        )
        return Result(summary=_in_words(found), data=data)

    async def _write(
        self,
        old_source: Source,
        old: Document,
        new_source: Source,
        new: Document,
        aligned: list[Aligned],
        changes: list[Change],
    ) -> None:
        counts = count_changes(changes)
        self._comparison = found = Comparison(
            old=Version(file=old_source.name, title=old.title, kind=old.kind, notes=old.notes),
            new=Version(file=new_source.name, title=new.title, kind=new.kind, notes=new.notes),
            equal=not changes,
            counts=counts,
            changes=numbered(changes),
            properties=property_changes(old, new),
        )
        by_pair = {pair.number: change for pair, change in zip(changes, found.changes, strict=True)}
        page = write_redline(old, new, aligned, found, by_pair)
        await self.run.artifact("redline.html", page, media_type="text/html")
        text = found.model_dump_json(indent=2, exclude_none=True, exclude=_IN_JSON)
        await store_report(self.run, "comparison", found, written=text)


def _in_words(found: Comparison) -> str:
    if found.equal:
        return f"{found.old.file} and {found.new.file} say the same."
    counts = found.counts
    kinds = ", ".join(
        f"{counts[kind]:,} {kind}"
        for kind in ("inserted", "deleted", "changed", "moved", "restyled")
        if counts[kind]
    )
    return (
        f"{found.new.file} differs from {found.old.file} in"
        f" {counted(len(found.changes), 'place')} ({kinds}):"
        f" {counted(counts['words_inserted'], 'word')} inserted,"
        f" {counted(counts['words_deleted'], 'word')} deleted."
    )
