"""Undoes what a plugin does to its process while it is loaded.

Standard output belongs to the command that runs, the root logger to the program: a plugin that
prints, or configures logging, affects everybody.
"""

import gc
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, TextIO, cast

_SHOWN_CHARACTERS: Final = 40


class ImportGuard:
    """Redirects a plugin's output while it is loaded in a thread of its own, and undoes the rest.

    Attributes:
        warnings: What was undone, and what the plugin's author should do instead.
    """

    def __init__(self, thread: threading.Thread) -> None:
        """Record the root logger and the working folder.

        Args:
            thread: The thread in which the plugin is loaded.
        """
        self.warnings: tuple[str, ...] = ()
        self._redirect = _StdoutRedirect(thread, sys.stdout)
        self._root = (logging.root.level, list(logging.root.handlers))
        self._folder = _working_folder()

    def begin(self) -> None:
        """Start to send what the plugin prints to stderr."""
        sys.stdout = cast("TextIO", self._redirect)

    def end(self, module: str, *, still_loading: bool) -> None:
        """Undo what the plugin did.

        Args:
            module: The plugin's module, for people.
            still_loading: Whether it was abandoned: what it prints later must not reach stdout.
        """
        warnings = []
        if sys.stdout is not cast("TextIO", self._redirect):
            warnings.append("replaced sys.stdout, which was undone: leave it as it is")
        if not still_loading:
            sys.stdout = self._redirect.stdout
        if printed := self._redirect.printed.strip():
            line = printed.splitlines()[0]
            shown = line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]}…"
            warnings.append(f"printed {shown!r}, which went to stderr: print nothing when imported")
        if self._root != (logging.root.level, list(logging.root.handlers)):
            logging.root.setLevel(self._root[0])
            logging.root.handlers[:] = self._root[1]
            warnings.append(
                "set up the root logger, which was undone: leave that to the program, and log with"
                f" logging.getLogger({module.partition('.')[0]!r})"
            )
        if self._folder is not None and _working_folder() != self._folder:
            os.chdir(self._folder)
            warnings.append("changed the working folder, which was undone: use absolute paths")
        self.warnings = tuple(f"loading {module} {what}" for what in warnings)


class _StdoutRedirect:
    """Writes what the plugin's thread prints to stderr, and what others print to stdout."""

    def __init__(self, thread: threading.Thread, stdout: TextIO) -> None:
        self.printed = ""
        self.stdout = stdout
        self._thread = thread

    def write(self, text: str) -> int:
        if threading.current_thread() is not self._thread:
            return self.stdout.write(text)
        self.printed += text[: 10 * _SHOWN_CHARACTERS]
        with suppress(OSError, ValueError, AttributeError):  # there may be no stderr
            sys.stderr.write(text)
        return len(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self.stdout, name)


@contextmanager
def gc_disabled() -> Iterator[None]:
    """Disable garbage collection: what is imported stays, and collecting takes a seventh of it."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _working_folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 -- a folder that was deleted has no path
    except OSError:
        return None
