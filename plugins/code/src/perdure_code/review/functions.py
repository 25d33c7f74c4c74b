"""Measuring the functions of a repository."""

import ast
import platform
import sys
import warnings
from pathlib import Path
from typing import Final

from perdure_code.repository.working_copy import python_files
from perdure_code.review.complexity import functions_of
from perdure_code.review.facts import Complexity, Function, Unparsed
from perdure_code.syntax.languages import PYTHON
from perdure_code.syntax.mapping import MOST_BYTES
from perdure_code.syntax.parsing import parse_file
from perdure_code.syntax.python_versions import old_syntax

LIMIT: Final = 10
_WORST: Final = 50
_LONGEST: Final = 5


def measure_functions(root: str) -> Complexity:
    """Measure every function of a repository.

    Args:
        root: Its folder.

    Raises:
        InputError: The repository is too large.
    """
    functions: list[Function] = []
    unparsed: list[Unparsed] = []
    for file in python_files(Path(root)):
        try:
            content = _read(Path(root) / file)
        except (OSError, ValueError) as error:
            unparsed.append(Unparsed(path=file, line=0, message=str(error)))
            continue
        try:
            functions.extend(functions_of(_parse(content), file))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            found, measured = _unparsed(file, content, error)
            unparsed.append(found)
            functions.extend(measured)
    above = [function for function in functions if function.complexity > LIMIT]
    worst = sorted(above, key=lambda one: (-one.complexity, one.path, one.line))
    longest = sorted(functions, key=lambda one: (-one.lines, one.path, one.line))
    total = sum(function.complexity for function in functions)
    return Complexity(
        functions=len(functions),
        average=round(total / len(functions), 2) if functions else 0.0,
        too_complex=len(above),
        worst=tuple(worst[:_WORST]),
        longest=tuple(longest[:_LONGEST]),
        unparsed=tuple(unparsed),
    )


def _read(file: Path) -> bytes:
    if file.stat().st_size > MOST_BYTES:
        raise ValueError("too large to be written by hand")
    return file.read_bytes()


def _parse(content: bytes) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an odd escape is the linter's to report
        return ast.parse(content)


def _unparsed(path: str, content: bytes, error: Exception) -> tuple[Unparsed, list[Function]]:
    """Say why a file is not read, and measure it by its syntax where only the version is wrong."""
    line = (error.lineno or 0) if isinstance(error, SyntaxError) else 0
    found = parse_file(path, PYTHON, content)
    needs, because = found.needs, found.because
    if not needs:
        lines = content.splitlines()
        old = old_syntax(lines[line - 1]) if 0 < line <= len(lines) else ""
        if old:
            needs, because = "2", f"{old} in line {line}"
    running = platform.python_version()
    if needs == "2":
        message = f"it is written for Python 2: {because}"
    elif needs and _newer(needs):
        message = f"it needs Python {needs} for {because}, and the worker runs {running}"
    else:
        needs = ""
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        message = f"{said} in line {line}" if line else said
    return Unparsed(path=path, line=line, message=message, needs=needs), [
        Function(
            path=path,
            line=one.line,
            name=one.name,
            complexity=one.branches + 1,
            lines=one.end - one.line + 1,
            depth=0,
        )
        for one in found.definitions
        if needs and one.kind == "function"
    ]


def _newer(version: str) -> bool:
    return tuple(map(int, version.split("."))) > sys.version_info[:2]
