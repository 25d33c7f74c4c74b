"""Counting the ways through a function, as McCabe (1976) does."""

import ast
from collections.abc import Iterator

from perdure_code.review.facts import Function

Definition = ast.FunctionDef | ast.AsyncFunctionDef

_BLOCKS = (
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
)
_BRANCHES = (
    ast.If,
    ast.IfExp,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.ExceptHandler,
    ast.comprehension,
    ast.Assert,
)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def functions_of(tree: ast.Module, path: str) -> Iterator[Function]:
    """Describe every function of a module, nested ones too, in their order."""
    yield from _below(tree, path, "")


def complexity(definition: Definition) -> int:
    """Return 1 and as many as there are decisions.

    Decisions are ``if``, loops, ``except``, ``case``, ``assert``, conditional expressions,
    comprehensions and their conditions, and each ``and`` or ``or``. Functions and classes defined
    inside count for themselves.
    """
    return 1 + sum(_decisions(node) for node in _own_nodes(definition))


def _decisions(node: ast.AST) -> int:
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    if isinstance(node, ast.Match):
        # The case that always fits is the way through when no other does.
        return sum(not _always_fits(case) for case in node.cases)
    return int(isinstance(node, _BRANCHES))


def _always_fits(case: ast.match_case) -> bool:
    pattern = case.pattern
    return case.guard is None and isinstance(pattern, ast.MatchAs) and pattern.pattern is None


def _own_nodes(definition: Definition) -> Iterator[ast.AST]:
    pending: list[ast.AST] = list(definition.body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, _SCOPES):
            pending.extend(ast.iter_child_nodes(node))


def _below(node: ast.AST, path: str, prefix: str) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        name = prefix
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}{child.name}."
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield _describe(child, path, name.removesuffix("."))
        yield from _below(child, path, name)


def _describe(definition: Definition, path: str, name: str) -> Function:
    return Function(
        path=path,
        line=definition.lineno,
        name=name,
        complexity=complexity(definition),
        lines=(definition.end_lineno or definition.lineno) - definition.lineno + 1,
        depth=_depth(definition.body),
    )


def _depth(statements: list[ast.stmt]) -> int:
    deepest = 0
    for statement in statements:
        if isinstance(statement, _BLOCKS):
            inner = [_depth(block) for block in _blocks(statement)]
            deepest = max(deepest, 1 + max(inner, default=0))
            # An elif is written as an if inside the else, but reads as the same level.
            if isinstance(statement, ast.If) and _is_elif(statement):
                deepest = max(deepest, _depth(statement.orelse))
    return deepest


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        if name == "orelse" and isinstance(statement, ast.If) and _is_elif(statement):
            continue
        yield getattr(statement, name, [])
    for part in (*getattr(statement, "handlers", []), *getattr(statement, "cases", [])):
        yield part.body


def _is_elif(statement: ast.If) -> bool:
    return len(statement.orelse) == 1 and isinstance(statement.orelse[0], ast.If)
