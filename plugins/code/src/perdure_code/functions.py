"""Measuring the functions of a repository."""

import ast
import warnings
from pathlib import Path
from typing import Final

from perdure_code.complexity import functions_of
from perdure_code.facts import Complexity, Function
from perdure_code.working_copy import python_files

LIMIT: Final = 10
_WORST: Final = 50
_LONGEST: Final = 5
_MAX_BYTES: Final = 2_000_000


def measure_functions(root: str) -> Complexity:
    """Measure every function of a repository.

    Args:
        root: Its folder.

    Raises:
        InputError: The repository is too large, or has no Python file any more.
    """
    functions: list[Function] = []
    unparsed: list[str] = []
    for file in python_files(Path(root)):
        try:
            functions.extend(functions_of(_parse(Path(root) / file), file))
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            unparsed.append(file)
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


def _parse(file: Path) -> ast.Module:
    if file.stat().st_size > _MAX_BYTES:
        raise ValueError("too large to be written by hand")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an odd escape is the linter's to tell
        return ast.parse(file.read_bytes())
