"""The names that a Python module gives to others, and what running it does."""

import ast
import warnings
from collections.abc import Iterator

_PLAIN_DECORATORS = {
    "property",
    "staticmethod",
    "classmethod",
    "dataclass",
    "dataclasses.dataclass",
    "cache",
    "lru_cache",
    "functools.cache",
    "functools.lru_cache",
    "functools.wraps",
    "contextmanager",
    "contextlib.contextmanager",
    "abstractmethod",
    "overload",
    "typing.overload",
    "final",
    "pytest.fixture",
}


def parse(content: bytes) -> ast.Module | None:
    """Parse a module; ``None`` when it is no Python for the running version."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def bound_names(tree: ast.Module) -> dict[str, int]:
    """Return the names at the top of a module, with the line that binds each first."""
    names: dict[str, int] = {}
    for node in _top(tree.body):
        for name, line in _bound(node):
            names.setdefault(name, line)
    return names


def imports_at_top(tree: ast.Module) -> dict[tuple[str, str], int]:
    """Return the modules that are imported at the top, with the name each binds and its line."""
    found: dict[tuple[str, str], int] = {}
    for node in _top(tree.body):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                found.setdefault((alias.name, bound), node.lineno)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                bound = alias.asname or alias.name
                found.setdefault((module, bound), node.lineno)
                joiner = "" if module.endswith(".") else "."
                found.setdefault((f"{module}{joiner}{alias.name}", bound), node.lineno)
    return found


def effect_of(tree: ast.Module) -> str:
    """Return what running a module does beside defining names, in words; empty for nothing."""
    for node in tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await):
            return f"calls `{ast.unparse(node.value)[:60]}`"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                called = decorator.func if isinstance(decorator, ast.Call) else decorator
                if ast.unparse(called) not in _PLAIN_DECORATORS:
                    return f"registers `{node.name}` with `@{ast.unparse(decorator)[:60]}`"
        if isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Subscript | ast.Attribute):
                    return f"sets `{ast.unparse(target)[:60]}`"
        if isinstance(node, ast.ClassDef) and (node.bases or node.keywords):
            bases = {ast.unparse(base) for base in node.bases}
            if bases - {"object", "Exception", "Enum", "NamedTuple", "Protocol", "TypedDict"}:
                return f"defines `{node.name}`, which its base class may count on"
    return ""


def _top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run when a module is imported, or a checker of types reads it."""
    for node in body:
        yield node
        for name in ("body", "orelse", "finalbody"):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from _top(getattr(node, name, []))
        for part in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
            yield from _top(part.body)


def _bound(node: ast.stmt) -> Iterator[tuple[str, int]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name, node.lineno
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            name = alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name
            yield alias.asname or name, node.lineno
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.For | ast.With):
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                yield inner.id, inner.lineno
    elif type(node).__name__ == "TypeAlias":  # Python 3.12
        yield getattr(getattr(node, "name", None), "id", ""), node.lineno
