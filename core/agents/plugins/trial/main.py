"""What runs in the process in which plugins are tried; see :mod:`.trial.process`.

It writes one line of JSON to its standard output whenever it begins something, and one for each
plugin that it has tried.
"""

import base64
import faulthandler
import gc
import importlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from perdure.agents.plugins.distributions.candidate import Candidate
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.loading.files import load_file
from perdure.agents.plugins.loading.load_plugin import load_plugin
from perdure.agents.plugins.process.threads import running_plugin_threads

_forks: Final[list[bool]] = []


def main(order: Mapping[str, Any]) -> None:
    """Try plugins one by one, and end; also when one has left something running.

    Args:
        order: What the process that started this one wants tried.
    """
    report = _take_stdout()
    sys.argv, sys.path[:] = ["perdure"], order["path"]
    importlib.invalidate_caches()
    process = os.getpid()
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable(all_threads=True)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_parent=lambda: _forks.append(True))
    gc.disable()

    def send(**message: str) -> None:
        if os.getpid() != process:
            os._exit(0)  # a copy, which a plugin made
        os.write(report, json.dumps(message).encode() + b"\n")

    for plugin in order["plugins"]:
        send(reason=_try_plugin(plugin, order["seconds"], lambda action: send(action=action)))
        if running_plugin_threads() or _children_run():
            break
    os._exit(0)  # whatever waits at an ordinary end


def _try_plugin(plugin: Mapping[str, Any], seconds: float, on_action: Callable[[str], None]) -> str:
    """Load a plugin; return why it cannot be loaded, or nothing."""
    _forks.clear()
    fields = plugin["candidate"]
    lists = {name: tuple(fields[name]) for name in ("requires", "warnings")}
    candidate = Candidate(**fields | lists)
    try:
        if plugin["path"]:
            source = base64.b64decode(plugin["source"])
            load_file(Path(plugin["path"]), source, seconds, on_action)
        else:
            load_plugin(candidate, seconds, on_action=on_action)
    except PluginError as error:
        return str(error)
    return _processes_left(candidate)


def _processes_left(candidate: Candidate) -> str:
    if _forks:
        return (
            f"importing {candidate.module} forked the process, both parts of which would go on:"
            " start processes in the agent"
        )
    if _children_run():
        return (
            f"importing {candidate.module} left a process running, for which every command would"
            " wait: start processes in the agent"
        )
    return ""


def _children_run() -> bool:
    multiprocessing = sys.modules.get("multiprocessing")
    return multiprocessing is not None and bool(multiprocessing.active_children())


def _take_stdout() -> int:
    """Return a descriptor of standard output that nobody else has, and give others stderr."""
    report = os.dup(1)
    os.dup2(2, 1)
    return report
