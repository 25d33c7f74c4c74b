"""The upload store: the files that callers of the API hand in for their goals."""

import asyncio
import copy
import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, Self

from pydantic import JsonValue

from perdure.models import DEFAULT_TENANT, Goal, Parameters
from perdure.models.uploads import UPLOAD_SCHEME, Upload
from perdure.stores.database.errors import (
    DigestMismatch,
    InputRefused,
    StoreUnavailable,
    UnknownUpload,
    UploadTooLarge,
)
from perdure.stores.objects.content_store import ContentStore
from perdure.stores.objects.synced_folder import sync_folder

_WRITE_BYTES: Final = 1024 * 1024
_MAX_NAME_BYTES: Final = 200
# After so long without a byte nobody sends a file any more: the process that took it was killed.
_ABANDONED_SECONDS: Final = 86_400.0
_PATH: Final = re.compile(re.escape(UPLOAD_SCHEME) + r"([0-9a-f]{32})(?:/([^/\0]+))?")


class UploadStore:
    """Files that were handed in, each in a folder of its own, under the name that it came with.

    Each tenant has a folder of its own. They lie beside the artifacts, since workers read them
    where they are: machines that share goals share the folder. A file is there whole or not at all.

    Where artifacts lie in a bucket, or are encrypted, uploads lie with them, by their digest, which
    their records have: the folder is then for what comes just now, and for what was handed in
    before.

    Attributes:
        in_bucket: Whether that is so.
    """

    def __init__(self, folder: Path, most_bytes: int, contents: ContentStore | None = None) -> None:
        """Bind it to a folder, which is made when it is needed.

        Args:
            folder: Its path.
            most_bytes: How large a file may be.
            contents: The store of contents; ``None`` when artifacts lie in a folder, as they are.
        """
        self._contents = contents
        self.in_bucket = contents is not None
        self._root = folder
        self._folder = folder / DEFAULT_TENANT
        # No tenant's name begins with a dot.
        self._incoming = folder / ".incoming"
        self._most_bytes = most_bytes

    def of_tenant(self, tenant: str) -> Self:
        """Return a view of the store with the uploads of a tenant alone."""
        view = copy.copy(self)
        view._folder = self._root / tenant  # noqa: SLF001 -- a copy of itself
        return view

    def check(self, name: str, size: int | None) -> None:
        """Check what is known of a file before its content comes.

        Raises:
            InputRefused: The name is none for a file.
            UploadTooLarge: It is larger than files may be.
        """
        problem = _name_problem(name)
        if problem:
            raise InputRefused(f"{name!r} {problem}: give the file's name alone, as in report.pdf")
        if size is not None and size > self._most_bytes:
            raise UploadTooLarge(name, self._most_bytes)

    async def receive(
        self,
        name: str,
        content: AsyncIterator[bytes],
        digest: str | None = None,
        *,
        upload_id: str | None = None,
    ) -> Upload:
        """Keep a file as it comes; nothing is left of one that does not come whole.

        Args:
            name: Its name.
            content: Its content.
            digest: The digest that it must have, ``sha256:`` and 64 hexadecimal digits.
            upload_id: Its id, where it is always the same content's; one that is there stays.

        Raises:
            InputRefused: The name is none for a file.
            DigestMismatch: What came is another content.
            UploadTooLarge: It is larger than files may be.
            StoreUnavailable: The disk is full or cannot be written, or the bucket does not answer.
        """
        self.check(name, None)
        upload_id = upload_id or uuid.uuid4().hex
        incoming = self._incoming / uuid.uuid4().hex
        try:
            await asyncio.to_thread(self._begin, incoming)
            with await asyncio.to_thread((incoming / name).open, "xb") as file:
                size, received = await self._write(name, content, file)
            if digest not in {None, received}:
                raise DigestMismatch(name)
            if self._contents is not None:
                await self._contents.put(incoming / name)
            else:
                await asyncio.to_thread(self._keep, incoming, upload_id)
        except OSError as error:
            raise StoreUnavailable(
                f"the file cannot be written under {self._incoming} ({error.strerror or error}):"
                " free some space or make the folder writable"
            ) from error
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
        path = f"{UPLOAD_SCHEME}{upload_id}/{name}"
        return Upload(path=path, id=upload_id, name=name, size=size, digest=received)

    def find(self, path: str) -> Path:
        """Return where the file lies that ``upload:{id}`` or ``upload:{id}/{name}`` stands for.

        Raises:
            UnknownUpload: No such file was handed in, it was removed, or it lies in a bucket.
        """
        match = _PATH.fullmatch(path)
        if match is not None:
            with suppress(OSError):
                for file in (self._folder / match[1]).iterdir():  # there is one
                    if match[2] in {None, file.name}:
                        return file
        raise UnknownUpload(path)

    async def remove(self, upload_id: str) -> None:
        """Remove a file; one in a bucket goes with its record.

        Raises:
            UnknownUpload: No such file was handed in, it was removed, or it lies in a bucket.
        """
        if not re.fullmatch("[0-9a-f]{32}", upload_id):
            raise UnknownUpload(upload_id)
        await asyncio.to_thread(self._remove, upload_id)

    @property
    def folder(self) -> Path:
        """The folder in which the file of ``upload:{id}/{name}`` lies at ``{id}/{name}``."""
        return self._folder

    def local_parameters(self, goal: Goal) -> Parameters:
        """Return a goal's parameters with the paths of uploads as paths on this machine.

        The path of one that was removed stays as it is: whoever opens it says that it is not there.
        """
        return {name: self._local(value) for name, value in goal.parameters.items()}

    def _local(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str) and value.startswith(UPLOAD_SCHEME):
            with suppress(UnknownUpload):
                return str(self.find(value))
        if isinstance(value, list):
            return [self._local(item) for item in value]
        if isinstance(value, dict):
            return {name: self._local(item) for name, item in value.items()}
        return value

    async def _write(
        self, name: str, content: AsyncIterator[bytes], file: BinaryIO
    ) -> tuple[int, str]:
        digest, size, held = hashlib.sha256(), 0, bytearray()
        async for chunk in content:
            size += len(chunk)
            if size > self._most_bytes:
                raise UploadTooLarge(name, self._most_bytes)
            digest.update(chunk)
            held += chunk
            if len(held) >= _WRITE_BYTES:
                await asyncio.to_thread(file.write, bytes(held))
                held.clear()
        file.write(held)
        await asyncio.to_thread(_sync, file)
        return size, f"sha256:{digest.hexdigest()}"

    def _begin(self, incoming: Path) -> None:
        self._remove_abandoned()
        incoming.mkdir(parents=True)

    def _keep(self, incoming: Path, upload_id: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            incoming.rename(self._folder / upload_id)
        except OSError:
            if not (self._folder / upload_id).is_dir():  # handed in twice at once
                raise
        sync_folder(self._folder)

    def _remove(self, upload_id: str) -> None:
        # Away at once, whatever becomes of this process while it deletes.
        doomed = self._incoming / uuid.uuid4().hex
        self._incoming.mkdir(parents=True, exist_ok=True)
        try:
            (self._folder / upload_id).rename(doomed)
        except FileNotFoundError:
            raise UnknownUpload(upload_id) from None
        shutil.rmtree(doomed, ignore_errors=True)

    def _remove_abandoned(self) -> None:
        oldest = time.time() - _ABANDONED_SECONDS
        with suppress(OSError):
            for folder in self._incoming.iterdir():
                if all(path.stat().st_mtime < oldest for path in (folder, *folder.iterdir())):
                    shutil.rmtree(folder, ignore_errors=True)


def upload_ids(parameters: Parameters) -> set[str]:
    """Return the ids of the uploads that parameters name, at whatever depth."""
    matches = map(_PATH.fullmatch, texts_of(list(parameters.values())))
    return {match[1] for match in matches if match}


def texts_of(value: JsonValue) -> Iterator[str]:
    """Yield every text of a value, at whatever depth; not the names of fields."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts_of(item)


def _name_problem(name: str) -> str:
    if not name.strip() or name in {".", ".."}:
        return "is no name of a file"
    if any(character in "/\\" or not character.isprintable() for character in name):
        return "is no name of a file, it has a slash or a character that cannot be printed"
    if len(name.encode(errors="replace")) > _MAX_NAME_BYTES:
        return f"is longer than {_MAX_NAME_BYTES} bytes"
    return ""


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
