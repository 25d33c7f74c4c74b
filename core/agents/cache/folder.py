"""A folder of files by key, of which those that were not used for longest are deleted."""

import functools
import hashlib
import os
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

UNFINISHED: Final = "unfinished"
# After so long nobody works on an unfinished file any more: its process was killed.
_UNFINISHED_SECONDS: Final = 86_400.0
# The folder is looked through when a part of what it may hold was added since the last time.
_ADDED_PART: Final = 16
# So much is left when files are deleted, so that not each new one deletes another.
_KEPT_PART: Final = 0.9


class CacheFolder:
    """Files by key, in a folder that several processes use at once.

    A file's name holds the SHA-256 of its content, which is compared whenever it is used: one that
    is damaged is deleted and made again. Whatever goes wrong with the folder, such as a full disk,
    costs the work of making a file, and nothing else.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """Bind it to a folder, which is made when it is needed.

        Args:
            folder: Its path.
            most_bytes: How many bytes it may hold; a file that is larger is not kept.
        """
        self.path: Final = folder
        self._most_bytes = most_bytes
        self._added_bytes: int | None = None  # since the folder was last looked through
        self._lock = threading.Lock()

    def read(self, key: str) -> bytes | None:
        """Return what is kept under a key; ``None`` when there is nothing."""
        for file in self._files_of(key):
            with suppress(OSError):
                content = file.read_bytes()
                if hashlib.sha256(content).hexdigest() == _digest_in(file):
                    os.utime(file)
                    return content
                file.unlink()
        return None

    def write(self, key: str, content: bytes) -> None:
        """Keep a content under a key, if it is not too large."""
        if len(content) > self._most_bytes:
            return
        with suppress(OSError), self.unfinished() as file:
            file.write_bytes(content)
            self._keep(key, file, hashlib.sha256(content).hexdigest())

    @contextmanager
    def file(self, key: str, make: Callable[[Path], object]) -> Iterator[Path]:
        """Yield a file that is kept under a key, as long as the block runs; read it only.

        Args:
            key: The key.
            make: Writes the file to the path that it is given, if it is not there.
        """
        with self.unfinished() as file:
            if not self.link(key, file):
                make(file)
                self.keep(key, file)
            yield file

    def link(self, key: str, file: Path) -> bool:
        """Put what is kept under a key at a path of its own, which outlives its deletion.

        Args:
            key: The key.
            file: A path that :meth:`unfinished` gave.

        Returns:
            Whether there is anything, undamaged.
        """
        for kept in self._files_of(key):
            with suppress(OSError):
                _link_or_copy(kept, file)
                if _digest_of(file) == _digest_in(kept):
                    os.utime(kept)
                    return True
                kept.unlink()
            file.unlink(missing_ok=True)
        return False

    def keep(self, key: str, file: Path) -> None:
        """Keep a file under a key, if it is not too large."""
        with suppress(OSError):
            if file.stat().st_size <= self._most_bytes:
                self._keep(key, file, _digest_of(file))

    @contextmanager
    def unfinished(self) -> Iterator[Path]:
        """Yield a path for a file of one's own; what is left there is deleted after the block."""
        folder = self.path / UNFINISHED
        with suppress(OSError):
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.mkdir(exist_ok=True)
        if not os.access(folder, os.W_OK):  # nothing is kept, and all goes on
            with tempfile.TemporaryDirectory() as elsewhere:
                yield Path(elsewhere) / uuid.uuid4().hex
            return
        file = folder / uuid.uuid4().hex
        try:
            yield file
        finally:
            with suppress(OSError):
                file.unlink(missing_ok=True)

    def _files_of(self, key: str) -> list[Path]:
        with suppress(OSError):
            return sorted(self._shard(key).glob(f"{key}-*"))
        return []

    def _shard(self, key: str) -> Path:
        return self.path / key[:2]

    def _keep(self, key: str, file: Path, digest: str) -> None:
        kept = self._shard(key) / f"{key}-{digest}"
        kept.parent.mkdir(exist_ok=True)
        with self.unfinished() as linked:
            _link_or_copy(file, linked)
            linked.chmod(0o400)
            size = linked.stat().st_size
            linked.replace(kept)
        self._make_room(size)

    def _make_room(self, size: int) -> None:
        """Delete the files that were not used for longest, if there are too many."""
        with self._lock:
            added = self._added_bytes
            self._added_bytes = None if added is None else added + size
            if added is not None and added + size <= self._most_bytes // _ADDED_PART:
                return
            self._added_bytes = 0
        files = sorted(self._looked_through())
        total = sum(each for _, each, _ in files)
        if total <= self._most_bytes * (1 - 1 / _ADDED_PART):
            return
        for _, freed, file in files:
            if total <= self._most_bytes * _KEPT_PART:
                break
            with suppress(OSError):
                file.unlink()
            total -= freed

    def _looked_through(self) -> Iterator[tuple[float, int, Path]]:
        """Yield when each file was last used, its bytes and its path; delete forgotten ones."""
        oldest = time.time() - _UNFINISHED_SECONDS
        for file in self.path.glob("*/*"):
            with suppress(OSError):
                status = file.stat()
                if file.parent.name != UNFINISHED:
                    yield status.st_mtime, status.st_size, file
                elif status.st_mtime < oldest:
                    file.unlink()


@functools.cache
def cache_folder(path: Path, most_bytes: int) -> CacheFolder:
    """Return the folder at a path, one for the whole process: it counts what is added to it."""
    return CacheFolder(path, most_bytes)


def _digest_in(file: Path) -> str:
    return file.name.rpartition("-")[2]


def _digest_of(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
