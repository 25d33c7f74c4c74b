"""An edit of a file, and how to write one that means what it should."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from perdure_code.location.source import Source, Statement

Edit = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Change:
    """A small edit of one file.

    Attributes:
        edits: What is put in place of which bytes.
        what: What is done, in words.
        likelihood: How often such an edit is the right one, as a weight between 0 and 1.
        removes: Whether it takes behaviour away, which pleases tests that ask for little (Tan et
            al. 2016 call such edits anti-patterns).
    """

    edits: tuple[Edit, ...]
    what: str
    likelihood: float
    removes: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """An expression of a statement, and what it is a part of.

    Attributes:
        node: The expression.
        parent: What it is directly in.
        field: Which part of that it is.
    """

    node: ast.expr
    parent: ast.AST
    field: str

    @property
    def apart(self) -> bool:
        """Whether any expression may stand there without parentheses."""
        if isinstance(self.parent, ast.Call | ast.keyword):
            return self.field != "func"
        if isinstance(self.parent, ast.Subscript):
            return self.field == "slice"
        return isinstance(self.parent, _APART)


_APART: Final = (
    ast.Assign,
    ast.AnnAssign,
    ast.AugAssign,
    ast.Return,
    ast.If,
    ast.While,
    ast.For,
    ast.Assert,
    ast.Expr,
    ast.Slice,
    ast.List,
    ast.Tuple,
    ast.Set,
    ast.Dict,
    ast.Yield,
)


def parts(statement: Statement) -> Iterator[Part]:
    """Yield the expressions of a statement, outer ones first, with what they are in."""
    pending: list[tuple[ast.AST, ast.AST, str]] = list(_children(statement.node))
    while pending:
        node, parent, field = pending.pop(0)
        if isinstance(node, ast.expr):
            yield Part(node, parent, field)
        pending[:0] = _children(node)


def _children(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST, str]]:
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "type_comment", "decorator_list", "ctx"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(
                child, ast.stmt | ast.ExceptHandler | ast.match_case
            ):
                yield child, node, name


def replace(source: Source, part: Part, text: str, *, tight: bool = False) -> Edit:
    """Return the edit that puts ``text`` in place of an expression.

    Args:
        source: The file.
        part: The expression.
        text: What comes in its place.
        tight: Whether ``text`` binds as tightly as a name, so that it needs no parentheses.
    """
    start, end = source.span(part.node)
    return start, end, text if tight or part.apart else f"({text})"


def is_tight(node: ast.expr) -> bool:
    """Whether an expression needs no parentheses as a part of another."""
    return isinstance(
        node,
        ast.Name
        | ast.Constant
        | ast.Call
        | ast.Attribute
        | ast.Subscript
        | ast.List
        | ast.Dict
        | ast.ListComp
        | ast.Set
        | ast.JoinedStr,
    )


def tight_text(source: Source, node: ast.expr) -> str:
    """Return an expression as it is written, in parentheses where it needs them in another."""
    text = source.text(node)
    return text if is_tight(node) else f"({text})"


def operator_span(source: Source, left: ast.expr, right: ast.expr, operator: str) -> Edit | None:
    """Return where the operator between two expressions is, with its text; ``None`` if unclear."""
    start, end = source.span(left)[1], source.span(right)[0]
    gap = source.between(start, end)
    if "#" in gap or gap.count(operator) != 1:
        return None
    at = start + len(gap[: gap.index(operator)].encode())
    return at, at + len(operator.encode()), operator
