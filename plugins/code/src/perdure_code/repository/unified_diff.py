"""Unified diffs that ``git apply`` and ``patch`` take."""

import difflib
import re
from dataclasses import dataclass

_NO_NEWLINE = "\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True)
class Change:
    """What became different in one file.

    Attributes:
        text: The diff.
        added: How many lines it adds.
        removed: How many lines it removes.
    """

    text: str
    added: int
    removed: int


def difference(path: str, old: str | None, new: str) -> Change:
    """Return the unified diff between two versions of a file; ``None`` before a new one.

    There is no ``diff --git`` line: with one, git would take the path from the top of its work
    tree, and quietly skip the file when the patch is applied in a folder further down.
    """
    lines = list(
        difflib.unified_diff(
            _lines(old or ""),
            _lines(new),
            "/dev/null" if old is None else _label("a", path),
            _label("b", path),
            lineterm="\n",
        )
    )
    body = lines[2:]
    return Change(
        text="".join(line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}" for line in lines),
        added=sum(line.startswith("+") for line in body),
        removed=sum(line.startswith("-") for line in body),
    )


def _lines(text: str) -> list[str]:
    """Split after line feeds alone: git knows no other ends of lines."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _label(side: str, path: str) -> str:
    name = f"{side}/{path}"
    if re.search(r'["\\\x00-\x1f\x7f]', name):
        escaped = "".join(
            f"\\{char}" if char in '"\\' else char if char.isprintable() else f"\\{ord(char):03o}"
            for char in name
        )
        return f'"{escaped}"'
    # A tab ends a name that has blanks in it.
    return f"{name}\t" if " " in name else name
