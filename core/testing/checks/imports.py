"""A check of which parts of Perdure a plugin imports."""

import ast
from collections.abc import Iterator
from importlib.util import find_spec
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


def check_imports(check: str, folder: Path, *, tests: bool = False) -> Verdict:
    """Return whether the Python files of a folder import only what is public.

    Args:
        check: The check's name.
        folder: Where to look.
        tests: Whether they are tests, which may use ``perdure.testing`` too.
    """
    allowed = (*PUBLIC, FOR_TESTS) if tests else PUBLIC
    files = sorted(folder.rglob("*.py"))
    for file in files:
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
        except (SyntaxError, ValueError, OSError) as error:
            return failed(check, f"{file.relative_to(folder)} cannot be read ({error}): repair it")
        for line, module in _imports(tree):
            if not _is_public(module, allowed):
                return failed(
                    check,
                    f"{file.relative_to(folder)}, line {line} imports {module}, which may change at"
                    f" any time: import from {' or '.join(allowed)}",
                )
    return ok(check, f"{len(files)} files import nothing internal")


def _is_public(module: str, allowed: tuple[str, ...]) -> bool:
    if not module.startswith("perdure."):
        return True
    return module in allowed or module in _ADAPTERS


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
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
        elif isinstance(node, ast.Call) and _function_name(node.func) in {
            "import_module",
            "__import__",
        }:
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield node.lineno, argument.value


def _module_of(package: str, alias: ast.alias) -> str:
    """Return the module that an imported name is, or its package where it is no module."""
    module = f"{package}.{alias.name}"
    public = package == "perdure.agents" and alias.name in agents.__all__
    return package if public or find_spec(module) is None else module


def _function_name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
