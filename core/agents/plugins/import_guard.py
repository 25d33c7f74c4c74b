"""Undoing what a plugin does to its process while it is loaded.

Standard output belongs to the command that was called, the root logger to the program: a plugin
that prints, or sets logging up, does so to everybody.
"""

import gc
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, TextIO, cast

_SHOWN: Final = 40


class ImportGuard:
    """Stands by while one plugin is loaded in a thread of its own.

    Attributes:
        warnings: What was undone, and what the plugin's author should do instead.
    """

    def __init__(self, thread: threading.Thread) -> None:
        """Look at how things are.

        Args:
            thread: The thread in which the plugin is loaded.
        """
        self.warnings: tuple[str, ...] = ()
        self._aside = _Aside(thread, sys.stdout)
        self._root = (logging.root.level, list(logging.root.handlers))
        self._folder = _folder()

    def begin(self) -> None:
        """Send what the plugin prints to stderr from now on."""
        sys.stdout = cast("TextIO", self._aside)

    def end(self, module: str, *, still_loading: bool) -> None:
        """Undo what the plugin did.

        Args:
            module: The plugin's module, for people.
            still_loading: Whether it was given up: what it prints later must not come through.
        """
        told = []
        if sys.stdout is not cast("TextIO", self._aside):
            told.append("replaced sys.stdout, which was undone: leave it as it is")
        if not still_loading:
            sys.stdout = self._aside.stdout
        if printed := self._aside.printed.strip():
            line = printed.splitlines()[0]
            shown = line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
            told.append(f"printed {shown!r}, which went to stderr: print nothing when imported")
        if self._root != (logging.root.level, list(logging.root.handlers)):
            logging.root.setLevel(self._root[0])
            logging.root.handlers[:] = self._root[1]
            told.append(
                "set up the root logger, which was undone: leave that to the program, and log with"
                f" logging.getLogger({module.partition('.')[0]!r})"
            )
        if self._folder is not None and _folder() != self._folder:
            os.chdir(self._folder)
            told.append("changed the working folder, which was undone: use absolute paths")
        self.warnings = tuple(f"loading {module} {what}" for what in told)


class _Aside:
    """Standard output for everybody else; what the plugin's thread writes goes to stderr."""

    def __init__(self, thread: threading.Thread, stdout: TextIO) -> None:
        self.printed = ""
        self.stdout = stdout
        self._thread = thread

    def write(self, text: str) -> int:
        if threading.current_thread() is not self._thread:
            return self.stdout.write(text)
        self.printed += text[: 10 * _SHOWN]
        with suppress(OSError, ValueError, AttributeError):  # there may be no stderr
            sys.stderr.write(text)
        return len(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self.stdout, name)


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Look for no garbage meanwhile: what is imported stays, and looking takes a seventh of it."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 -- a path that is gone is no path to work with
    except OSError:
        return None
