"""Sealed objects: whole and in order or not at all; read in parts; found by no digest."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from perdure.encryption.cipher import Cipher
from perdure.encryption.loading import load_cipher
from perdure.stores.database.errors import AlteredArtifact, StoreUnavailable
from perdure.stores.objects.address import open_objects
from perdure.stores.objects.folder import FolderStore
from perdure.stores.objects.object_store import (
    CHUNK_BYTES,
    ContentChanged,
    ObjectMissing,
    ObjectStore,
    digest_of,
)
from perdure.stores.objects.sealed_objects import SealedObjects
from tests.support.encryption import write_keys
from tests.support.object_storage import ObjectStorage

SECRET: Final = b"s" * 32
KEY: Final = "sha256/ab/abcd"
SIZES: Final = (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES, 1_400_000)


@pytest.fixture
def cipher(tmp_path: Path) -> Cipher:
    found = load_cipher(write_keys(tmp_path / "keys", "first"))
    assert found is not None
    return found


@pytest.fixture
def folder(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "objects")


def sealed_file(folder: FolderStore) -> Path:
    (file,) = (path for path in folder.folder.rglob("*") if path.is_file())
    return file


async def read(objects: ObjectStore, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in objects.read(KEY, start, end)])


async def check(objects: ObjectStore, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    source = tmp_path / "source"
    source.write_bytes(content)
    for given in (content, source):
        await objects.put(KEY, given, digest_of(content)[0])
        assert await objects.exists(KEY)
        assert await read(objects) == content
        for start, end in ((0, 1), (1, CHUNK_BYTES), (CHUNK_BYTES - 1, CHUNK_BYTES + 1), (7, size)):
            if start < min(end, size):
                assert await read(objects, start, end) == content[start:end], (start, end)
        if size:
            assert await read(objects, size - 1) == content[-1:]
            assert await read(objects, size - 1, size) == content[-1:]
        assert await objects.signed_url(KEY, 60) is None
        assert objects.path(KEY) is None


@pytest.mark.parametrize("size", SIZES)
async def test_a_content_comes_back_whole_and_in_parts(
    folder: FolderStore, cipher: Cipher, tmp_path: Path, size: int
) -> None:
    objects = SealedObjects(folder, cipher, SECRET)
    await check(objects, tmp_path, size)
    assert "abcd" not in str(sealed_file(folder))
    await objects.delete(KEY)
    assert not await objects.exists(KEY)
    with pytest.raises(ObjectMissing):
        await read(objects)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("size", [0, CHUNK_BYTES, 9_000_000])
async def test_a_content_comes_back_from_a_bucket(
    object_storage: ObjectStorage, cipher: Cipher, tmp_path: Path, size: int
) -> None:
    objects = SealedObjects(open_objects(object_storage.url, tmp_path), cipher, SECRET)
    await check(objects, tmp_path, size)


async def test_what_was_stored_before_there_were_keys_is_read_as_it_is(
    folder: FolderStore, cipher: Cipher
) -> None:
    content = b"plain" * CHUNK_BYTES
    await folder.put(KEY, content, digest_of(content)[0])
    objects = SealedObjects(folder, cipher, SECRET)
    assert await objects.exists(KEY)
    assert await read(objects) == content
    assert await read(objects, 5, 15) == content[5:15]
    await objects.delete(KEY)
    assert not await folder.exists(KEY)


def cut_off(content: bytes, piece: int) -> bytes:
    return content[:-piece]


def cut_within(content: bytes, piece: int) -> bytes:
    return content[:-1]


def exchanged(content: bytes, piece: int) -> bytes:
    header = len(content) % piece
    first, second = content[header : header + piece], content[header + piece : header + 2 * piece]
    return content[:header] + second + first + content[header + 2 * piece :]


def left_out(content: bytes, piece: int) -> bytes:
    header = len(content) % piece
    return content[:header] + content[header + piece :]


def changed(content: bytes, piece: int) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def nothing_left(content: bytes, piece: int) -> bytes:
    return content[: len(content) % piece]


def no_header(content: bytes, piece: int) -> bytes:
    return content[10:]


@pytest.mark.parametrize(
    "alter", [cut_off, cut_within, exchanged, left_out, changed, nothing_left, no_header]
)
async def test_an_object_that_was_altered_is_an_error(
    folder: FolderStore, cipher: Cipher, alter: Callable[[bytes, int], bytes]
) -> None:
    content = os.urandom(3 * CHUNK_BYTES)
    objects = SealedObjects(folder, cipher, SECRET)
    await objects.put(KEY, content, digest_of(content)[0])
    file = sealed_file(folder)
    sealed = file.read_bytes()
    file.write_bytes(alter(sealed, CHUNK_BYTES + len(cipher.seal(b"", b""))))
    with pytest.raises(AlteredArtifact, match="has another content by now"):
        await read(objects)
    # What the end of the whole is known by, a part of it is too.
    if alter is cut_off:
        with pytest.raises(AlteredArtifact):
            await read(objects, CHUNK_BYTES, 2 * CHUNK_BYTES)


async def test_an_object_put_in_the_place_of_another_is_an_error(
    folder: FolderStore, cipher: Cipher
) -> None:
    objects = SealedObjects(folder, cipher, SECRET)
    await objects.put("sha256/cd/cdef", b"other", digest_of(b"other")[0])
    other = sealed_file(folder).read_bytes()
    await objects.delete("sha256/cd/cdef")
    await objects.put(KEY, b"mine", digest_of(b"mine")[0])
    sealed_file(folder).write_bytes(other)
    with pytest.raises(AlteredArtifact):
        await read(objects)


async def test_without_its_key_an_object_is_not_gone(
    folder: FolderStore, cipher: Cipher, tmp_path: Path
) -> None:
    await SealedObjects(folder, cipher, SECRET).put(KEY, b"x", digest_of(b"x")[0])
    other = load_cipher(write_keys(tmp_path / "others", "second"))
    assert other is not None
    with pytest.raises(StoreUnavailable, match="'first', which is not among"):
        await read(SealedObjects(folder, other, SECRET))


async def test_a_file_that_is_written_to_is_not_stored(
    folder: FolderStore, cipher: Cipher, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"after")
    objects = SealedObjects(folder, cipher, SECRET)
    with pytest.raises(ContentChanged):
        await objects.put(KEY, source, digest_of(b"before")[0])
    assert not await objects.exists(KEY)
    with pytest.raises(FileNotFoundError):
        await objects.put(KEY, tmp_path / "none", digest_of(b"")[0])
