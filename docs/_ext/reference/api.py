"""The pages of the public packages, from their ``__all__``."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from types import ModuleType

from pydantic import BaseModel
from sphinx.pycode import ModuleAnalyzer


def markdown_of(package: str) -> Callable[[], str]:
    """Return what writes the page of a package: what it has, by kind."""

    def markdown() -> str:
        module = importlib.import_module(package)
        kinds: dict[str, list[str]] = {
            "Functions": [],
            "Classes": [],
            "Models": [],
            "Errors": [],
            "Types": [],
        }
        for name in sorted(module.__all__, key=str.lower):
            kinds[_kind(getattr(module, name))].append(name)
        return "\n".join(
            f"## {kind}\n\n" + "\n".join(_entry(module, name, kind) for name in names)
            for kind, names in kinds.items()
            if names
        )

    return markdown


def _kind(value: object) -> str:
    if inspect.isclass(value):
        if issubclass(value, BaseException):
            return "Errors"
        return "Models" if issubclass(value, BaseModel) else "Classes"
    return "Functions" if inspect.isroutine(value) else "Types"


def _entry(module: ModuleType, name: str, kind: str) -> str:
    place = f"{module.__name__}.{name}"
    match kind:
        case "Functions":
            entry = f".. autofunction:: {place}"
        case "Errors":
            entry = f".. autoexception:: {place}"
        case "Types":
            words = _words_below(module, name).replace("\n", "\n   ")
            entry = f".. py:data:: {place}\n\n   {words}"
        case _:
            entry = f".. autoclass:: {place}\n   :members:\n   :exclude-members: model_config"
            if kind == "Classes":
                # What stands in a base class that is not public; other libraries' say nothing here.
                entry += "\n   :inherited-members: ABC, BaseModel, Generic"
    return f"### {name}\n\n```{{eval-rst}}\n{entry}\n```\n"


def _words_below(package: ModuleType, name: str) -> str:
    """Return the text that stands below the assignment of a name, wherever in the package it is."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        analyzer = ModuleAnalyzer.for_module(found.name)
        analyzer.analyze()
        if told := analyzer.attr_docs.get(("", name)):
            return "\n".join(told).strip()
    raise LookupError(f"no text stands below the assignment of {name} in {package.__name__}")
