"""Objects that are sealed, in whatever place they lie: in pieces, so that none is whole in memory.

A sealed object is a line that says how many bytes a piece takes, and the pieces. Each is bound to
the object's key, to its number and to whether it is the last one: a piece that was changed,
exchanged with another or left out does not open, nor does an object that was cut off.

An object's name in the place is a keyed hash of its key: its key is its content's digest, by which
others could tell whether a file that they know is there.
"""

import asyncio
import hashlib
import hmac
import io
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from perdure.encryption.cipher import KEY_ID_BYTES, Cipher, Tampered, key_id_in
from perdure.encryption.keyring import KeyMissing
from perdure.stores.database.errors import AlteredArtifact, StoreUnavailable
from perdure.stores.objects.object_store import (
    CHUNK_BYTES,
    ContentChanged,
    ObjectMissing,
    ObjectStore,
    digest_of,
)

_HEADER: Final = b"perdure sealed object 1, bytes of a piece: %08d\n"
_HEADER_BYTES: Final = len(_HEADER % 0)
# More is sealed into a file before it is stored.
_MEMORY_BYTES: Final = 1024 * 1024


class SealedObjects:
    """Objects of another place, sealed; see :class:`.ObjectStore`.

    Those that were stored before there were keys are read as they are.
    """

    def __init__(self, objects: ObjectStore, cipher: Cipher, secret: bytes) -> None:
        """Bind it to a place.

        Args:
            objects: The place.
            cipher: What seals the objects.
            secret: What their names are made with.
        """
        self._objects = objects
        self._cipher = cipher
        self._secret = secret
        self.where = objects.where

    async def put(self, key: str, content: bytes | Path, digest: str) -> None:
        """Seal a content and store it; a large one by way of a file, which holds what is sealed."""
        if isinstance(content, bytes) and len(content) <= _MEMORY_BYTES:
            sealed = b"".join(self._sealed(key, io.BytesIO(content), digest))
            await self._objects.put(self._name(key), sealed, digest_of(sealed)[0])
            return
        with tempfile.TemporaryDirectory(prefix="perdure-") as folder:
            file = Path(folder) / "sealed"
            sealed_digest = await asyncio.to_thread(self._seal_to, file, key, content, digest)
            await self._objects.put(self._name(key), file, sealed_digest)

    async def exists(self, key: str) -> bool:
        """Return whether the object is there, sealed or as it is."""
        return await self._objects.exists(self._name(key)) or await self._objects.exists(key)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes of an object, each piece once it is known to be what was stored."""
        if end is not None and end <= start:
            return
        try:
            piece_bytes = await self._piece_bytes(key)
        except ObjectMissing:
            async for chunk in self._objects.read(key, start, end):
                yield chunk
            return
        first = start // CHUNK_BYTES
        # One byte more than the pieces that are asked for, so that it is known which is the last.
        until = None
        if end is not None:
            until = _HEADER_BYTES + ((end - 1) // CHUNK_BYTES + 1) * piece_bytes + 1
        position = _HEADER_BYTES + first * piece_bytes
        held, number = b"", first
        async for chunk in self._objects.read(self._name(key), position, until):
            held += chunk
            while len(held) > piece_bytes:
                piece = self._open(key, number, held[:piece_bytes], is_last=False)
                yield _cut(piece, number, start, end)
                held, number = held[piece_bytes:], number + 1
        if end is None or number <= (end - 1) // CHUNK_BYTES:
            piece = self._open(key, number, held, is_last=True)
            yield _cut(piece, number, start, end)

    async def delete(self, key: str) -> None:
        """Delete an object, sealed or not."""
        await self._objects.delete(self._name(key))
        await self._objects.delete(key)

    def path(self, key: str) -> Path | None:  # noqa: ARG002 -- it has none
        """Return ``None``: no file has the content itself."""
        return None

    async def signed_url(self, key: str, seconds: int) -> str | None:  # noqa: ARG002
        """Return ``None``: whoever would read it there has no key."""
        return None

    async def key_of(self, key: str) -> str | None:
        """Return the id of the key that sealed an object; ``None`` for one that is not sealed.

        Raises:
            ObjectMissing: It is not there.
            AlteredArtifact: Nothing that is sealed begins so.
        """
        beginning = b""
        try:
            # Its first piece tells: all were sealed by one process.
            async for chunk in self._objects.read(self._name(key), 0, _HEADER_BYTES + KEY_ID_BYTES):
                beginning += chunk
        except ObjectMissing:
            if await self._objects.exists(key):
                return None
            raise
        try:
            return key_id_in(beginning[_HEADER_BYTES:])
        except Tampered as error:
            raise AlteredArtifact(key, self.where) from error

    async def reseal(self, key: str, digest: str) -> None:
        """Seal an object anew with the key that encrypts now; until then it is what it was.

        Args:
            key: Its key.
            digest: The digest of its content.

        Raises:
            ObjectMissing: It is not there.
            AlteredArtifact: It does not open, or has another content.
        """
        with tempfile.TemporaryDirectory(prefix="perdure-") as folder:
            file = Path(folder) / "sealed"
            sealed = hashlib.sha256()
            try:
                with file.open("xb") as target:
                    async for piece in self._resealed(key, digest):
                        sealed.update(piece)
                        await asyncio.to_thread(target.write, piece)
            except OSError as error:
                raise _no_room(file, error) from error
            await self._objects.put(self._name(key), file, f"sha256:{sealed.hexdigest()}")

    def _name(self, key: str) -> str:
        name = hmac.new(self._secret, key.encode(), hashlib.sha256).hexdigest()
        return f"sealed/{name[:2]}/{name}"

    async def _piece_bytes(self, key: str) -> int:
        header = b""
        async for chunk in self._objects.read(self._name(key), 0, _HEADER_BYTES):
            header += chunk
        try:
            size = int(header.rpartition(b" ")[2])
        except ValueError:
            size = 0
        if size <= CHUNK_BYTES or header != _HEADER % size:
            raise AlteredArtifact(key, self.where)
        return size

    def _open(self, key: str, number: int, piece: bytes, *, is_last: bool) -> bytes:
        try:
            return self._cipher.open(piece, _context(key, number, is_last=is_last))
        except KeyMissing as error:
            raise StoreUnavailable(str(error)) from error
        except Tampered as error:
            raise AlteredArtifact(key, self.where) from error

    def _sealed(self, key: str, source: BinaryIO, digest: str) -> Iterator[bytes]:
        """Yield the header and the sealed pieces of what a file has.

        Raises:
            ContentChanged: What it has is not of that digest.
        """
        pieces = _Pieces(self._cipher, key)
        yield pieces.header()
        while chunk := source.read(CHUNK_BYTES):
            yield pieces.add(chunk)
        if pieces.digest() != digest:
            raise ContentChanged(getattr(source, "name", "the content"))
        yield pieces.last()

    async def _resealed(self, key: str, digest: str) -> AsyncIterator[bytes]:
        """Yield the header and the pieces of an object; the last if all of it has the digest."""
        pieces = _Pieces(self._cipher, key)
        yield pieces.header()
        async for chunk in self.read(key):
            yield pieces.add(chunk)
        if pieces.digest() != digest:
            raise AlteredArtifact(key, self.where)
        yield pieces.last()

    def _seal_to(self, file: Path, key: str, content: bytes | Path, digest: str) -> str:
        """Seal a content into a file and return the file's digest."""
        sealed = hashlib.sha256()
        # Opened outside the try, so that a missing file does not count as a full disk.
        with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as source:
            try:
                with file.open("xb") as target:
                    for piece in self._sealed(key, source, digest):
                        sealed.update(piece)
                        target.write(piece)
            except OSError as error:
                raise _no_room(file, error) from error
        return f"sha256:{sealed.hexdigest()}"


