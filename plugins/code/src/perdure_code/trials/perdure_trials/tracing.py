"""Which lines of the repository a test executes."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

_APART = ("site-packages", "dist-packages", ".venv", "venv", ".tox", ".nox", "node_modules")

if TYPE_CHECKING:
    Lines = dict[str, list[int]]


class OwnFiles:
    """Tells the repository's own Python files from all others, by the name in their code."""

    def __init__(self, root: str) -> None:
        self._root = os.path.realpath(root) + os.sep
        self._known: dict[str, str] = {}

    def relative(self, filename: str) -> str:
        """Return the path within the repository; empty for a file that is not its own."""
        known = self._known.get(filename)
        if known is None:
            known = self._known[filename] = self._look(filename)
        return known

    def _look(self, filename: str) -> str:
        if filename.startswith("<"):
            return ""
        path = os.path.realpath(filename)
        if not path.startswith(self._root):
            return ""
        relative = path[len(self._root) :].replace(os.sep, "/")
        return "" if set(relative.split("/")).intersection(_APART) else relative


class Tracer:
    """Records the lines of the repository that are executed between ``start`` and ``stop``."""

    def __init__(self, own: OwnFiles) -> None:
        self._own = own
        self._earlier: dict[str, set[int]] = {}
        self._lines: dict[str, set[int]] = {}
        self._cut = False
        self._backend = _Monitoring(self._lines_of) if _CAN_MONITOR else _Tracing(self._lines_of)

    def start(self) -> None:
        """Begin to record."""
        self._earlier, self._cut = {}, False
        for lines in self._lines.values():
            lines.clear()
        self._backend.start()

    def cut(self) -> None:
        """Keep what was recorded apart from what comes now: the lines of a loop without end."""
        self._earlier = {path: set(lines) for path, lines in self._lines.items()}
        for lines in self._lines.values():
            lines.clear()
        self._cut = True
        self._backend.restart()

    def stop(self) -> None:
        """End recording."""
        self._backend.stop()

    @property
    def lines(self) -> Lines:
        """All lines that were executed, by path."""
        return {
            path: sorted(lines | self._earlier.get(path, set()))
            for path, lines in self._lines.items()
            if lines or self._earlier.get(path)
        }

    @property
    def late(self) -> Lines:
        """The lines since the cut."""
        if not self._cut:
            return {}
        return {path: sorted(lines) for path, lines in self._lines.items() if lines}

    def _lines_of(self, filename: str) -> set[int] | None:
        path = self._own.relative(filename)
        return self._lines.setdefault(path, set()) if path else None


class _Tracing:
    """By ``sys.settrace``: every line of the repository's code is seen, that of others is not."""

    def __init__(self, lines_of: Callable[[str], set[int] | None]) -> None:
        self._lines_of = lines_of
        self._local: dict[str, Any] = {}

    def start(self) -> None:
        threading.settrace(self._call)
        sys.settrace(self._call)

    def restart(self) -> None:
        """Nothing to do: each line is seen each time."""

    def stop(self) -> None:
        sys.settrace(None)
        threading.settrace(None)

    def _call(self, frame: Any, _event: str, _arg: Any) -> Any:
        filename = frame.f_code.co_filename
        try:
            return self._local[filename]
        except KeyError:
            lines = self._lines_of(filename)
            local = None if lines is None else _local_trace(lines)
            self._local[filename] = local
            return local


def _local_trace(lines: set[int]) -> Any:
    add = lines.add

    def local(frame: Any, event: str, _: Any) -> Any:
        if event == "line":
            add(frame.f_lineno)
        return local

    return local


class _Monitoring:
    """By ``sys.monitoring`` of Python 3.12: a line is seen once, and costs nothing after that."""

    def __init__(self, lines_of: Callable[[str], set[int] | None]) -> None:
        self._lines_of = lines_of
        self._monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
        self._tool = 4
        self._monitoring.use_tool_id(self._tool, "perdure")
        self._monitoring.register_callback(self._tool, self._monitoring.events.LINE, self._line)

    def start(self) -> None:
        self._monitoring.set_events(self._tool, self._monitoring.events.LINE)
        self._monitoring.restart_events()

    def restart(self) -> None:
        self._monitoring.restart_events()

    def stop(self) -> None:
        self._monitoring.set_events(self._tool, 0)

    def _line(self, code: Any, line: int) -> Any:
        lines = self._lines_of(code.co_filename)
        if lines is not None:
            lines.add(line)
        return self._monitoring.DISABLE


_CAN_MONITOR = sys.version_info >= (3, 12)
