"""The content store: contents by their digest, each checked against it when it is read."""

import asyncio
import hashlib
import os
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from perdure.stores.database.errors import AlteredArtifact, StoreUnavailable, UnknownArtifact
from perdure.stores.objects.content_records import ContentRecords
from perdure.stores.objects.object_store import ObjectMissing, ObjectStore, digest_of
from perdure.stores.objects.probe import Probe
from perdure.stores.objects.sealed_objects import SealedObjects

SIGNED_SECONDS: Final = 300


class ContentStore:
    """Contents, of which equal ones are stored once.

    A digest comes from a record: nothing here looks whose it is.

    Attributes:
        where: Where they lie, for people.
        records: Which contents are stored.
        probe: Whether they can be written and read now.
    """

    def __init__(self, objects: ObjectStore, records: ContentRecords) -> None:
        self._objects = objects
        self.records = records
        self.where = objects.where
        self.probe = Probe(objects)

    async def put(self, content: bytes | Path) -> tuple[str, int]:
        """Store a content, read piece by piece, and return its digest and its size in bytes.

        Raises:
            StoreUnavailable: It cannot be stored; nothing is left half-written.
            OSError: The file given cannot be read.
        """
        digest, size = await asyncio.to_thread(digest_of, content)
        await self.records.use(digest, size)
        await self._objects.put(_key(digest), content, digest)
        return digest, size

    async def find(self, digest: str) -> None:
        """Check that a content is stored, before any of it is sent.

        Raises:
            UnknownArtifact: It is not.
            StoreUnavailable: The place does not answer.
        """
        if not await self._objects.exists(_key(digest)):
            raise self._unknown(digest)

    async def chunks(self, digest: str) -> AsyncIterator[bytes]:
        """Yield a content piece by piece; its end only if all of it has the digest.

        Raises:
            UnknownArtifact: It is not stored here.
            AlteredArtifact: What is stored is another content.
            StoreUnavailable: The place does not answer.
        """
        hashed, held = hashlib.sha256(), b""
        try:
            async for chunk in self._objects.read(_key(digest)):
                hashed.update(chunk)
                if held:
                    yield held
                held = chunk
        except ObjectMissing:
            raise self._unknown(digest) from None
        if f"sha256:{hashed.hexdigest()}" != digest:
            raise AlteredArtifact(digest, self.where)
        yield held

    async def part(self, digest: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes of a content from ``start`` up to ``end``, which no digest is known of.

        Raises:
            UnknownArtifact: It is not stored here.
            StoreUnavailable: The place does not answer.
        """
        try:
            async for chunk in self._objects.read(_key(digest), start, end):
                yield chunk
        except ObjectMissing:
            raise self._unknown(digest) from None

    async def read(self, digest: str) -> bytes:
        """Return a whole content; see :meth:`chunks` for the errors."""
        return b"".join([chunk async for chunk in self.chunks(digest)])

    async def save(self, digest: str, target: Path) -> None:
        """Write a content to a file, which gets its name once it is whole and checked.

        Raises:
            UnknownArtifact: It is not stored here.
            AlteredArtifact: What is stored is another content.
            StoreUnavailable: The place does not answer.
            OSError: The file cannot be written.
        """
        # Not made of the target's name, which may be as long as a name can be.
        temporary = target.with_name(f".{os.getpid()}.{uuid.uuid4().hex[:8]}.unfinished")
        file = await asyncio.to_thread(temporary.open, "xb")
        try:
            with file:
                async for chunk in self.chunks(digest):
                    await asyncio.to_thread(file.write, chunk)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    @asynccontextmanager
    async def local(self, digest: str, beginning: int | None = None) -> AsyncIterator[Path]:
        """Yield the path of a file with a content, to read while the block runs.

        Args:
            digest: The content's digest.
            beginning: How many bytes are needed, when it need not be all of them: then a larger
                content is not checked.

        Raises:
            UnknownArtifact: It is not stored here.
            AlteredArtifact: What is stored is another content.
            StoreUnavailable: The place does not answer.
        """
        path = self._objects.path(_key(digest))
        if path is not None:
            await self._check_file(digest, path, beginning)
            yield path
            return
        with tempfile.TemporaryDirectory(prefix="perdure-") as folder:
            copy = Path(folder) / "content"
            if beginning is None:
                await self.save(digest, copy)
            else:
                with copy.open("xb") as file:
                    async for chunk in self.part(digest, 0, beginning):
                        await asyncio.to_thread(file.write, chunk)
                await self._check_file(digest, copy, beginning)
            yield copy

    async def key_of(self, digest: str) -> str | None:
        """Return the id of the key that sealed a content; ``None`` for one that is not sealed.

        Raises:
            UnknownArtifact: It is not stored here.
            AlteredArtifact: What is stored is nothing that a key has sealed.
            StoreUnavailable: The place does not answer.
        """
        if not isinstance(self._objects, SealedObjects):
            return None
        try:
            return await self._objects.key_of(_key(digest))
        except ObjectMissing:
            raise self._unknown(digest) from None

    async def reseal(self, digest: str, size: int) -> None:
        """Seal a content anew with the key that encrypts now.

        Args:
            digest: The content's digest.
            size: Its size in bytes.

        Raises:
            UnknownArtifact: It is not stored here.
            AlteredArtifact: It does not open, or is another content.
            StoreUnavailable: The place does not answer, or its key is not there.
        """
        assert isinstance(self._objects, SealedObjects)
        # Nobody deletes it between that it is read and that it is stored.
        await self.records.use(digest, size)
        try:
            await self._objects.reseal(_key(digest), digest)
        except ObjectMissing:
            raise self._unknown(digest) from None

    async def delete(self, digest: str) -> None:
        """Delete a content that nothing refers to, if it is there.

        Raises:
            StoreUnavailable: The place does not answer.
        """
        await self._objects.delete(_key(digest))

    def path(self, digest: str) -> Path | None:
        """Return where a content lies on this machine; ``None`` where it has no path.

        Raises:
            UnknownArtifact: It is not stored here.
        """
        path = self._objects.path(_key(digest))
        if path is not None and not path.is_file():
            raise self._unknown(digest)
        return path

    async def signed_url(self, digest: str) -> str | None:
        """Return an address at which a content can be read for five minutes, by whoever has it.

        It is of type ``application/octet-stream`` there and to be saved, never shown. ``None``
        where there is no such address.
        """
        return await self._objects.signed_url(_key(digest), SIGNED_SECONDS)

    async def _check_file(self, digest: str, path: Path, beginning: int | None) -> None:
        try:
            size = (await asyncio.to_thread(path.stat)).st_size
            if beginning is not None and size >= beginning:
                return
            found, _ = await asyncio.to_thread(digest_of, path)
        except FileNotFoundError:
            raise self._unknown(digest) from None
        except OSError as error:
            raise StoreUnavailable(
                f"artifact {digest} cannot be read under {self.where} ({error.strerror or error}):"
                " make it readable"
            ) from error
        if found != digest:
            raise AlteredArtifact(digest, self.where)

    def _unknown(self, digest: str) -> UnknownArtifact:
        return UnknownArtifact(
            f"no artifact {digest} lies under {self.where}: see that PERDURE_HOME and"
            " PERDURE_ARTIFACTS_URL are the worker's"
        )


async def streamed(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Return an iterator of the same chunks, of which the first is there.

    Before a response begins: what is wrong from the start is an error then, with a status.
    """
    first = await anext(chunks, b"")

    async def all_chunks() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    return all_chunks()


def _key(digest: str) -> str:
    algorithm, _, digits = digest.partition(":")
    return f"{algorithm}/{digits[:2]}/{digits}"
