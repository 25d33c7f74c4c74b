"""How much of what a person sees in a document the ``document`` agent extracts."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final

from benchmarks.verdict import Figure
from evals.cases import DocumentCase, document_cases
from evals.document.cells import CellCount, compare_cells
from evals.document.markdown_text import tables_of, text_of
from evals.document.words import Overlap, compare_words
from evals.table import share
from perdure.agents import InputError, StepFailed
from perdure.testing import rehearse

GOAL: Final = "Extract the document"
RECALL: Final = 0.99
PRECISION: Final = 0.97
CELLS: Final = 0.99
FILES_A_FORMAT: Final = 10
# The agent's own words for what a piece of the document is.
_LABEL: Final = re.compile(
    r"^(?:> )?(?:Comment(?: by [^:\n]*)?(?: on [^:\n]*)?|Header|Footer|Speaker's note"
    r"|Chart|From|To|Cc|Date|Subject|Attached):"
    r"|^## Slide \d+$",
    re.MULTILINE,
)
# What it says was left out, below a line at the end.
_NOTES: Final = re.compile(r"\n---\n((?:\n*- .*)+)\s*\Z")
# What is lost beyond this share of a file's words has to be said.
_UNSAID: Final = 0.01


@dataclass(frozen=True)
class Extracted:
    """What the agent made of a file.

    Attributes:
        markdown: The extract without its notes; empty where the file was refused.
        notes: What it says was left out or is uncertain.
        refusal: Why it was refused.
    """

    markdown: str
    notes: tuple[str, ...] = ()
    refusal: str = ""


@dataclass(frozen=True)
class DocumentScore:
    """A case, and how far the extract is what a person sees.

    Attributes:
        case: The case.
        extracted: What the agent made of it.
        words: Its words against the transcript's.
        cells: Its tables against the transcript's.
    """

    case: DocumentCase
    extracted: Extracted
    words: Overlap
    cells: CellCount

    @property
    def is_silent_loss(self) -> bool:
        """Whether words are gone, and nothing says so."""
        named = self.extracted.notes or self.extracted.refusal
        return self.words.recall < 1 - _UNSAID and not named


async def extract(path: Path) -> Extracted:
    """Let the agent extract a file, in memory."""
    try:
        done = await rehearse("document", GOAL, {"path": str(path)})
    except (InputError, StepFailed) as error:
        return Extracted("", refusal=str(error))
    markdown = next(text for name, text in done.files.items() if name.endswith(".md")).decode()
    said = _NOTES.search(markdown)
    if said is None:
        return Extracted(markdown)
    notes = tuple(line.removeprefix("- ") for line in said[1].splitlines() if line)
    return Extracted(markdown[: said.start()] + "\n", notes)


def score(case: DocumentCase, extracted: Extracted) -> DocumentScore:
    """Compare an extract with what a person sees."""
    text = text_of(_LABEL.sub("", extracted.markdown))
    # A file without a title is called by its name, and a cell that spans may be written twice.
    cells = (cell for table in case.tables for row in table for cell in row)
    said = "\n".join((case.also, case.path.stem, *cells))
    return DocumentScore(
        case,
        extracted,
        compare_words(case.seen, text, said),
        compare_cells(case.tables, tables_of(extracted.markdown)),
    )


async def evaluate(formats: Iterable[str] = ()) -> list[DocumentScore]:
    """Try the agent on every document.

    Args:
        formats: Only these, if any are given.
    """
    only = set(formats)
    return [
        score(case, await extract(case.path))
        for case in document_cases()
        if not only or case.format in only
    ]


def by_format(scores: Iterable[DocumentScore]) -> dict[str, list[DocumentScore]]:
    """Group scores by the format of their files."""
    grouped: dict[str, list[DocumentScore]] = defaultdict(list)
    for one in scores:
        grouped[one.case.format].append(one)
    return dict(grouped)


def figures(scores: list[DocumentScore]) -> dict[str, Figure]:
    """Return the figures of the documents; each file counts alike, however long it is."""
    found = {"document_cases": Figure(len(scores), 25, "at least")}
    for name, group in by_format(scores).items():
        recall = fmean(one.words.recall for one in group)
        precision = fmean(one.words.precision for one in group)
        found[f"document_{name}_files"] = Figure(len(group), FILES_A_FORMAT, "at least")
        found[f"document_{name}_recall"] = Figure(recall, RECALL, "at least")
        found[f"document_{name}_precision"] = Figure(precision, PRECISION, "at least")
        if cells := sum(one.cells.seen for one in group):
            right = sum(one.cells.right for one in group) / cells
            found[f"document_{name}_cells"] = Figure(right, CELLS, "at least")
    silent = sum(one.is_silent_loss for one in scores)
    found["document_silent_losses"] = Figure(silent, 0, "at most")
    return found


def rows(scores: list[DocumentScore], peer: dict[str, list[DocumentScore]]) -> list[list[str]]:
    """Return the rows of the table for people, a format each.

    Args:
        scores: The agent's.
        peer: Another program's, by format, where it was tried.
    """
    table = []
    for name, group in by_format(scores).items():
        worst = min(group, key=lambda one: one.words.recall)
        others = peer.get(name, [])
        table.append(
            [
                name,
                str(len(group)),
                *_shares(group),
                f"{worst.case.file} {share(worst.words.recall)}",
                *(_shares(others) if others else []),
            ]
        )
    return table


def _shares(group: list[DocumentScore]) -> list[str]:
    seen = sum(one.cells.seen for one in group)
    return [
        share(fmean(one.words.recall for one in group)),
        share(fmean(one.words.precision for one in group)),
        share(sum(one.cells.right for one in group) / seen) if seen else "",
    ]


def failures(scores: Iterable[DocumentScore]) -> Iterator[dict[str, object]]:
    """Yield what each file lost, gained or misplaced, for those that are not faultless."""
    for one in scores:
        if one.words.recall < RECALL or one.words.precision < PRECISION or one.cells.wrong:
            yield {
                "file": f"{one.case.format}/{one.case.file}",
                "recall": round(one.words.recall, 3),
                "precision": round(one.words.precision, 3),
                "cells": f"{one.cells.right} of {one.cells.seen}",
                "lost": " ".join(sorted(one.words.lost)[:20]),
                "added": " ".join(sorted(one.words.added)[:20]),
                "wrong_cells": [f"{seen!r}: {had!r}" for seen, had in one.cells.wrong[:5]],
                "said": [*one.extracted.notes, one.extracted.refusal][:3],
            }
