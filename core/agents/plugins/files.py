"""Plugin files: a Python file that is loaded like a plugin, and reloaded when it changes."""

import asyncio
import importlib.util
import itertools
import re
import sys
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

from perdure.agents.hookspecs.observer import Observer
from perdure.agents.plugins.discovery import Candidate
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.loading import LoadedPlugin, load_plugin
from perdure.models import Event

FILE_VERSION: Final = "file"
# How often files are checked for changes.
POLL_SECONDS: Final = 0.2

Stamp = tuple[int, int]
"""When a file was modified last, in nanoseconds, and its size in bytes."""

_module_numbers: Final = itertools.count(1)


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
        source: The last version that could be loaded; ``None`` when there is none.
        observers: Its observers.
    """

    path: Path
    stamp: Stamp | None = None
    source: bytes | None = None
    observers: CurrentObservers = field(default_factory=CurrentObservers)


def read_stamp(path: Path) -> Stamp | None:
    """Return a file's stamp, which changes with the file; ``None`` when it is not there."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_size)


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


def load_file(path: Path, source: bytes, seconds: float) -> LoadedPlugin:
    """Load a plugin file, as a module that is new each time.

    What was created by an earlier version goes on with that version's module.

    Args:
        path: The file.
        source: Its source.
        seconds: How long its import may take.

    Raises:
        PluginError: It failed in any way.
    """
    candidate = Candidate(
        distribution=path.name,
        version=FILE_VERSION,
        module=path.name,
    )
    return load_plugin(candidate, seconds, lambda: _import_source(path, source))


def _import_source(path: Path, source: bytes) -> ModuleType:
    stem = re.sub(r"\W", "_", path.stem)
    name = f"perdure_file_{stem}_{next(_module_numbers)}"
    loader = _SourceLoader(name, str(path), source)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    # It stays there: dataclasses and type hints look their module up, at any time.
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


class _SourceLoader(SourceFileLoader):
    """Compiles the source that it was created with.

    Python's cached bytecode would count as fresh after an edit within the same second.
    """

    def __init__(self, name: str, path: str, source: bytes) -> None:
        super().__init__(name, path)
        self._source = source

    def get_data(self, path: str) -> bytes:  # noqa: ARG002 -- the loader's protocol
        return self._source

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 -- likewise
        code: CodeType = self.source_to_code(self._source, self.path)
        return code
