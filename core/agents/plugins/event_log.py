"""A built-in plugin that writes events to the file ``PERDURE_EVENT_LOG``, one line of JSON each.

It is loaded like any other plugin, and shows how the hook for observers is used.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from perdure.agents.hookspecs import hookimpl
from perdure.agents.hookspecs.observer import Observer
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.models import Event
from perdure.settings import Settings


@hookimpl
def register_observers() -> Iterable[Observer]:
    """Return the event log, when a file is named.

    Raises:
        PluginError: The file cannot be written.
    """
    path = Settings().event_log
    if path is None:
        return []
    try:
        return [EventLog(path)]
    except OSError as error:
        raise PluginError(
            f"the event log {path} cannot be written ({error.strerror}): set PERDURE_EVENT_LOG to"
            " a file that can"
        ) from error


class EventLog:
    """Appends each event to a file, for ``tail -f``, ``jq``, or whatever collects logs.

    A line is written in one call, so that several workers can share one file, and the file is
    opened for each, so that it can be moved away at any time.
    """

    def __init__(self, path: Path) -> None:
        """Open the log.

        Args:
            path: The file; it and its folder are created when they are not there.

        Raises:
            OSError: It cannot be written.
        """
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write("")

    async def on_event(self, event: Event) -> None:
        """Append an event.

        Raises:
            OSError: The file cannot be written; it lacks the event then.
        """
        await asyncio.to_thread(self._write, event.model_dump_json() + "\n")

    def _write(self, text: str) -> None:
        with self._path.open("ab", buffering=0) as file:
            file.write(text.encode())
