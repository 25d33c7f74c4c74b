"""Temporary folders that do not outlive their process for long, however that ends.

Each holds a file that its process has locked. The lock of a process that was killed is gone, and
whoever makes the next folder removes what that one has left.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

if sys.platform != "win32":
    import fcntl

_PREFIX: Final = "perdure-code-work-"
_LOCK: Final = "lock"


class TemporaryFolder:
    """A folder that nobody but this process's user may enter.

    Attributes:
        path: Its path, without links.
    """

    def __init__(self) -> None:
        """Make it, and remove what processes that were killed have left."""
        _remove_leftovers()
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        self._lock: int | None = None
        if sys.platform != "win32":
            made = self.path / "new-lock"
            self._lock = os.open(made, os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            # It has this name as soon as it is locked, and not before.
            made.rename(self.path / _LOCK)

    def remove(self) -> None:
        """Remove it, with all that is in it."""
        remove_folder(self.path)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def remove_folder(folder: Path) -> None:
    """Remove a folder, and what programs may have made read-only or very deep in it."""
    with contextlib.suppress(RecursionError):
        for inner, _, _ in os.walk(folder):
            if not os.access(inner, os.W_OK | os.X_OK):
                with contextlib.suppress(OSError):
                    Path(inner).chmod(0o700)
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        # It goes down by descriptors: no path is too long for it.
        subprocess.run(["rm", "-rf", "--", str(folder)], check=False, capture_output=True)


def _remove_leftovers() -> None:
    if sys.platform == "win32":
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:  # another user's, or not locked yet
            continue
        try:
            if folder.lstat().st_uid == os.geteuid():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove_folder(folder)
        except OSError:  # its process works in it
            continue
        finally:
            os.close(lock)
