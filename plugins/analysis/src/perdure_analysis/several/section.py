"""The part of a report that says which files the table is made of, and how they are joined."""

from collections.abc import Iterator

from perdure_analysis.facts import Loaded
from perdure_analysis.formatting import cell, code, share


def files_section(loaded: Loaded) -> Iterator[str]:
    """Yield the lines of Markdown; none for a single file."""
    if not loaded.parts:
        return
    yield "## Files"
    yield ""
    yield "| File | Rows | Left out |"
    yield "|:--|--:|--:|"
    for part in loaded.parts:
        yield f"| {cell(part.name)} | {part.rows:,} | {part.left_out or '-'} |"
    yield ""
    if not loaded.keys:
        return
    yield "| Joined | By | Rows of the first with a match | Rows of the second with a match |"
    yield "|:--|:--|--:|--:|"
    for key in loaded.keys:
        by = ", ".join(
            code(left if left == right else f"{left} = {right}") for left, right in key.columns
        )
        first = f"{cell(key.first)} {share(key.first_matched)}{_unique(key.first_unique)}"
        second = f"{cell(key.second)} {share(key.second_matched)}{_unique(key.second_unique)}"
        yield f"| {'yes' if key.used else 'no'} | {by} | {first} | {second} |"
    yield ""


def _unique(unique: bool) -> str:
    return ", each value once" if unique else ""
