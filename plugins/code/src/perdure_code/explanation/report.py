"""Writing an explanation without a model in Markdown."""

from collections.abc import Iterator
from typing import Final

from perdure_code.explanation.facts import Explained, Overview, Part
from perdure_code.markdown import cell, code, counted, fenced

_WITH_CODE: Final = 3


def summarise_overview(found: Overview, name: str) -> str:
    """Say in a sentence or two what a repository is, and what the goal asks about."""
    size = f"{name} has {counted(found.files, 'source file')} with {counted(found.lines, 'line')}."
    if not found.explained:
        return f"{size} No name in it has a word of the goal: see its parts."
    first = found.explained[0]
    said = f" {first.says}" if first.says else ""
    return f"{size} The goal's words name {first.name} ({first.path}:{first.line}) best.{said}"


def write_overview(found: Overview) -> Iterator[str]:
    """Yield the lines of an explanation."""
    if found.explained:
        yield from ("## What the goal's words name", "")
        for place, one in enumerate(found.explained):
            yield from _explained(one, with_code=place < _WITH_CODE)
    yield from ("## The files that the others build on", "")
    yield "| File | Lines | Defines | Imported by | What it says of itself |"
    yield "|:--|--:|--:|--:|:--|"
    yield from map(_part, found.parts)
    yield ""


def _explained(one: Explained, *, with_code: bool) -> Iterator[str]:
    yield from (f"### {code(one.name)}", "")
    yield f"{code(one.signature)} at {code(f'{one.path}:{one.line}-{one.end}')}."
    if one.says:
        yield from ("", f"> {cell(one.says)}")
    yield ""
    if with_code and one.code:
        yield from fenced(one.code)
        yield ""
    if one.used:
        places = ", ".join(code(f"{path}:{line}") for path, line in one.used)
        more = f" and {counted(one.uses, 'other place')}" if one.uses else ""
        yield f"Its name is at {places}{more}."
    else:
        yield "Its name is nowhere else."
    yield ""


def _part(part: Part) -> str:
    says = f"{cell(part.says)} ({code(f'{part.path}:{part.line}')})" if part.says else ""
    cells = (
        code(part.path),
        f"{part.lines:,}",
        f"{part.definitions:,}",
        f"{part.importers:,}",
        says,
    )
    return f"| {' | '.join(cells)} |"
