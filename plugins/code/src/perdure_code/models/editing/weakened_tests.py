"""What an edit of a test file takes away from the tests."""

import ast
from collections.abc import Iterator
from typing import Final

from perdure_code.models.editing.edited_repository import PathRefused
from perdure_code.models.editing.parsing import parsed_or_none

_SKIPPING: Final = frozenset(
    {
        "expectedFailure",
        "importorskip",
        "skip",
        "skipIf",
        "skipTest",
        "skipUnless",
        "skipif",
        "xfail",
    }
)


def refuse_weaker_tests(path: str, before: str, after: str) -> None:
    """Refuse an edit that leaves out a test or a check, or has a test skipped.

    Raises:
        PathRefused: It does; says what.
    """
    trees = parsed_or_none(path, before), parsed_or_none(path, after)
    if trees[0] is None or trees[1] is None:
        if trees[0] is not None or len(after) < len(before):
            raise PathRefused(f"{path} holds tests: nothing of them may be taken away")
        return
    old, new = (dict(_tests(tree)) for tree in trees if tree is not None)
    for name in old.keys() - new.keys():
        raise PathRefused(f"the edit takes away the test {name}: tests stay")
    for name, checks in old.items():
        if new[name] < checks:
            raise PathRefused(f"the edit takes a check away from {name}: checks stay")
    skipping = [_skips(tree) for tree in trees if tree is not None]
    if skipping[1] > skipping[0]:
        raise PathRefused("the edit has tests skipped or expected to fail: they stay as they are")


def _tests(tree: ast.AST, owner: str = "") -> Iterator[tuple[str, int]]:
    """Yield each function of a test file, with how many checks it makes."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from _tests(node, f"{owner}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{owner}{node.name}", sum(map(_is_check, ast.walk(node)))
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from _tests(node, owner)


def _is_check(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return True
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    name = node.func.attr
    return name.startswith("assert") or name in {"raises", "fail", "warns"}


def _skips(tree: ast.AST) -> int:
    return sum(
        isinstance(node, ast.Attribute) and node.attr in _SKIPPING for node in ast.walk(tree)
    ) + sum(isinstance(node, ast.Name) and node.id in _SKIPPING for node in ast.walk(tree))
