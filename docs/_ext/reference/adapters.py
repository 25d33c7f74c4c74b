"""The page of adapters: each module of ``perdure.adapters`` that has a function ``durable``."""

import ast
import importlib.util
import inspect
import pkgutil

import perdure.adapters


def markdown() -> str:
    """Return one section for each adapter."""
    return "\n".join(_section(name) for name in adapters())


def adapters() -> list[str]:
    """Return the modules, which need their library only once they are imported."""
    found = pkgutil.iter_modules(perdure.adapters.__path__, f"{perdure.adapters.__name__}.")
    return [one.name for one in found if "durable" in _names_of(one.name)]


def _names_of(module: str) -> set[str]:
    """Return the functions that a module defines, and what it imports, without importing it."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.loader is not None
    names = set()
    for node in ast.parse(spec.loader.get_source(module)).body:  # type: ignore[attr-defined]
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def _section(name: str) -> str:
    module = importlib.import_module(name)
    public = getattr(module, "__all__", ["durable"])
    entries = [_entry(name, one, getattr(module, one)) for one in public]
    return f"## {name.rpartition('.')[2]}\n\n" + "\n".join(filter(None, entries))


def _entry(module: str, name: str, value: object) -> str:
    if inspect.isclass(value):
        return f"```{{eval-rst}}\n.. autoclass:: {module}.{name}\n```\n"
    if inspect.isfunction(value):
        return f"```{{eval-rst}}\n.. autofunction:: {module}.{name}\n```\n"
    return ""
