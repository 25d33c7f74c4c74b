"""Explains in a sentence why a plugin failed: what happened, where, and what to do."""

import logging
import re
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from traceback import walk_tb
from types import FrameType
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement

from perdure.agents.plugins.distributions.candidate import Candidate
from perdure.agents.plugins.distributions.discovery import is_installed, provides_module
from perdure.agents.plugins.hooks.caller import HookCallFailed
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.hooks.printable import (
    MOST_CHARACTERS,
    exception_name,
    exception_text,
    printable,
)
from perdure.version import core_version

# What takes longer is said to people, who would wait in silence.
NOTICE_SECONDS: Final = 2.0

_CORE: Final = "perdure"
_log: Final = logging.getLogger(_CORE)


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
    try:
        reason = _explain(candidate, action, error)
    except Exception:  # noqa: BLE001 -- an exception's attributes are the plugin's own code
        reason = f"{action} raised {exception_name(error)}{_advice(candidate)}"
    return printable(reason, 2 * MOST_CHARACTERS)


def explain_delay(action: str, seconds: float) -> str:
    """Return what to do about a plugin that takes too long.

    Args:
        action: What takes so long.
        seconds: How long it may take.
    """
    return (
        f"{action} took longer than {seconds:g} s: move slow work into the agent, or raise"
        " PERDURE_PLUGIN_IMPORT_SECONDS"
    )


def log_delay(candidate: Candidate, action: str, seconds: float) -> None:
    """Say that a plugin is waited for, and how long at most.

    Args:
        candidate: The plugin.
        action: What takes so long.
        seconds: How long it may take.
    """
    _log.warning(
        "waiting for the plugin %s, for at most %g s: %s", candidate.distribution, seconds, action
    )


def explain_end(candidate: Candidate, action: str, status: int) -> str:
    """Return what to do about a plugin that ended the process.

    Args:
        candidate: The plugin.
        action: What it was doing.
        status: The process's exit status; below zero, the number of the signal that killed it.
    """
    if status < 0:
        with suppress(ValueError):
            name = signal.Signals(-status).name
            return f"{action} killed the process with {name}{_advice(candidate)}"
    return (
        f"{action} ended the process with status {status}, without an error: raise one instead of"
        " calling os._exit"
    )


def _explain(candidate: Candidate, action: str, error: BaseException) -> str:
    if isinstance(error, PluginError):
        return exception_text(error)
    action += _location(candidate, error)
    if isinstance(error, SystemExit):
        code = printable(repr(error.code), MOST_CHARACTERS)
        return f"{action} called sys.exit({code}): raise an error instead"
    if isinstance(error, ImportError) and (
        reason := _explain_import_error(candidate, action, error)
    ):
        return reason
    if isinstance(error, ValueError) and _is_raised_by_core(error):
        return f"{action}: {exception_text(error)}"
    raised = f"{action} raised {exception_name(error)}: {exception_text(error)}".rstrip(": ")
    return f"{raised}{_advice(candidate)}"


def _advice(candidate: Candidate) -> str:
    if not candidate.installed:
        return ""
    return f"; see whether pip install --upgrade {candidate.distribution} helps, or uninstall it"


def _is_raised_by_core(error: BaseException) -> bool:
    """Return whether a class of the core raised an error, which is a sentence of ours then."""
    names = [str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(error.__traceback__)]
    return bool(names) and names[-1].startswith("perdure.agents.")


def _location(candidate: Candidate, error: BaseException) -> str:
    """Return the last file and line of the plugin in an error's traceback."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({Path(error.filename).name}, line {error.lineno})"
    return find_place(candidate, walk_tb(error.__traceback__))


def find_place(candidate: Candidate, frames: Iterable[tuple[FrameType, int | None]]) -> str:
    """Return the last file and line of a plugin in a stack, in parentheses; else nothing.

    Args:
        candidate: The plugin.
        frames: The frames with their lines, the innermost last.
    """
    package = candidate.module.partition(".")[0]
    location = ""
    for frame, line in frames:
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
