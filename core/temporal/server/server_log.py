"""The log file of the embedded server."""

import re
from pathlib import Path
from typing import IO, Final

from perdure.temporal.server.processes import last_lines

_MAX_BYTES: Final = 10_000_000
_READ_BYTES: Final = 65_536
_ERROR: Final = re.compile(r"^(Error:|panic:|fatal error:)|level=(ERROR|FATAL)", re.IGNORECASE)


class ServerLog:
    """The log that a server writes, from its start on.

    Attributes:
        path: The file; an earlier server's log stays in it, and in ``….1`` once it is large.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._start = 0

    def open(self) -> IO[bytes]:
        """Open the file for a server that is about to start.

        Raises:
            OSError: It cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and self.path.stat().st_size > _MAX_BYTES:
            self.path.replace(self.path.with_name(f"{self.path.name}.1"))
        file = self.path.open("ab")
        self._start = file.tell()
        return file

    def last_error(self) -> str:
        """Return the last error that this server logged, else the last lines it wrote."""
        lines = self._lines()
        errors = [line for line in lines if _ERROR.search(line)]
        return last_lines(errors[-1:] or lines) or "it said nothing"

    def contains(self, words: str) -> bool:
        """Return whether this server has logged some words lately."""
        return any(words in line for line in self._lines())

    def _lines(self) -> list[str]:
        with self.path.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(self._start, end - _READ_BYTES))
            return file.read().decode(errors="replace").splitlines()
