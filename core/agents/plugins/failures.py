"""Explains in a sentence why a plugin failed: what happened, where, and what to do."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from traceback import walk_tb
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement

from perdure.agents.plugins.discovery import Candidate, is_installed, provides_module
from perdure.agents.plugins.hooks.caller import HookCallFailed
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.version import core_version

_CORE: Final = "perdure"


def explain_failure(candidate: Candidate, error: BaseException) -> str:
    """Return why loading a plugin failed.

    Args:
        candidate: The plugin.
        error: What was raised.
    """
    action = f"importing {candidate.module}"
    if isinstance(error, HookCallFailed):
        assert error.__cause__ is not None
        action, error = error.where, error.__cause__
    if isinstance(error, PluginError):
        return str(error)
    action += _location(candidate, error)
    if isinstance(error, SystemExit):
        return f"{action} called sys.exit({error.code!r}): raise an error instead"
    if isinstance(error, ImportError) and (
        reason := _explain_import_error(candidate, action, error)
    ):
        return reason
    if isinstance(error, ValueError) and _is_raised_by_core(error):
        return f"{action}: {error}"
    raised = f"{action} raised {type(error).__name__}: {_first_line(error)}".rstrip(": ")
    return f"{raised}{_advice(candidate)}"


def _advice(candidate: Candidate) -> str:
    if not candidate.installed:
        return ""
    return f"; see whether pip install --upgrade {candidate.distribution} helps, or uninstall it"


def _first_line(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return error.msg
    return (str(error).splitlines() or [""])[0]


def _is_raised_by_core(error: BaseException) -> bool:
    """Return whether a class of the core raised an error, which is a sentence of ours then."""
    names = [str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(error.__traceback__)]
    return bool(names) and names[-1].startswith("perdure.agents.")


def _location(candidate: Candidate, error: BaseException) -> str:
    """Return the last file and line of the plugin in an error's traceback."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({Path(error.filename).name}, line {error.lineno})"
    package = candidate.module.partition(".")[0]
    location = ""
    for frame, line in walk_tb(error.__traceback__):
        file = Path(frame.f_code.co_filename)
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] == package or file.name == candidate.module:
            location = f" ({file.name}, line {line})"
    return location


def _explain_import_error(candidate: Candidate, action: str, error: ImportError) -> str:
    missing = error.name or ""
    if isinstance(error, ModuleNotFoundError) and _is_or_contains(missing, candidate.module):
        return (
            f"its entry point names the module {candidate.module}, and there is none: name the one"
            f" that holds the hooks, or install {candidate.distribution} again"
        )
    if missing.partition(".")[0] == _CORE:
        return (
            f"{action} needs {_missing_name(error)}, which perdure {core_version()}"
            " does not have: import from perdure.agents, or install the perdure it was made for"
        )
    if isinstance(error, ModuleNotFoundError) and missing:
        return _explain_missing_module(candidate, action, missing.partition(".")[0])
    return ""


def _is_or_contains(package: str, module: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _missing_name(error: ImportError) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"the module {error.name}"
    found = re.match(r"cannot import name '(\w+)'", str(error))
    return f"{found[1]} of {error.name}" if found else str(error.name)


def _explain_missing_module(candidate: Candidate, action: str, module: str) -> str:
    required = _required_names(candidate.requires)
    missing = [name for name in required if not is_installed(name)]
    needs = f"{action} needs the module {module}, which is not installed"
    if missing:
        return (
            f"{needs}, and of what {candidate.distribution} requires there is no"
            f" {', '.join(missing)}: pip install {' '.join(missing)}"
        )
    if candidate.installed and (damaged := _damaged_provider(module, required)):
        return f"{needs} whole: pip install --force-reinstall {damaged}"
    if candidate.installed:
        return (
            f"{needs} and {candidate.distribution} does not require: install what brings it,"
            " and let its author add that to dependencies"
        )
    return f"{needs}: pip install what brings it"


def _required_names(requires: Iterable[str]) -> list[str]:
    names = []
    for line in requires:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            names.append(requirement.name)
    return names


def _damaged_provider(module: str, required: Iterable[str]) -> str:
    """Return which requirement lists a module as its own, although it cannot be imported."""
    if module in sys.modules:
        return ""
    return next((name for name in required if provides_module(name, module)), "")
