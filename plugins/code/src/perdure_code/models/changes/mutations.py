"""Small changes of code, one at a time, that tests which check it should notice."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from perdure_code.facts import Fact
from perdure_code.models.editing.edited_repository import EditedRepository, PathRefused
from perdure_code.models.editing.parsing import parsed_or_none
from perdure_code.repository.working_copy import is_test

MOST: Final = 8
_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
}


class Mutation(Fact):
    """A small change of a file.

    Attributes:
        path: The file.
        line: Where it is changed.
        function: In which function.
        what: What is changed, in words.
        text: The file's whole text with the change.
    """

    path: str
    line: int
    function: str
    what: str
    text: str


def choose_mutations(root: Path, tests: Mapping[str, str]) -> tuple[Mutation, ...]:
    """Return changes of the functions that tests name, at most eight, spread over these.

    Args:
        root: The repository.
        tests: The text of each file of tests, by path.
    """
    words = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for path, text in tests.items()
        if (tree := parsed_or_none(path, text)) is not None
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Name)
    }
    repository = EditedRepository(root)
    by_function: list[list[Mutation]] = []
    for path in repository.paths():
        if not path.endswith(".py") or is_test(path):
            continue
        try:
            text = repository.text(path)
        except PathRefused:
            continue
        names = {word for word in words if word in text}
        if names and (tree := parsed_or_none(path, text)) is not None:
            by_function += [
                list(_mutations(path, text, name, node))
                for name, node in _functions(tree)
                if names.intersection(name.split("."))
            ]
    rounds = (some[place : place + 1] for place in range(MOST) for some in by_function)
    return tuple(one for some in rounds for one in some)[:MOST]


def _functions(tree: ast.AST, owner: str = "") -> Iterator[tuple[str, ast.AST]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{owner}{node.name}", node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{owner}{node.name}.")


def _mutations(path: str, text: str, name: str, function: ast.AST) -> Iterator[Mutation]:
    """Yield changes of a function, each made in the text as it is written."""
    lines = text.splitlines(keepends=True)
    for node in ast.walk(function):
        changed = _changed(node)
        if changed is None or not isinstance(node, ast.expr) or _spans_lines(node):
            continue
        line = lines[node.lineno - 1].encode()
        begin, end = node.col_offset, node.end_col_offset or 0
        written = f"({ast.unparse(changed)})".encode()
        new = [*lines]
        new[node.lineno - 1] = (line[:begin] + written + line[end:]).decode()
        mutated = "".join(new)
        if parsed_or_none(path, mutated) is not None:
            what = f"{ast.unparse(node)} becomes {ast.unparse(changed)}"
            yield Mutation(path=path, line=node.lineno, function=name, what=what, text=mutated)


def _spans_lines(node: ast.expr) -> bool:
    return node.end_lineno != node.lineno


def _changed(node: ast.AST) -> ast.expr | None:
    """Return an expression that is a little different; ``None`` where there is none to be had."""
    changed: ast.expr | None = None
    match node:
        case ast.Compare(left=left, ops=[kind], comparators=comparators):
            changed = ast.Compare(left, [_COMPARISONS[type(kind)]()], comparators)
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _ARITHMETIC:
            changed = ast.BinOp(left, _ARITHMETIC[type(operator)](), right)
        case ast.BoolOp(op=operator, values=values):
            changed = ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            changed = operand
        case ast.Constant(value=bool(value)):
            changed = ast.Constant(not value)
        case ast.Constant(value=int(value)):
            changed = ast.Constant(value + 1)
        case _:
            pass
    return changed
