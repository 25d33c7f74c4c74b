"""A check of which parts of Perdure a plugin imports."""

import ast
from collections.abc import Iterator, Mapping
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Final

from perdure import agents
from perdure.testing.checks.verdicts import Verdict, failed, ok

PUBLIC: Final = ("perdure.agents", "perdure.adapters")
FOR_TESTS: Final = "perdure.testing"
# Each adapter is public by its own path; of the other packages, only the top is public.
_ADAPTERS: Final = frozenset(
    f"perdure.adapters.{name}" for name in ("langgraph", "openai_agents", "pydantic_ai")
)

# Functions that import the module whose name they are given.
_IMPORTERS: Final = frozenset({"import_module", "__import__", "resolve_name", "run_module"})


def check_imports(check: str, *places: Path, tests: bool = False) -> Verdict:
    """Return whether Python files import only what is public.

    Args:
        check: The check's name.
        places: Folders with all that is in them, and single files.
        tests: Whether they are tests, which may use ``perdure.testing`` too.
    """
    allowed = (*PUBLIC, FOR_TESTS) if tests else PUBLIC
    count = 0
    for place in places:
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            name = str(file.relative_to(place)) if place.is_dir() else file.name
            try:
                tree = ast.parse(file.read_bytes(), str(file))
            except (SyntaxError, ValueError, OSError) as error:
                return failed(check, f"{name} cannot be read ({error}): repair it")
            for line, module in _imports(tree):
                if not _is_public(module, allowed):
                    return failed(
                        check,
                        f"{name}, line {line} imports {module}, which may change at any time:"
                        f" import from {' or '.join(allowed)}",
                    )
            count += 1
    if not count:
        return failed(check, "it has no Python file: list its packages in pyproject.toml")
    return ok(check, f"{count} file{'s import' if count > 1 else ' imports'} nothing internal")


def _is_public(module: str, allowed: tuple[str, ...]) -> bool:
    if not module.startswith("perdure."):
        return True
    return module in allowed or module in _ADAPTERS


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of each module that is imported, in whatever way."""
    names = _bound_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if node.module == "perdure":
                yield from ((node.lineno, f"perdure.{alias.name}") for alias in node.names)
            elif node.module in {"perdure.agents", "perdure.adapters"}:
                yield from ((node.lineno, _module_of(node.module, alias)) for alias in node.names)
            else:
                yield node.lineno, node.module
        elif isinstance(node, ast.Attribute):
            # As in perdure.agents.plugins, which is there once perdure.agents is imported.
            yield node.lineno, _longest_module(_full_name(node, names))
        elif isinstance(node, ast.Call):
            function = _full_name(node.func, names).rpartition(".")[2]
            if function in _IMPORTERS and (module := _named_module(node)):
                yield node.lineno, module


def _bound_names(tree: ast.AST) -> dict[str, str]:
    """Return what the names that imports bind stand for, such as ``im``, ``importlib``."""
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                bound[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            for alias in node.names:
                bound[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return bound


def _full_name(node: ast.expr, bound: Mapping[str, str]) -> str:
    """Return the dotted name of an expression; nothing when it has none."""
    if isinstance(node, ast.Name):
        return bound.get(node.id, node.id)
    if isinstance(node, ast.Attribute) and (owner := _full_name(node.value, bound)):
        return f"{owner}.{node.attr}"
    # Such as importlib.__dict__["import_module"](…), of which the last part is what counts.
    return f"?.{node.attr}" if isinstance(node, ast.Attribute) else ""


def _longest_module(name: str) -> str:
    """Return the part of a dotted name that is a module of Perdure; nothing for other names."""
    first, *rest = name.split(".")
    if first != "perdure":
        return ""
    module = first
    for part in rest:
        is_object = module == "perdure.agents" and part in agents.__all__
        if is_object or module in _ADAPTERS or not _is_module(f"{module}.{part}"):
            break
        module = f"{module}.{part}"
    return module


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ImportError:  # what it lies in is no package, or lacks a library
        return False


def _named_module(call: ast.Call) -> str:
    """Return the module that a call such as ``import_module(".stores", "perdure")`` names."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    given = [_text(argument) for argument in call.args]
    name = given[0] if given else _text(keywords.get("name"))
    package = given[1] if len(given) > 1 else _text(keywords.get("package"))
    if name.startswith(".") and package:
        try:
            return resolve_name(name, package)
        except ImportError:
            return ""
    return name.partition(":")[0]


def _text(node: ast.expr | None) -> str:
    """Return the text that an expression of constants is; nothing for others."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left), _text(node.right)
        return left + right if left and right else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    return ""


def _module_of(package: str, alias: ast.alias) -> str:
    """Return the module that an imported name is, or its package where it is no module."""
    module = f"{package}.{alias.name}"
    public = package == "perdure.agents" and alias.name in agents.__all__
    return package if public or find_spec(module) is None else module
