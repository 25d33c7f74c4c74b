"""A worker's copies of uploads that lie on another machine, in a folder with a limit."""

import fcntl
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from perdure.models.uploads import UploadRecord

_INCOMING: Final = "incoming"
_LOCK_SUFFIX: Final = ".lock"
_CHUNK_BYTES: Final = 1024 * 1024
# After so long nobody fetches a file any more: its process was killed.
_ABANDONED_SECONDS: Final = 86_400.0


class DamagedUpload(Exception):
    """What was fetched is not the file that was handed in."""

    def __init__(self, record: UploadRecord) -> None:
        super().__init__(
            f"{record.path} came damaged: its content is not the one that was handed in; see what"
            " lies between this worker and PERDURE_API_URL"
        )


class UploadCache:
    """Copies of uploads, each at ``{id}/{name}``: the same path for every goal and execution.

    What a goal uses is locked as long as its execution lasts, by whichever process of this machine;
    of the rest those that were not used for longest are deleted when there are too many.

    Attributes:
        folder: Where they lie.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """Bind it to a folder, which is made when it is needed.

        Args:
            folder: Its path.
            most_bytes: How many bytes it may hold beside what is in use.
        """
        self.folder = folder
        self._most_bytes = most_bytes

    @contextmanager
    def in_use(self, upload_id: str) -> Iterator[None]:
        """Keep an upload's copy, or the one to come, from being deleted while the block runs."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = self._lock(upload_id)
        while True:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(handle, fcntl.LOCK_SH)
            with suppress(OSError):
                # One that was deleted before it was locked locks nothing.
                if os.fstat(handle).st_ino == lock.stat().st_ino:
                    break
            os.close(handle)
        try:
            os.utime(lock)
            yield
        finally:
            os.close(handle)

    def find(self, record: UploadRecord) -> Path | None:
        """Return the copy of an upload; ``None`` when there is none. It must be in use."""
        path = self.folder / record.id / record.name
        return path if path.is_file() else None

    @contextmanager
    def incoming(self) -> Iterator[Path]:
        """Yield a path for a copy that comes; what is left there is deleted after the block."""
        folder = self.folder / _INCOMING
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / uuid.uuid4().hex
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def keep(self, record: UploadRecord, incoming: Path) -> Path:
        """Make what has come the copy of an upload, which must be in use; return its path.

        Raises:
            DamagedUpload: It is another content.
            OSError: The disk is full or cannot be written.
        """
        with incoming.open("rb") as file:
            digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        if digest != record.digest:
            raise DamagedUpload(record)
        # The time of hand-in: agents compare it, also after another machine has taken a goal over.
        stored = record.stored_at.timestamp()
        os.utime(incoming, (stored, stored))
        incoming.chmod(0o400)
        path = self.folder / record.id / record.name
        path.parent.mkdir(exist_ok=True)
        incoming.replace(path)
        return path

    def make_room(self) -> None:
        """Delete the copies that were not used for longest, if there are too many."""
        self._remove_abandoned()
        used: list[tuple[float, int, Path]] = []
        for lock in self.folder.glob(f"*{_LOCK_SUFFIX}"):
            with suppress(OSError):
                files = list(lock.with_suffix("").iterdir())
                used.append(
                    (lock.stat().st_mtime, sum(file.stat().st_size for file in files), lock)
                )
        total = sum(size for _, size, _ in used)
        for _, size, lock in sorted(used):
            if total <= self._most_bytes:
                break
            if self._delete(lock):
                total -= size

    def _delete(self, lock: Path) -> bool:
        with suppress(OSError), lock.open("r+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.with_suffix(""))
            lock.unlink()
            return True
        return False

    def _remove_abandoned(self) -> None:
        oldest = time.time() - _ABANDONED_SECONDS
        with suppress(OSError):
            for path in (self.folder / _INCOMING).iterdir():
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def _lock(self, upload_id: str) -> Path:
        return self.folder / f"{upload_id}{_LOCK_SUFFIX}"
