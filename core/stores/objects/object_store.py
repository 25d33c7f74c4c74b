"""What a place for objects must do, be it a folder or a bucket."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from perdure.stores.database.errors import StoreUnavailable

CHUNK_BYTES = 256 * 1024


class ObjectMissing(LookupError):
    """There is no object of that key."""


class ContentChanged(StoreUnavailable):
    """A file was written to while it was stored; nothing was kept, and it can be stored again."""

    def __init__(self, source: object) -> None:
        super().__init__(f"{source} was written to while it was stored: store it when it is whole")


class ObjectStore(Protocol):
    """A place for objects, each by its key: a relative path such as ``sha256/ab/abcd…``.

    Each method raises :class:`.StoreUnavailable` when the place does not answer, is full or refuses
    access; the message holds no credentials.

    Attributes:
        where: The place, for people.
    """

    where: str

    async def put(self, key: str, content: bytes | Path, digest: str) -> None:
        """Store an object whole or not at all, in place of one that is there.

        Args:
            key: Its key.
            content: Its content, or the file that has it; it is read piece by piece.
            digest: The content's digest, as ``sha256:…``.

        Raises:
            ContentChanged: The file has another content by now.
            OSError: The file cannot be read.
        """

    async def exists(self, key: str) -> bool:
        """Return whether an object is there."""

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield an object's bytes from ``start`` up to ``end``, or all that follow.

        Raises:
            ObjectMissing: It is not there.
        """

    async def delete(self, key: str) -> None:
        """Delete an object, if it is there."""

    def path(self, key: str) -> Path | None:
        """Return the path of an object on this machine; ``None`` where objects have none."""

    async def signed_url(self, key: str, seconds: int) -> str | None:
        """Return an address at which anybody may read an object for so long.

        ``None`` where there is no such address, or no credentials to sign one with.
        """


def digest_of(content: bytes | Path) -> tuple[str, int]:
    """Return the digest of a content, and its size in bytes; blocks while it reads.

    Raises:
        OSError: The file cannot be read.
    """
    if isinstance(content, bytes):
        return f"sha256:{hashlib.sha256(content).hexdigest()}", len(content)
    with content.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return f"sha256:{digest}", file.tell()
