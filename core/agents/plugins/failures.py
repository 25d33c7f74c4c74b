"""Saying in a sentence why a plugin failed: what happened, where, and what to do."""

import re
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from traceback import walk_tb
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from perdure.agents.plugins.discovery import Candidate, core_version
from perdure.agents.plugins.hooks.caller import HookCallFailed
from perdure.agents.plugins.hooks.errors import PluginError

_OURS: Final = "perdure"


def explain(candidate: Candidate, error: BaseException) -> str:
    """Return why loading a plugin failed.

    Args:
        candidate: The plugin.
        error: What was raised on the way.
    """
    doing = f"importing {candidate.module}"
    if isinstance(error, HookCallFailed):
        assert error.__cause__ is not None
        doing, error = error.where, error.__cause__
    if isinstance(error, PluginError):
        return str(error)
    doing += _where(candidate, error)
    if isinstance(error, SystemExit):
        return f"{doing} called sys.exit({error.code!r}): raise an error instead"
    if isinstance(error, ImportError) and (told := _explain_import(candidate, doing, error)):
        return told
    if isinstance(error, ValueError) and _is_ours(error):
        return f"{doing}: {error}"
    raised = f"{doing} raised {type(error).__name__}: {_first_line(error)}".rstrip(": ")
    return f"{raised}{_what_to_do(candidate)}"


def _what_to_do(candidate: Candidate) -> str:
    if not candidate.installed:
        return ""
    return f"; see whether pip install --upgrade {candidate.distribution} helps, or uninstall it"


def _first_line(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return error.msg
    return (str(error).splitlines() or [""])[0]


def _is_ours(error: BaseException) -> bool:
    """Return whether an error is what our own classes say of what they were given."""
    names = [str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(error.__traceback__)]
    return bool(names) and names[-1].startswith("perdure.agents.")


def _where(candidate: Candidate, error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({Path(error.filename).name}, line {error.lineno})"
    package = candidate.module.partition(".")[0]
    found = ""
    for frame, line in walk_tb(error.__traceback__):
        place = Path(frame.f_code.co_filename)
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] == package or place.name == candidate.module:
            found = f" ({place.name}, line {line})"
    return found


def _explain_import(candidate: Candidate, doing: str, error: ImportError) -> str:
    missing = error.name or ""
    if isinstance(error, ModuleNotFoundError) and _within(candidate.module, missing):
        return (
            f"its entry point names the module {candidate.module}, and there is none: name the one"
            f" that holds the hooks, or install {candidate.distribution} again"
        )
    if missing.partition(".")[0] == _OURS:
        return (
            f"{doing} needs {_wanted(error)}, which perdure {core_version()}"
            " does not have: import from perdure.agents, or install the perdure it was made for"
        )
    if isinstance(error, ModuleNotFoundError) and missing:
        return _explain_missing(candidate, doing, missing.partition(".")[0])
    return ""


def _within(module: str, missing: str) -> bool:
    return module == missing or module.startswith(f"{missing}.")


def _wanted(error: ImportError) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"the module {error.name}"
    named = re.match(r"cannot import name '(\w+)'", str(error))
    return f"{named[1]} of {error.name}" if named else str(error.name)


def _explain_missing(candidate: Candidate, doing: str, module: str) -> str:
    absent = [name for name in _required(candidate.requires) if not _is_installed(name)]
    needs = f"{doing} needs the module {module}, which is not installed"
    if absent:
        return (
            f"{needs}, and of what {candidate.distribution} requires there is no"
            f" {', '.join(absent)}: pip install {' '.join(absent)}"
        )
    if candidate.installed and (broken := _brings(module, candidate.requires)):
        return f"{needs} whole: pip install --force-reinstall {broken}"
    if candidate.installed:
        return (
            f"{needs} and {candidate.distribution} does not require: install what brings it,"
            " and let its author add that to dependencies"
        )
    return f"{needs}: pip install what brings it"


def _required(requires: Iterable[str]) -> list[str]:
    names = []
    for line in requires:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            names.append(requirement.name)
    return names


def _is_installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def _brings(module: str, requires: Iterable[str]) -> str:
    """Return which requirement says that it brings a module, though the module is not there."""
    if module in sys.modules:
        return ""
    brought = {canonicalize_name(name) for name in packages_distributions().get(module, ())}
    return next((one for one in _required(requires) if canonicalize_name(one) in brought), "")
