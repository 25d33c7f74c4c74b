"""What a review says of the files in other languages, and of what is left to do."""

from collections.abc import Iterator
from typing import Final

from perdure_code.markdown import cell, code, counted
from perdure_code.review.functions import LIMIT
from perdure_code.syntax.facts import Definition, FileMap, RepositoryMap
from perdure_code.syntax.languages import PYTHON

_LONG: Final = 60
_FUNCTIONS: Final = 20
_FAULTS: Final = 20
_REMARKS: Final = 20


def other_languages(code_map: RepositoryMap) -> Iterator[str]:
    """Write the section about the other languages: sizes, large functions, faults."""
    others = {name: one for name, one in code_map.languages.items() if name != PYTHON}
    if not others:
        return
    files = [file for file in code_map.files if file.language != PYTHON]
    yield "## Other languages"
    yield ""
    yield "| Language | Files | Lines |"
    yield "|:--|--:|--:|"
    for name, total in others.items():
        yield f"| {name} | {total.files:,} | {total.lines:,} |"
    yield ""
    yield from _faults(files)
    large = _large(files)
    if not large:
        yield f"No function takes more than {LIMIT - 1} decisions or {_LONG} lines."
        yield ""
        return
    yield f"Functions of more than {LIMIT - 1} decisions, or more than {_LONG} lines:"
    yield ""
    yield "| Function | Where | Complexity | Lines |"
    yield "|:--|:--|--:|--:|"
    for path, one in large[:_FUNCTIONS]:
        yield (
            f"| {cell(code(one.name))} | {cell(code(f'{path}:{one.line}'))} | {one.branches + 1}"
            f" | {one.end - one.line + 1:,} |"
        )
    yield ""
    if len(large) > _FUNCTIONS:
        yield f"{len(large) - _FUNCTIONS:,} smaller ones are not listed."
        yield ""


def remarks(code_map: RepositoryMap) -> Iterator[str]:
    """Write the section about comments that say what is left to do."""
    found = [(file.path, one) for file in code_map.files for one in file.remarks]
    if not found:
        return
    yield "## Left to do"
    yield ""
    yield "What comments say:"
    yield ""
    for path, one in found[:_REMARKS]:
        yield f"- {code(f'{path}:{one.line}')}: {cell(one.text)}"
    if len(found) > _REMARKS:
        yield f"- … and {len(found) - _REMARKS:,} more."
    yield ""


def language_sentence(code_map: RepositoryMap) -> str:
    """Say how much there is in other languages; empty when there is nothing."""
    others = [
        f"{counted(total.lines, 'line')} of {name}"
        for name, total in code_map.languages.items()
        if name != PYTHON
    ]
    return f"Beside it {', '.join(others)}." if others else ""


def _large(files: list[FileMap]) -> list[tuple[str, Definition]]:
    large = [
        (file.path, one)
        for file in files
        for one in file.definitions
        if one.kind == "function" and (one.branches >= LIMIT or one.end - one.line >= _LONG)
    ]
    return sorted(large, key=lambda found: (-found[1].branches, found[0], found[1].line))


def _faults(files: list[FileMap]) -> Iterator[str]:
    found = [(file.path, one) for file in files for one in file.faults[:1]]
    if not found:
        return
    yield "Their syntax is wrong, or newer than what is understood here:"
    yield ""
    for path, one in found[:_FAULTS]:
        yield f"- {code(f'{path}:{one.line}')}: {cell(one.message)}"
    if len(found) > _FAULTS:
        yield f"- … and {len(found) - _FAULTS:,} more files."
    yield ""
