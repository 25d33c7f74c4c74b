"""A built-in plugin: every event as one line of JSON in a file, where ``PERDURE_EVENT_LOG`` says.

It is loaded like any other plugin, through the hook that it shows the use of.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from perdure.agents.hookspecs import hookimpl
from perdure.agents.hookspecs.spec import Observer
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.models import Event
from perdure.settings import Settings


@hookimpl
def register_observers() -> Iterable[Observer]:
    """Observe nothing unless a file is named.

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
    """Adds each event to a file, for ``tail -f``, ``jq``, or whoever collects logs.

    A line is written whole, so that several workers share one file, and the file is opened for
    each, so that it can be moved away at any time.
    """

    def __init__(self, path: Path) -> None:
        """Open the log.

        Args:
            path: The file; it and its folder are made when they are not there.

        Raises:
            OSError: It cannot be written.
        """
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write("")

    async def on_event(self, event: Event) -> None:
        """Add an event.

        Raises:
            OSError: The file cannot be written; the event is missing from it then.
        """
        await asyncio.to_thread(self._write, event.model_dump_json() + "\n")

    def _write(self, text: str) -> None:
        with self._path.open("ab", buffering=0) as file:
            file.write(text.encode())
