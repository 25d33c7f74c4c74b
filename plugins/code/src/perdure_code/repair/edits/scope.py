"""The names that a statement could use instead of its own."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from perdure_code.location.source import Source, Statement

_CONTAINERS: Final = (ast.List, ast.Dict, ast.Set)
_CONTAINER_TYPES: Final = {
    "list",
    "dict",
    "set",
    "tuple",
    "sequence",
    "mapping",
    "iterable",
    "deque",
}


@dataclass
class Scope:
    """What is around a statement.

    Attributes:
        source: The file.
        statement: The statement.
    """

    source: Source
    statement: Statement

    @property
    def top(self) -> ast.AST:
        """The function that the statement is in, or the module."""
        return self.statement.owner or self.source.tree

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The variables of the function, its parameters first."""
        owner = self.statement.owner
        found: dict[str, None] = {}
        if owner is not None:
            for argument in _arguments(owner.args):
                found.setdefault(argument)
        for node in _inner_nodes(self.top):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.setdefault(node.id)
        if owner is not None and owner.name in self.functions:
            for name in self._outer:
                found.setdefault(name)
        return tuple(name for name in found if name != "_")

    @cached_property
    def _outer(self) -> tuple[str, ...]:
        """Variables at the top of the file, and of functions around this one, that it uses."""
        used = {node.id for node in ast.walk(self.top) if isinstance(node, ast.Name)}
        return tuple(
            name
            for statement in self.source.statements
            if statement.owner is not None or statement.function == ""
            for name in _stored(statement.node)
            if name in used
        )

    @cached_property
    def functions(self) -> tuple[str, ...]:
        """The functions and classes of the file, and methods of the class as ``self.name``."""
        found: dict[str, None] = {}
        for statement in self.source.statements:
            node = statement.node
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                if isinstance(statement.parent, ast.ClassDef):
                    if statement.function == self.class_name:
                        found.setdefault(f"self.{node.name}")
                else:
                    found.setdefault(node.name)
        return tuple(found)

    @property
    def class_name(self) -> str:
        """The qualified name of the class whose method the statement is in; empty without one."""
        return self.statement.function.rpartition(".")[0] if self._has_self else ""

    @property
    def _has_self(self) -> bool:
        owner = self.statement.owner
        return owner is not None and bool(owner.args.args) and owner.args.args[0].arg == "self"

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The attributes of ``self`` that the class's methods use."""
        if not self._has_self:
            return ()
        found: dict[str, None] = {}
        for statement in self.source.statements:
            if statement.function.startswith(self.class_name):
                for node in statement.expressions():
                    if (
                        isinstance(node, ast.Attribute)
                        and isinstance(node.value, ast.Name)
                        and node.value.id == "self"
                    ):
                        found.setdefault(node.attr)
        return tuple(found)

    @cached_property
    def expressions(self) -> tuple[ast.expr, ...]:
        """The expressions of the function, each text once, shortest first."""
        found: dict[str, ast.expr] = {}
        for node in _inner_nodes(self.top):
            if isinstance(node, ast.expr) and not isinstance(
                getattr(node, "ctx", None), ast.Store | ast.Del
            ):
                found.setdefault(self.source.text(node), node)
        return tuple(sorted(found.values(), key=lambda node: len(self.source.text(node))))

    @cached_property
    def conditions(self) -> tuple[str, ...]:
        """The conditions that the function decides by, and their parts."""
        found: dict[str, None] = {}
        for node in _inner_nodes(self.top):
            test = getattr(node, "test", None)
            tests: Iterable[ast.expr] = [test] if isinstance(test, ast.expr) else []
            if isinstance(node, ast.comprehension):
                tests = node.ifs
            for one in tests:
                for part in [one, *(one.values if isinstance(one, ast.BoolOp) else [])]:
                    if not isinstance(part, ast.Constant):
                        found.setdefault(self.source.text(part))
        return tuple(found)

    @cached_property
    def containers(self) -> frozenset[str]:
        """The names that the function takes items of, goes through, or counts."""
        return frozenset(_containers(self.top))

    @cached_property
    def shared(self) -> frozenset[str]:
        """The parameters whose default is a container, which all calls share."""
        owner = self.statement.owner
        pairs = _with_defaults(owner.args) if owner else []
        return frozenset(
            argument.arg for argument, default in pairs if isinstance(default, _CONTAINERS)
        )

    @cached_property
    def called(self) -> frozenset[str]:
        """The names that the function calls, or takes attributes of."""
        return frozenset(
            inner.id
            for node in ast.walk(self.top)
            for inner in (getattr(node, "func", None), _object_of(node))
            if isinstance(inner, ast.Name)
        )


def _object_of(node: ast.AST) -> ast.AST | None:
    return node.value if isinstance(node, ast.Attribute) else None


def _containers(top: ast.AST) -> Iterable[str]:
    if isinstance(top, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from _container_arguments(top.args)
    for node in ast.walk(top):
        inner: list[ast.AST] = []
        if isinstance(node, ast.Subscript):
            inner = [node.value]
        elif isinstance(node, ast.For | ast.comprehension):
            inner = [node.iter]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in {"len", "sum", "min", "max", "sorted", "enumerate", "reversed"}:
                inner = list(node.args[:1])
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            inner = list(node.comparators)
        elif isinstance(node, ast.Assign) and isinstance(
            node.value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.SetComp | ast.DictComp
        ):
            inner = list(node.targets)
        for one in inner:
            if isinstance(one, ast.Name):
                yield one.id


def _container_arguments(arguments: ast.arguments) -> Iterable[str]:
    """Yield the parameters that are containers by their default, or by their annotation."""
    for argument, default in _with_defaults(arguments):
        kind = argument.annotation
        kind = kind.value if isinstance(kind, ast.Subscript) else kind
        named = kind.id.lower() if isinstance(kind, ast.Name) else ""
        if isinstance(default, _CONTAINERS) or named in _CONTAINER_TYPES:
            yield argument.arg


def _with_defaults(arguments: ast.arguments) -> list[tuple[ast.arg, ast.expr | None]]:
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults))
    defaults += arguments.defaults
    return [
        *zip(plain, defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]


def _arguments(arguments: ast.arguments) -> Iterable[str]:
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if argument.arg not in {"self", "cls"}:
            yield argument.arg
    for star in (arguments.vararg, arguments.kwarg):
        if star is not None:
            yield star.arg


def _stored(node: ast.stmt) -> Iterable[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from _arguments(node.args)
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.For):
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                yield inner.id


def _inner_nodes(top: ast.AST) -> Iterable[ast.AST]:
    """Yield the nodes of a function's body, in the order in which they are written."""
    pending: list[ast.AST] = list(getattr(top, "body", []))
    while pending:
        node = pending.pop(0)
        yield node
        if not isinstance(node, ast.ClassDef):
            pending[:0] = ast.iter_child_nodes(node)
