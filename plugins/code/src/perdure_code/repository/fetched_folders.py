"""Folders for repositories that were fetched, each with the same place in each execution of a goal.

Who uses one has a shared lock on a file in it. Whoever was killed has it no longer, and the next
goal on the machine removes the folder, but not before some time has gone by: the same goal may
begin again there, and goes on with what it has fetched.
"""

import contextlib
import os
import re
import secrets
import stat
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from perdure.agents import PermanentError
from perdure_code.repository.temporary_folders import remove_folder

if sys.platform != "win32":
    import fcntl

_PREFIX: Final = "perdure-code-"
_NAME: Final = re.compile(rf"{_PREFIX}[0-9a-f]{{16}}")
_LOCK: Final = ".perdure-lock"
_KEPT_SECONDS: Final = 3600.0


def fetched_path(digest: str) -> Path:
    """Return where a repository is fetched to.

    Args:
        digest: Sixteen hexadecimal digits that no other goal has.
    """
    return Path(tempfile.gettempdir(), f"{_PREFIX}{digest}")


class FetchedFolder:
    """A folder that nobody but this process's user may enter, in use until it is closed.

    Attributes:
        path: Its path.
    """

    def __init__(self, path: Path) -> None:
        """Make it, unless it is there, and use it.

        Raises:
            PermanentError: It is another user's.
        """
        self.path = path
        self._lock: int | None = None
        if sys.platform == "win32":
            claim(path)
            return
        while self._lock is None:
            claim(path)
            try:
                lock = _open_lock(path, os.O_CREAT)
            except FileNotFoundError:  # somebody has removed the folder meanwhile
                continue
            fcntl.flock(lock, fcntl.LOCK_SH)
            if _is_at(path, lock):
                self._lock = lock
                os.utime(lock)
            else:
                os.close(lock)

    def close(self) -> None:
        """Remove it with all that is in it, unless another execution uses it."""
        if self._lock is None:
            remove_folder(self.path)
            return
        _remove_unused(self.path, self._lock)
        self._lock = None


def claim(folder: Path) -> None:
    """Make a folder that only this user may enter, unless it is there.

    Raises:
        PermanentError: It is another user's.
    """
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermanentError(
            f"{folder} is another user's, so the repository cannot be put there: remove it"
        )


def remove_abandoned_folders() -> None:
    """Remove what executions that were killed have left, an hour after they began to use it."""
    if sys.platform == "win32":
        return
    oldest = time.time() - _KEPT_SECONDS
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if not _NAME.fullmatch(folder.name):
            continue
        with contextlib.suppress(OSError):  # another user's, or removed by another process
            _remove_if_abandoned(folder, oldest)


def _remove_if_abandoned(folder: Path, oldest: float) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return
    try:
        lock = _open_lock(folder)
    except FileNotFoundError:  # who made it was killed before it was locked
        if found.st_mtime < oldest:
            remove_folder(folder)
        return
    if os.fstat(lock).st_mtime < oldest:
        _remove_unused(folder, lock)
    else:
        os.close(lock)


def _remove_unused(folder: Path, lock: int) -> None:
    """Remove a folder if nobody else uses it, and close its lock."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pass
    else:
        if _is_at(folder, lock):
            # Away first, so that whoever is to use the place finds none, and not half of one.
            removed = fetched_path(secrets.token_hex(8))
            folder.rename(removed)
            remove_folder(removed)
    finally:
        os.close(lock)


def _open_lock(folder: Path, flags: int = 0) -> int:
    return os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | flags, 0o600)


def _is_at(folder: Path, lock: int) -> bool:
    """Whether an open lock is the one of a folder by now."""
    try:
        return os.path.samestat(os.fstat(lock), (folder / _LOCK).lstat())
    except OSError:
        return False
