"""What belongs to the whole process and a plugin may change while it is loaded."""

import builtins
import locale
import logging
import os
import socket
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Final

from perdure.agents.plugins.hooks.printable import printable, shortened
from perdure.agents.plugins.process.output import keep_alive

# Filters of the categories that everybody raises concern everybody.
_EVERYBODYS_WARNINGS: Final = frozenset({Warning, UserWarning, RuntimeWarning, FutureWarning})
_OURS: Final = ("PERDURE_", "TEMPORAL_")
_SHOWN_NAMES: Final = 5
# Not what is added later, such as the function _ of gettext.install().
_BUILT_INS: Final = frozenset(vars(builtins))


class ProcessState:
    """The state of the process when a plugin began to load."""

    def __init__(self) -> None:
        """Record it."""
        self._values = [part.read() for part in _PARTS]
        self._environment = dict(os.environ)
        self._filters = list(warnings.filters)

    def undo_changes(self, module: str) -> list[str]:
        """Undo what was changed since; return what that was, and what to do instead.

        A new environment variable stays, for the plugin may read it later, unless it steers Perdure
        or Temporal.

        Args:
            module: The plugin's module, for people.
        """
        changes = []
        for part, value in zip(_PARTS, self._values, strict=True):
            if part.read() != value:
                with suppress(OSError, ValueError):
                    part.restore(value)
                changes.append(part.change.format(package=module.partition(".")[0]))
        return [*changes, *self._undo_warnings(), *self._undo_environment()]

    def _undo_warnings(self) -> list[str]:
        before, now = self._filters, list(warnings.filters)
        if list(filter(_concerns_all, before)) == list(filter(_concerns_all, now)):
            return []
        added = [one for one in now if one not in before and not _concerns_all(one)]
        warnings.filters[:] = [*added, *before]  # type: ignore[index]
        with warnings.catch_warnings():  # which lets Python know that they have changed
            pass
        change = (
            "changed how everybody's warnings are treated, which was undone: filter those of your"
            " own module, in warnings.catch_warnings()"
        )
        return [change]

    def _undo_environment(self) -> list[str]:
        before, now = self._environment, dict(os.environ)
        changed = [name for name in before if now.get(name) != before[name]]
        added = [name for name in now if name not in before]
        undone = sorted([*changed, *(name for name in added if name.startswith(_OURS))])
        for name in undone:
            if name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]
        changes = []
        if undone:
            changes.append(
                f"changed {_named(undone)} in the environment, which was undone: set that before"
                " perdure starts, or in the agent"
            )
        if kept := sorted(set(added).difference(undone)):
            changes.append(
                f"set {_named(kept)} in the environment, which stays: set that in the agent, or"
                " before perdure starts"
            )
        return changes


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of the state.

    Attributes:
        read: Returns it.
        restore: Sets it to what was read.
        change: What a plugin did that changed it, and what to do instead.
    """

    read: Callable[[], object]
    restore: Callable[..., object]
    change: str


def _working_folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 -- a folder that was deleted has no path
    except OSError:
        return None


def _change_folder(folder: str | None) -> None:
    if folder is not None:
        os.chdir(folder)


def _root_logger() -> tuple[int, list[logging.Handler]]:
    return logging.root.level, list(logging.root.handlers)


def _restore_root_logger(state: tuple[int, list[logging.Handler]]) -> None:
    level, handlers = state
    logging.root.setLevel(level)
    logging.root.handlers[:] = handlers


def _umask() -> int | None:
    """Return the mask of permissions of new files, which only Linux shows without setting it."""
    with suppress(OSError), open("/proc/self/status", encoding="ascii", errors="replace") as lines:  # noqa: PTH123 -- pathlib's takes twice as long, for each plugin
        for line in lines:
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    return None


def _limits() -> dict[int, tuple[int, int]]:
    """Return the limits of the process that a plugin might lower, soft and hard."""
    if sys.platform == "win32":
        return {}
    import resource

    kinds = (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_AS)
    return {kind: resource.getrlimit(kind) for kind in kinds}


def _restore_limits(limits: dict[int, tuple[int, int]]) -> None:
    import resource

    for kind, limit in limits.items():
        resource.setrlimit(kind, limit)


def _restore_built_ins(names: dict[str, object]) -> None:
    vars(builtins).update(names)


def _built_ins() -> dict[str, object]:
    return {name: value for name, value in vars(builtins).items() if name in _BUILT_INS}


def _concerns_all(one: tuple[object, ...]) -> bool:
    action, message, category, module, _ = one
    is_general = message is None and module is None
    return is_general and (action == "error" or category in _EVERYBODYS_WARNINGS)


def _stream(name: str) -> _Part:
    def restore(stream: object) -> None:
        keep_alive(getattr(sys, name, None))
        setattr(sys, name, stream)

    return _Part(
        lambda: getattr(sys, name, None),
        restore,
        f"replaced sys.{name}, which was undone: leave it as it is",
    )


def _attribute(module: ModuleType, name: str) -> _Part:
    def restore(value: object) -> None:
        setattr(module, name, value)

    return _Part(
        lambda: getattr(module, name, None),
        restore,
        f"replaced {module.__name__}.{name}, which was undone: leave it to the program",
    )


def _named(names: list[str]) -> str:
    return shortened([printable(name, 60) for name in names], _SHOWN_NAMES)


_PARTS: Final = (
    _stream("stderr"),
    _stream("stdin"),
    _Part(
        _root_logger,
        _restore_root_logger,
        "set up the root logger, which was undone: leave that to the program, and log with"
        " logging.getLogger({package!r})",
    ),
    _Part(
        lambda: logging.root.manager.disable,
        logging.disable,
        "disabled logging, which was undone: set the level of a logger of your own",
    ),
    _Part(
        _working_folder,
        _change_folder,
        "changed the working folder, which was undone: use absolute paths",
    ),
    _Part(
        socket.getdefaulttimeout,
        socket.setdefaulttimeout,
        "set the time limit of every socket, which was undone: set that of your own",
    ),
    _Part(
        sys.getrecursionlimit,
        sys.setrecursionlimit,
        "set Python's recursion limit, which was undone: leave it to the program",
    ),
    _Part(
        _umask,
        os.umask,
        "changed the permissions of new files (umask), which was undone: give those of your own"
        " files a mode",
    ),
    _Part(
        _limits,
        _restore_limits,
        "changed the limits of the process, which was undone: set those of the processes that the"
        " agent starts",
    ),
    _Part(
        lambda: locale.setlocale(locale.LC_ALL),
        lambda name: locale.setlocale(locale.LC_ALL, name),
        "changed the locale, which was undone: format numbers and dates without it",
    ),
    _Part(
        _built_ins,
        _restore_built_ins,
        "replaced functions that Python brings, which was undone: give yours other names",
    ),
    _attribute(sys, "excepthook"),
    _attribute(threading, "excepthook"),
)
