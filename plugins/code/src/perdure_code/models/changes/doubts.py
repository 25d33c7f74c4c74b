"""What speaks against a change although the tests pass with it."""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from perdure_code.models.editing.edited_repository import EditedRepository
from perdure_code.models.editing.imported_names import missing_members
from perdure_code.models.editing.parsing import parsed_or_none

_TRIVIAL: Final = frozenset({"", " ", "\n", "0", "1", "-1", "2", "None", "True", "False"})
_MOST_NAMED: Final = 3
_MOST_LINES_LESS: Final = 15
_COMPARING: Final = frozenset(
    {"__bool__", "__contains__", "__eq__", "__ge__", "__gt__", "__le__", "__lt__", "__ne__"}
)


def doubts_of(repository: EditedRepository, tests: Iterable[str]) -> tuple[str, ...]:
    """Return what a reader should look at before taking over a change, a sentence each.

    Args:
        repository: The repository with the change.
        tests: The files of the tests that the change makes pass.
    """
    in_tests = {
        repr(node.value)
        for path in sorted(set(tests))
        if (tree := parsed_or_none(path, repository.original(path))) is not None
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
    }
    found = [
        f"{one.path} has no {one.name} any more, and {one.user}:{one.line} takes such a name"
        for one in missing_members(repository)
    ]
    for path, text in sorted(repository.changed.items()):
        original = repository.original(path) or ""
        less = original.count("\n") - text.count("\n")
        if less > _MOST_LINES_LESS:
            found.append(f"{path} is {less} lines shorter: what no test asks for may be gone")
        before = parsed_or_none(path, original)
        after = parsed_or_none(path, text)
        if before is not None and after is not None:
            found += _doubts_of_file(path, before, after, in_tests)
    return tuple(found)


def _doubts_of_file(
    path: str, before: ast.Module, after: ast.Module, in_tests: set[str]
) -> Iterator[str]:
    new = Counter(_compared(after)) - Counter(_compared(before))
    if values := [
        value for value in new if value in in_tests and value.strip("'\"") not in _TRIVIAL
    ]:
        named = ", ".join(values[:_MOST_NAMED])
        yield (
            f"{path} compares with {named} now, which stands in the tests: it may be right for"
            " these tests alone"
        )
    old_constant, new_constant = set(_constant_functions(before)), set(_constant_functions(after))
    for name in sorted(new_constant - old_constant):
        yield f"{name} in {path} returns the same whatever it is given"
    if sum(1 for _ in _swallowing(after)) > sum(1 for _ in _swallowing(before)):
        yield f"{path} swallows errors that it let through"
    if _count(after, ast.Raise) < _count(before, ast.Raise):
        yield f"{path} raises fewer errors than it did"
    if _count(after, ast.FunctionDef) < _count(before, ast.FunctionDef):
        yield f"{path} has fewer functions than it had"
    for name in sorted(_comparing(after) - _comparing(before)):
        yield f"{path} defines {name}, so that what is not equal may pass for it"


def _compared(tree: ast.AST) -> Iterator[str]:
    """Yield the constants that code compares with, or looks up."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, comparators=comparators):
                yield from _constants([left, *comparators])
            case ast.MatchValue(value=value):
                yield from _constants([value])
            case ast.Dict(keys=keys):
                yield from _constants([key for key in keys if key is not None])
            case _:
                pass


def _constants(nodes: Iterable[ast.expr]) -> Iterator[str]:
    for node in nodes:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Constant):
                yield repr(inner.value)


def _constant_functions(tree: ast.AST, owner: str = "") -> Iterator[str]:
    """Yield the functions that do nothing but return a constant."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from _constant_functions(node, f"{owner}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = [one for one in node.body if not _is_docstring(one)]
            last = body[-1] if body else None
            if len(body) == 1 and isinstance(last, ast.Return) and _is_literal(last.value):
                yield f"{owner}{node.name}"


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_literal(node: ast.expr | None) -> bool:
    if node is None:
        return True
    return not any(isinstance(one, ast.Name | ast.Call | ast.Attribute) for one in ast.walk(node))


def _swallowing(tree: ast.AST) -> Iterator[ast.ExceptHandler]:
    """Yield the handlers that catch any error, and go on."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and not _count(node, ast.Raise):
            kind = node.type
            if kind is None or (
                isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"}
            ):
                yield node


def _comparing(tree: ast.AST) -> set[str]:
    """Return the methods that say what compares equal, or counts as true."""
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name in _COMPARING
    } | {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in _COMPARING
    }


def _count(tree: ast.AST, kind: type[ast.AST]) -> int:
    return sum(isinstance(node, kind) for node in ast.walk(tree))
