"""The edits of a statement, each once, likeliest first."""

import ast
import warnings
from collections.abc import Iterator
from itertools import chain
from typing import Final

from perdure_code.location.source import Source, Statement
from perdure_code.repair.edits.blocks import block_changes
from perdure_code.repair.edits.calls import call_changes
from perdure_code.repair.edits.change import Change, Edit
from perdure_code.repair.edits.conditions import condition_changes
from perdure_code.repair.edits.expressions import expression_changes
from perdure_code.repair.edits.indices import index_changes
from perdure_code.repair.edits.operators import operator_changes
from perdure_code.repair.edits.scope import Scope
from perdure_code.repair.edits.values import value_changes

_KINDS: Final = (
    operator_changes,
    value_changes,
    call_changes,
    index_changes,
    condition_changes,
    block_changes,
    expression_changes,
)
_MOST: Final = 1_500


def changes_of(source: Source, statement: Statement) -> list[Change]:
    """Return the edits of a statement that give valid Python, each once, likeliest first."""
    found: dict[tuple[tuple[int, int, str], ...], Change] = {}
    scope = Scope(source, statement)
    for written in chain.from_iterable(kind(scope) for kind in _KINDS):
        change = _with_line_ends(source, written)
        known = found.get(change.edits)
        if known is None or known.likelihood < change.likelihood:
            found[change.edits] = change
    ordered = sorted(found.values(), key=lambda change: -change.likelihood)
    return list(_distinct(source, statement.owner, ordered))[:_MOST]


def _with_line_ends(source: Source, change: Change) -> Change:
    """Return an edit whose lines end as those of the file do."""
    if b"\r\n" not in source.content:
        return change
    edits = tuple(
        (start, end, text.replace("\r\n", "\n").replace("\n", "\r\n"))
        for start, end, text in change.edits
    )
    return Change(edits, change.what, change.likelihood, change.removes)


def apply(content: bytes, change: Change) -> bytes:
    """Return a file with the edits made."""
    return _edited(content, change.edits)


def _edited(content: bytes, edits: tuple[Edit, ...]) -> bytes:
    for start, end, text in sorted(edits, reverse=True):
        content = content[:start] + text.encode() + content[end:]
    return content


def _distinct(source: Source, owner: ast.stmt | None, changes: list[Change]) -> Iterator[Change]:
    """Leave out what does not parse, and what means the same as the file or an earlier edit.

    Only the function around the statement is parsed, with a head that lets it be indented.
    """
    start, end, head = 0, len(source.content), b""
    if owner is not None:
        start, end = source.line_start(owner.lineno), source.line_start((owner.end_lineno or 0) + 1)
        head = b"if 1:\n" if owner.col_offset else b""
    seen = {_meaning(head + source.content[start:end])}
    for change in changes:
        moved = tuple((one - start, other - start, text) for one, other, text in change.edits)
        meaning = _meaning(head + _edited(source.content[start:end], moved))
        if meaning and meaning not in seen:
            seen.add(meaning)
            yield change


def _meaning(content: bytes) -> str:
    """Return a text that is the same for sources that mean the same; empty for no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.dump(ast.parse(content))
    except (SyntaxError, ValueError):
        return ""
