"""Whether a changed file is still a program in its language."""

import ast
import warnings

from perdure_code.syntax.languages import PYTHON, language_of
from perdure_code.syntax.parsing import parse_file


def syntax_error(path: str, text: str) -> str:
    """Return why a file does not parse; empty when it does, or when nothing here can tell.

    Python is read by this Python; what is newer than that, and other languages, by tree-sitter.

    Args:
        path: Its path, whose ending says its language.
        text: Its text.
    """
    language = language_of(path)
    if not language:
        return ""
    if language != PYTHON:
        faults = parse_file(path, language, text.encode("utf-8", "replace")).faults
        return f"line {faults[0].line}: {faults[0].message}" if faults else ""
    try:
        parse(text)
    except SyntaxError as error:
        if parse_file(path, language, text.encode("utf-8", "replace")).needs:
            return ""
        return f"line {error.lineno or 1}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return str(error) or "it is nested too deep"
    return ""


def parse(text: str) -> ast.Module:
    """Return the syntax tree of Python code, without the warnings that parsing may emit.

    Raises:
        SyntaxError: It is none.
        ValueError: It holds a character that no source may hold.
        RecursionError: It is nested too deep.
        MemoryError: Likewise.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def parsed_or_none(path: str, text: str | None) -> ast.Module | None:
    """Return the syntax tree of a Python file; ``None`` where there is none to be had."""
    if text is None or not path.endswith((".py", ".pyi")):
        return None
    try:
        return parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