class _Pieces:
    """Seals a content piece by piece, each a piece late: of the last it must be known that it is.

    Args:
        cipher: What seals.
        key: The object's.
    """

    def __init__(self, cipher: Cipher, key: str) -> None:
        self._cipher = cipher
        self._key = key
        self._hashed = hashlib.sha256()
        self._held: bytes | None = None
        self._number = 0

    def header(self) -> bytes:
        """Return what the sealed object begins with."""
        return _HEADER % (CHUNK_BYTES + len(self._cipher.seal(b"", b"")))

    def add(self, chunk: bytes) -> bytes:
        """Take the next piece, and return the sealed one before it: nothing for the first."""
        self._hashed.update(chunk)
        before, self._held = self._held, chunk
        return b"" if before is None else self._sealed(before, is_last=False)

    def digest(self) -> str:
        """Return the digest of what was taken."""
        return f"sha256:{self._hashed.hexdigest()}"

    def last(self) -> bytes:
        """Return the last piece, sealed; that of an empty content is empty."""
        return self._sealed(self._held or b"", is_last=True)

    def _sealed(self, piece: bytes, *, is_last: bool) -> bytes:
        context = _context(self._key, self._number, is_last=is_last)
        self._number += 1
        return self._cipher.seal(piece, context)


def _no_room(file: Path, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(
        f"an artifact cannot be encrypted in {file.parent.parent} ({error.strerror or error}): free"
        " some space there, or set TMPDIR"
    )


def _context(key: str, number: int, *, is_last: bool) -> bytes:
    return f"object {key} piece {number}{' last' if is_last else ''}".encode()


def _cut(piece: bytes, number: int, start: int, end: int | None) -> bytes:
    """Return of a piece what lies between two places of the content."""
    offset = number * CHUNK_BYTES
    return piece[max(start - offset, 0) : None if end is None else max(end - offset, 0)]
