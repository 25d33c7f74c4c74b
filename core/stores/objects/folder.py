"""Objects in a folder, which all machines share that share goals."""

import asyncio
import hashlib
import io
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO, Final

from perdure.stores.database.errors import StoreUnavailable
from perdure.stores.objects.object_store import CHUNK_BYTES, ContentChanged, ObjectMissing
from perdure.stores.objects.synced_folder import sync_folder

_WRITE_BYTES: Final = 1024 * 1024


class FolderStore:
    """Objects as files; see :class:`.ObjectStore`."""

    def __init__(self, folder: Path) -> None:
        """Bind it to a folder, which is made when it is needed."""
        self.folder = folder
        self.where = str(folder)

    async def put(self, key: str, content: bytes | Path, digest: str) -> None:
        """Copy a content to a file of the folder, which gets its name once it is on the disk."""
        await asyncio.to_thread(self._put, key, content, digest)

    async def exists(self, key: str) -> bool:
        """Return whether the file is there."""
        return await asyncio.to_thread((self.folder / key).is_file)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes of a file."""
        try:
            file = await asyncio.to_thread((self.folder / key).open, "rb")
        except FileNotFoundError:
            raise ObjectMissing(key) from None
        except OSError as error:
            raise self._unavailable("read", error) from error
        try:
            await asyncio.to_thread(file.seek, start)
            left = end - start if end is not None else None
            while left is None or left > 0:
                size = CHUNK_BYTES if left is None else min(CHUNK_BYTES, left)
                chunk = await asyncio.to_thread(file.read, size)
                if not chunk:
                    break
                if left is not None:
                    left -= len(chunk)
                yield chunk
        except OSError as error:
            raise self._unavailable("read", error) from error
        finally:
            file.close()

    async def delete(self, key: str) -> None:
        """Delete a file."""
        try:
            await asyncio.to_thread((self.folder / key).unlink, missing_ok=True)
        except OSError as error:
            raise self._unavailable("deleted", error) from error

    def path(self, key: str) -> Path | None:
        """Return the path of a file."""
        return self.folder / key

    async def signed_url(self, key: str, seconds: int) -> str | None:  # noqa: ARG002 -- it has none
        """Return ``None``: a file has no address."""
        return None

    def _put(self, key: str, content: bytes | Path, digest: str) -> None:
        # Opened outside the try, so that a missing file does not count as a full disk.
        with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as source:
            try:
                self._keep(key, source, digest)
            except OSError as error:
                raise self._unavailable("written", error) from error

    def _keep(self, key: str, source: BinaryIO, digest: str) -> None:
        incoming = self.folder / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        temporary = incoming / uuid.uuid4().hex
        try:
            with temporary.open("xb") as target:
                if _copy(source, target) != digest:
                    raise ContentChanged(getattr(source, "name", "the content"))
                target.flush()
                os.fsync(target.fileno())
            path = self.folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)

    def _unavailable(self, done: str, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(
            f"an artifact cannot be {done} under {self.folder} ({error.strerror or error}): free"
            " some space or make the folder writable"
        )


def _copy(source: BinaryIO, target: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := source.read(_WRITE_BYTES):
        digest.update(chunk)
        target.write(chunk)
    return f"sha256:{digest.hexdigest()}"
