"""A unified diff, file by file, each line with what it is."""

import re
from dataclasses import dataclass, field
from typing import Final, Literal

SHOWN_LINES: Final = 3_000
_LINE_CHARACTERS: Final = 2_000
# Where in both files a part of a diff is, and how many lines of each it has.
_PLACE: Final = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")

LineKind = Literal["added", "removed", "same", "place", "head"]


@dataclass(slots=True)
class FileDiff:
    """The changes to one file.

    Attributes:
        name: Its name after the change; before it, of one that was removed.
        lines: What each line is, and the line.
        added: How many lines were added.
        removed: How many were removed.
    """

    name: str = ""
    lines: list[tuple[LineKind, str]] = field(default_factory=list)
    added: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class Diff:
    """A diff.

    Attributes:
        files: The files, in its order.
        is_cut: Whether it has more lines than are here.
    """

    files: list[FileDiff]
    is_cut: bool


def read_diff(text: str) -> Diff:
    """Return the lines of a unified diff by file."""
    lines = text.removesuffix("\n").split("\n")
    files: list[FileDiff] = []
    old = new = 0  # how many lines of the part are still to come
    for line in (line[:_LINE_CHARACTERS] for line in lines[:SHOWN_LINES]):
        if old > 0 or new > 0:
            kind = _kind(line)
            old -= kind in {"removed", "same"} and not line.startswith("\\")
            new -= kind in {"added", "same"} and not line.startswith("\\")
            files[-1].added += kind == "added"
            files[-1].removed += kind == "removed"
            files[-1].lines.append((kind, line))
            continue
        place = _PLACE.match(line)
        begins = line.startswith(("diff --git ", "--- "))
        if not files or (begins and any(kind == "place" for kind, _ in files[-1].lines)):
            files.append(FileDiff())
        if place is not None:
            old, new = (int(count or 1) for count in place.groups())
            files[-1].lines.append(("place", line))
            continue
        if line.startswith(("--- ", "+++ ")) and not line.endswith("/dev/null"):
            files[-1].name = re.sub(r"^[ab]/", "", line[4:].partition("\t")[0])
        if line:
            files[-1].lines.append(("head", line))
    return Diff(files, is_cut=len(lines) > SHOWN_LINES)


def _kind(line: str) -> LineKind:
    return "added" if line[:1] == "+" else "removed" if line[:1] == "-" else "same"
