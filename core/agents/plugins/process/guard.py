"""Undoes what a plugin does to its process while it is loaded.

Standard output belongs to the command that runs, the root logger to the program: a plugin that
prints, or configures logging, affects everybody.
"""

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO, cast

from perdure.agents.plugins.hooks.printable import printable
from perdure.agents.plugins.process.exits import ExitFunctions
from perdure.agents.plugins.process.output import RedirectedStdout, keep_alive
from perdure.agents.plugins.process.state import ProcessState
from perdure.agents.plugins.process.threads import ThreadFamily

_SHOWN_CHARACTERS: Final = 40


class ProcessGuard:
    """Redirects a plugin's output while it is loaded in a thread of its own, and undoes the rest.

    Attributes:
        warnings: What was undone, and what the plugin's author should do instead.
    """

    def __init__(self, loader: threading.Thread) -> None:
        """Record the state of the process.

        Args:
            loader: The thread in which the plugin is loaded.
        """
        self.warnings: tuple[str, ...] = ()
        self._state = ProcessState()
        self._exits = ExitFunctions()
        self._threads = ThreadFamily(loader)
        self._redirected = RedirectedStdout(self._threads, sys.stdout)

    def begin(self) -> None:
        """Start to send what the plugin prints to stderr."""
        sys.stdout = cast("TextIO", self._redirected)

    def end(self, module: str, *, still_loading: bool) -> None:
        """Undo what the plugin did.

        Args:
            module: The plugin's module, for people.
            still_loading: Whether it was abandoned: what it prints later must not reach stdout.
        """
        changes = []
        redirected = cast("TextIO", self._redirected)
        if sys.stdout is not redirected:
            keep_alive(sys.stdout)
            changes.append("replaced sys.stdout, which was undone: leave it as it is")
        self._threads.end()
        self._exits.end(module)
        threads = self._threads.running()
        sys.stdout = redirected if threads or still_loading else self._redirected.stdout
        if printed := self._redirected.printed.strip():
            shown = printable(printed.splitlines()[0], _SHOWN_CHARACTERS)
            changes.append(f"printed {shown!r}, which went to stderr: print nothing when imported")
        if threads:
            changes.append(_threads_left(threads))
        changes += self._state.undo_changes(module)
        self.warnings = tuple(f"loading {module} {change}" for change in changes)


def _threads_left(threads: list[threading.Thread]) -> str:
    name = printable(threads[0].name, _SHOWN_CHARACTERS)
    more = f" and {len(threads) - 1} more" if len(threads) > 1 else ""
    return (
        f"started the thread {name!r}{more}, for which no command waits at its end: start it in"
        " the agent"
    )


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
