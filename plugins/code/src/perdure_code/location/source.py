"""A Python file as statements with their places in its bytes."""

import ast
import codecs
import warnings
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

Definition = ast.FunctionDef | ast.AsyncFunctionDef
_COMPOUND: Final = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
)


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One statement, without the blocks below it.

    Attributes:
        node: As it was parsed.
        line: Its first line, from 1.
        end: The last line of the statement, or of the head of a compound one.
        function: The qualified name of the function or class it is in; empty at the top.
        owner: The function it is in; ``None`` outside of functions.
        parent: The compound statement that its block belongs to, or the module.
        block: The statements beside it, itself among them.
        place: Where it is among them.
    """

    node: ast.stmt
    line: int
    end: int
    function: str
    owner: Definition | None
    parent: ast.AST
    block: list[ast.stmt]
    place: int

    def expressions(self) -> Iterator[ast.AST]:
        """Yield the nodes of the statement itself, not of the blocks below it."""
        pending: list[ast.AST] = list(_own_children(self.node))
        while pending:
            node = pending.pop(0)
            yield node
            pending[:0] = ast.iter_child_nodes(node)


@dataclass
class Source:
    """A Python file that was parsed.

    Attributes:
        path: Relative to the repository.
        content: Its bytes.
        tree: As it was parsed.
    """

    path: str
    content: bytes
    tree: ast.Module
    _starts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._starts = [0]
        for line in self.content.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        if self.content.startswith(codecs.BOM_UTF8):
            self._starts[0] = len(codecs.BOM_UTF8)  # columns begin after it

    @classmethod
    def parse(cls, path: str, content: bytes) -> "Source | None":
        """Parse a file; ``None`` when it is no UTF-8, or no Python for the running version."""
        try:
            content.decode()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(content)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        return cls(path, content, tree)

    def offset(self, line: int, column: int) -> int:
        """Return where a line, from 1, and a column in bytes, from 0, are in the content."""
        return self._starts[line - 1] + column

    def span(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword) -> tuple[int, int]:
        """Return where a node begins and ends in the content."""
        end_line, end_column = node.end_lineno, node.end_col_offset
        assert end_line is not None
        assert end_column is not None
        return self.offset(node.lineno, node.col_offset), self.offset(end_line, end_column)

    def text(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword) -> str:
        """Return a node as it is written."""
        start, end = self.span(node)
        return self.content[start:end].decode()

    def between(self, start: int, end: int) -> str:
        """Return a part of the file."""
        return self.content[start:end].decode()

    def line_text(self, line: int) -> str:
        """Return a line, from 1, without its end."""
        return self.content[self._starts[line - 1] : self._starts[line]].decode().rstrip("\r\n")

    def line_start(self, line: int) -> int:
        """Return where a line, from 1, begins."""
        return self._starts[min(line, len(self._starts)) - 1]

    @cached_property
    def statements(self) -> list[Statement]:
        """Every statement, in the order in which they are written."""
        return sorted(_statements(self.tree, "", None), key=lambda one: (one.line, one.end))

    @cached_property
    def _lines(self) -> list[int]:
        return [statement.line for statement in self.statements]

    def statement_at(self, line: int) -> Statement | None:
        """Return the statement that a line belongs to."""
        place = bisect_right(self._lines, line) - 1
        while place >= 0:
            statement = self.statements[place]
            if statement.line <= line <= statement.end:
                return statement
            if statement.line < line and not isinstance(statement.node, _COMPOUND):
                return None
            place -= 1
        return None


def _statements(parent: ast.AST, name: str, owner: Definition | None) -> Iterator[Statement]:
    for block in _blocks(parent):
        for place, node in enumerate(block):
            yield Statement(node, _first(node), _end(node), name, owner, parent, block, place)
            inner = name
            if isinstance(node, Definition | ast.ClassDef):
                inner = f"{name}.{node.name}" if name else node.name
            below = node if isinstance(node, Definition) else owner
            yield from _statements(node, inner, below)


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block
    for part in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
        yield part.body


def _first(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _end(node: ast.stmt) -> int:
    if isinstance(node, _COMPOUND):
        ends = [getattr(child, "end_lineno", None) or 0 for child in _own_children(node)]
        return max([node.lineno, *ends])
    return node.end_lineno or node.lineno


def _own_children(node: ast.stmt) -> Iterator[ast.AST]:
    """Yield the direct parts of a statement that are no statements, handlers or cases."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            if isinstance(child, ast.arguments):
                yield from (*child.defaults, *(one for one in child.kw_defaults if one))
            elif not isinstance(child, ast.expr_context):
                yield child
