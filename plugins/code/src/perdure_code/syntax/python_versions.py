"""Which Python a file's syntax needs."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Final

from tree_sitter import Language, Node, Query, QueryCursor


def _always(_: Node) -> bool:
    return True


def _is_declared(node: Node) -> bool:
    """Whether it belongs to a ``def`` or ``class``: ``list[int]`` is called the same."""
    return node.parent is not None and node.parent.type in {
        "function_definition",
        "class_definition",
    }


def _has_default(node: Node) -> bool:
    return _is_declared(node) and b"=" in (node.text or b"")


def _is_template(node: Node) -> bool:
    return b"t" in (node.text or b"").lower()


def _reuses_quotes(node: Node) -> bool:
    """Whether an f-string has its own quotes, a backslash or a comment within its braces."""
    outer = node.parent
    if outer is None or b"f" not in (node.text or b"").lower():
        return False
    quotes = (node.text or b"").lstrip(b"fFrRbBuU")
    for inner in outer.children:
        if inner.type == "interpolation":
            text = inner.text or b""
            if quotes in text or b"\\" in text or (b"\n" in text and len(quotes) == 1):
                return True
    return False


def _without_parentheses(node: Node) -> bool:
    """Whether ``except A, B:`` names classes: Python 2 has a variable there."""
    found = _EXCEPT.match(node.text or b"")
    return found is not None and found[1][:1].isupper()


def _catches_in_a_variable(node: Node) -> bool:
    found = _EXCEPT.match(node.text or b"")
    return found is not None and not found[1][:1].isupper()


def _really_old(node: Node) -> bool:
    """Whether Python 3 would not read it as a call of its own."""
    text = (node.text or b"").split(None, 1)
    return len(text) < 2 or not text[1].startswith(b"(")


_EXCEPT: Final = re.compile(rb"except\s+[\w.]+\s*,\s*([\w.]+)\s*:")
_REFUSED: Final[tuple[tuple[re.Pattern[bytes], str], ...]] = (
    (re.compile(rb"^\s*raise\s+[\w.]+\s*,"), "`raise` with a comma"),
    (re.compile(rb"^\s*except\s+[\w.]+\s*,\s*[a-z_]\w*\s*:"), "`except` with a comma"),
    (re.compile(rb"`[^`]+`"), "backticks"),
    (re.compile(rb"\b[uU][rR]['\"]"), "a `ur` text"),
    (re.compile(rb"(?<![\w.])\d+[lL]\b"), "a long integer with an `L`"),
    (re.compile(rb"(?<![\w.])0\d+\b"), "an octal number without an `o`"),
    (re.compile(rb"<>"), "`<>`"),
    (re.compile(rb"\bdef\s+\w+\s*\([^)]*\("), "a parameter that is a tuple"),
    (re.compile(rb"^\s*print\s+[^\s(=]"), "a `print` statement"),
)
Check = Callable[[Node], bool]
# What each version brought. Before 3.8 nothing is looked for.
_NEW: Final[tuple[tuple[str, Check, str, str], ...]] = (
    ("(string_start) @found", _is_template, "3.14", "a template string"),
    ("(except_clause) @found", _without_parentheses, "3.14", "`except` without parentheses"),
    ("(type_parameter) @found", _has_default, "3.13", "a type parameter with a default"),
    ("(type_alias_statement) @found", _always, "3.12", "a `type` statement"),
    ("(type_parameter) @found", _is_declared, "3.12", "type parameters"),
    ("(string_start) @found", _reuses_quotes, "3.12", "an f-string with quotes in its braces"),
    ('(except_clause "*") @found', _always, "3.11", "`except*`"),
    ("(match_statement) @found", _always, "3.10", "a `match` statement"),
    ("(named_expression) @found", _always, "3.8", "`:=`"),
    ("(positional_separator) @found", _always, "3.8", "parameters that are positional only"),
)
_OLD: Final[tuple[tuple[str, Check, str], ...]] = (
    ("(print_statement) @found", _really_old, "a `print` statement"),
    ("(exec_statement) @found", _really_old, "an `exec` statement"),
    ('(comparison_operator "<>") @found', _always, "`<>`"),
    ("(except_clause) @found", _catches_in_a_variable, "`except` with a comma"),
)


def version_needed(root: Node) -> tuple[str, str]:
    """Return the newest Python that a file's syntax needs, and because of what.

    ``2`` stands for what no Python 3 reads. Both are empty when nothing special is found.
    """
    for query, holds, what in _OLD:
        for node in _found(query, root):
            if holds(node):
                return "2", f"{what} in line {node.start_point.row + 1}"
    for query, holds, version, what in _NEW:
        for node in _found(query, root):
            if holds(node):
                return version, f"{what} in line {node.start_point.row + 1}"
    return "", ""


def old_syntax(line: bytes) -> str:
    """Return what Python 2 reads in a line that Python 3 refuses; empty when nothing is known.

    The grammar reads some of both, so only a line that was refused says anything.
    """
    return next((what for pattern, what in _REFUSED if pattern.search(line)), "")


def _found(query: str, root: Node) -> Iterator[Node]:
    nodes = QueryCursor(_query(query)).captures(root).get("found", [])
    yield from sorted(nodes, key=lambda node: node.start_byte)


@cache
def _query(text: str) -> Query:
    return Query(Language(import_module("tree_sitter_python").language()), text)
