"""Which plugin is being loaded: known to the next start when this process dies meanwhile."""

import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from perdure.agents.plugins.records.files import lock

_FOLDER: Final = "loading"
_READ_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class InterruptedLoad:
    """A plugin that was being loaded when its process ended.

    Attributes:
        name: The distribution, or a plugin file's path.
        pid: The process.
    """

    name: str
    pid: str

    @property
    def message(self) -> str:
        """What happened, and what to do if it does again."""
        remedy = (
            f"correct {self.name}, or leave it out"
            if os.sep in self.name
            else f"perdure plugins disable {self.name} goes on without it"
        )
        return (
            f"process {self.pid} ended while it loaded the plugin {self.name}: if that happens"
            f" again, {remedy}"
        )


class LoadingMarker:
    """A file that names the plugin that this process is loading, and goes when it has loaded it.

    The process has it locked, which no other can take for its own death, however process ids are
    used again. Where the home cannot be written, there is none.
    """

    def __init__(self, home: Path) -> None:
        """Mark nothing yet.

        Args:
            home: The installation's home.
        """
        self._folder = home / "plugins" / _FOLDER
        self._path: Path | None = None
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()
        if self._descriptor is not None:
            with suppress(OSError):  # a plugin may have closed it
                os.close(self._descriptor)

    def begin(self, name: str) -> None:
        """Note that a plugin is being loaded from now on.

        Args:
            name: The distribution, or a plugin file's path.
        """
        with suppress(OSError):
            if self._path is None:
                self._path = self._create()
            self._append(name)

    def end(self) -> None:
        """Note that none is."""
        with suppress(OSError):
            self._append("")

    def _create(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{os.getpid()}-{uuid.uuid4().hex}"
        # Others see it only once it is locked.
        fresh = path.with_name(f".{path.name}")
        self._descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        lock(self._descriptor)
        return fresh.replace(path)

    def _append(self, name: str) -> None:
        if self._descriptor is not None and self._path is not None:
            os.write(self._descriptor, name.encode(errors="surrogateescape") + b"\n")


def take_interrupted_loads(home: Path) -> list[InterruptedLoad]:
    """Return what processes that have died were loading; each is returned to one process only.

    Args:
        home: The installation's home.
    """
    interrupted = []
    with suppress(OSError):
        for path in sorted((home / "plugins" / _FOLDER).iterdir()):
            with suppress(OSError):
                interrupted += [
                    InterruptedLoad(name, path.name.partition("-")[0]) for name in _take(path)
                ]
    return interrupted


def _take(path: Path) -> Iterator[str]:
    """Delete the marker of a process that has died; yield the plugin that it names, if any.

    Raises:
        OSError: It is gone, or cannot be deleted.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        if not lock(descriptor):
            return  # its process lives
        if path.stat().st_ino != os.fstat(descriptor).st_ino:
            return
        lines = os.pread(descriptor, _READ_BYTES, 0).decode(errors="surrogateescape").split("\n")
        path.unlink()
        # The last line is empty: every name, and every end, has a line break after it.
        if len(lines) > 1 and lines[-2] and not path.name.startswith("."):
            yield lines[-2]
    finally:
        os.close(descriptor)
