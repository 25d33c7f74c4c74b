"""Plugin files: a Python file that is loaded like a plugin, and reloaded when it changes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from perdure.agents.hookspecs.observer import Observer
from perdure.agents.plugins.distributions.candidate import Candidate
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.loading.file_imports import Stamp, import_file, read_stamp
from perdure.agents.plugins.loading.load_plugin import LoadedPlugin, load_plugin
from perdure.models import Event
from perdure.schemas.plugins import FILE_VERSION

# How often files are checked for changes.
POLL_SECONDS: Final = 0.2


class CurrentObservers:
    """Passes events to the observers of a plugin file, which change when it is reloaded.

    Attributes:
        observers: What the file registered when it was loaded last.
    """

    def __init__(self) -> None:
        self.observers: tuple[Observer, ...] = ()

    async def on_event(self, event: Event) -> None:
        """Pass an event to each; one that fails keeps it from no other.

        Raises:
            Exception: What the first that failed raised.
        """
        observers = self.observers
        outcomes = await asyncio.gather(
            *(observer.on_event(event) for observer in observers), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome


@dataclass(slots=True)
class PluginFile:
    """A plugin file of this process.

    Attributes:
        path: Where it is.
        stamp: Its stamp when it was checked last; ``None`` when it was not there.
        imported: The stamps of the files beside it that it imports, when they were read last;
            ``None`` for one that was not there.
        source: The last version that could be loaded; ``None`` when there is none.
        observers: Its observers.
    """

    path: Path
    stamp: Stamp | None = None
    imported: dict[Path, Stamp | None] = field(default_factory=dict)
    source: bytes | None = None
    observers: CurrentObservers = field(default_factory=CurrentObservers)

    def read_stamps(self) -> dict[Path, Stamp | None]:
        """Return the stamps that it and the files it imports have now."""
        return {path: read_stamp(path) for path in (self.path, *self.imported)}

    def stamps(self) -> dict[Path, Stamp | None]:
        """Return the stamps that they had when they were read last."""
        return {self.path: self.stamp, **self.imported}


def read_file(path: Path) -> bytes:
    """Return a plugin file's source.

    Raises:
        PluginError: It is not there, or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise PluginError(f"there is no file {path}") from None
    except OSError as error:
        raise PluginError(f"{path} cannot be read, {error.strerror}") from error


def file_candidate(path: Path) -> Candidate:
    """Return a plugin file as a plugin that may be loaded."""
    return Candidate(distribution=path.name, version=FILE_VERSION, module=path.name)


def load_file(
    path: Path,
    source: bytes,
    seconds: float,
    on_action: Callable[[str], None] = lambda _: None,
    imported: dict[Path, Stamp | None] | None = None,
) -> LoadedPlugin:
    """Load a plugin file, as a module that is new each time.

    What was created by an earlier version goes on with that version's module.

    Args:
        path: The file.
        source: Its source.
        seconds: How long its import may take.
        on_action: As for ``load_plugin``.
        imported: As for ``import_file``.

    Raises:
        PluginError: It failed in any way.
    """
    imported = {} if imported is None else imported
    return load_plugin(
        file_candidate(path),
        seconds,
        lambda: import_file(path, source, imported),
        on_action=on_action,
    )
