"""Plugin files: one Python file that is loaded like a plugin, and anew when it changes."""

import asyncio
import importlib.util
import itertools
import re
import sys
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

from perdure.agents.hookspecs.spec import Observer
from perdure.agents.plugins.discovery import GROUP, Candidate
from perdure.agents.plugins.hooks.errors import PluginError
from perdure.agents.plugins.loading import Loaded, load
from perdure.models import Event

VERSION: Final = "file"
# How often a change is looked for.
LOOK_SECONDS: Final = 0.2

Stamp = tuple[int, int]
"""When a file was changed last, in nanoseconds, and its size in bytes."""

_numbers: Final = itertools.count(1)


class CurrentObservers:
    """The observers of a plugin file, as it stands: an observer itself.

    Attributes:
        observers: Those that the file registered when it was loaded last.
    """

    def __init__(self) -> None:
        self.observers: tuple[Observer, ...] = ()

    async def on_event(self, event: Event) -> None:
        """Hand an event to each, so that none keeps it from another.

        Raises:
            Exception: What the first that failed has raised.
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
        stamp: What it looked like when it was looked at last; ``None`` when it was not there.
        source: The last version that could be loaded; ``None`` when there is none.
        observers: What it observes with.
    """

    path: Path
    stamp: Stamp | None = None
    source: bytes | None = None
    observers: CurrentObservers = field(default_factory=CurrentObservers)


def stamp_of(path: Path) -> Stamp | None:
    """Return by what a change of a file is noticed; ``None`` when it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size)


def read_file(path: Path) -> bytes:
    """Return what a plugin file holds.

    Raises:
        PluginError: It is not there, or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise PluginError(f"there is no file {path}") from None
    except OSError as error:
        raise PluginError(f"{path} cannot be read, {error.strerror}") from error


def load_file(path: Path, source: bytes, seconds: float) -> Loaded:
    """Load a plugin file, whatever was loaded of it before.

    What is made of the code of an earlier time goes on with it: each time is a module of its own.

    Args:
        path: The file.
        source: What it holds.
        seconds: How long its import may take.

    Raises:
        PluginError: It failed in any way.
    """
    candidate = Candidate(
        distribution=path.name,
        version=VERSION,
        module=path.name,
        entry_point=EntryPoint(name=path.stem, value=path.stem, group=GROUP),
    )
    return load(candidate, seconds, lambda: _module_of(path, source))


def _module_of(path: Path, source: bytes) -> ModuleType:
    stem = re.sub(r"\W", "_", path.stem)
    name = f"perdure_file_{stem}_{next(_numbers)}"
    loader = _Source(name, str(path), source)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    # It stays there: dataclasses and type hints look their module up, an agent's at any time.
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


class _Source(SourceFileLoader):
    """Compiles what it is given.

    The compiled file that Python keeps counts as fresh for an edit within the same second.
    """

    def __init__(self, name: str, path: str, source: bytes) -> None:
        super().__init__(name, path)
        self._source = source

    def get_data(self, path: str) -> bytes:  # noqa: ARG002 -- the loader's protocol
        return self._source

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 -- likewise
        code: CodeType = self.source_to_code(self._source, self.path)
        return code
