"""The lock that keeps two servers off one database."""

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self


class StateInUse(Exception):
    """Another server holds the lock; the message names it."""


class StateLock:
    """A lock on a server's state for as long as the server or the process that started it lives.

    The server inherits the open file, and the lock belongs to that: one that outlived its process
    still keeps others off. The file names the holder.

    Attributes:
        descriptor: The open file, for the server to inherit.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock; the file and its folder are made where they are missing.

        Raises:
            StateInUse: Somebody holds it.
            OSError: The file cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._write({"pid": os.getpid()})
        except BlockingIOError as error:
            holder = _read(path)
            os.close(self.descriptor)
            raise StateInUse(holder) from error
        except BaseException:
            os.close(self.descriptor)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self.descriptor)

    def publish(self, address: str, server_pid: int) -> None:
        """Write where the server answers, for processes that find the lock taken."""
        self._write({"pid": os.getpid(), "server_pid": server_pid, "address": address})

    def _write(self, holder: dict[str, str | int]) -> None:
        text = json.dumps(holder).encode()
        os.pwrite(self.descriptor, text, 0)
        os.ftruncate(self.descriptor, len(text))


def _read(path: Path) -> str:
    """Describe who holds a lock."""
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        pid, server_pid = holder["pid"], holder.get("server_pid")
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return "another development server"
    where = f" at {holder['address']}" if "address" in holder else ", which is starting"
    return f"the development server{where} (process {pid if _runs(pid) else server_pid})"


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
