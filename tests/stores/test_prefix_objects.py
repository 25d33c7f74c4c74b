"""Objects below a prefix: read as they were listed, copied once, a few at a time."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.database.errors import InputRefused
from perdure.stores.objects.bucket import BucketStore
from perdure.stores.objects.object_store import digest_of
from perdure.stores.objects.prefix import PermittedPrefixes, Prefix
from perdure.stores.objects.prefix_objects import ObjectChanged, PrefixObjects, StoredObject
from perdure.temporal.batches.object_items import objects
from tests.support.object_storage import BUCKET, ObjectStorage

pytestmark = pytest.mark.asyncio(loop_scope="session")

INBOX = Prefix(f"s3://{BUCKET}", "inbox")


@pytest_asyncio.fixture(loop_scope="session")
async def stores(tmp_path: Path, object_storage: ObjectStorage) -> AsyncIterator[Stores]:
    settings = Settings(home=tmp_path / "home", upload_bytes=100, database_url="")
    async with open_stores(settings) as opened:
        yield opened


async def put(name: str, content: bytes) -> None:
    await BucketStore(INBOX.address).put(name, content, digest_of(content)[0])


async def listed() -> dict[str, StoredObject]:
    return {
        found.key.removeprefix("inbox/"): found
        async for page in PrefixObjects(INBOX).pages()
        for found in page
    }


async def content(found: StoredObject) -> bytes:
    return b"".join([chunk async for chunk in PrefixObjects(INBOX).read(found)])


async def test_an_object_is_read_as_it_was_when_it_was_listed(
    object_storage: ObjectStorage,
) -> None:
    odd = "häuser & höfe/a b%2F#1?.txt"
    for name in ("same.txt", "changed.txt", "deleted.txt", odd):
        await put(name, b"one")
    found = await listed()
    assert set(found) == {"same.txt", "changed.txt", "deleted.txt", odd}
    assert found[odd].address == f"s3://{BUCKET}/inbox/{odd}"
    await put("changed.txt", b"two")
    await BucketStore(INBOX.address).delete("deleted.txt")
    assert await content(found["same.txt"]) == b"one"
    assert await content(found[odd]) == b"one"
    for name in ("changed.txt", "deleted.txt"):
        with pytest.raises(ObjectChanged, match=f"{name} was changed while it was handed in"):
            await content(found[name])


async def test_what_cannot_be_handed_in_is_an_item_that_says_why(stores: Stores) -> None:
    await put("large.txt", b"x" * 101)
    await put("small.txt", b"x" * 100)
    await put("empty.txt", b"")
    items = {item.key: item async for item in objects(stores, [INBOX], "path")}
    large, small, empty = (
        items[f"s3://{BUCKET}/inbox/{name}.txt"] for name in ("large", "small", "empty")
    )
    assert "is larger than 100 bytes" in large.problem
    assert not small.problem
    assert not empty.problem
    path = str(small.content.parameters["path"])
    record = await stores.upload_records.get(path.removeprefix("upload:").partition("/")[0])
    assert record.digest == digest_of(b"x" * 100)[0]
    assert stores.uploads.find(path).read_bytes() == b"x" * 100


async def test_they_are_copied_as_they_are_asked_for_and_once(stores: Stores) -> None:
    names = [f"{number:03}.txt" for number in range(120)]
    for name in names:
        await put(name, name.encode())
    asked = objects(stores, [INBOX], "path")
    first = await anext(asked)
    assert len(await stores.upload_records.list(limit=500)) <= 50
    rest = [item async for item in asked]
    again = [item async for item in objects(stores, [INBOX], "path")]
    assert again == [first, *rest]
    assert len(again) == len(names)
    assert len(await stores.upload_records.list(limit=500)) == len(names)


async def test_two_who_hand_the_same_in_at_once_have_one_upload(stores: Stores) -> None:
    await put("one.txt", b"one")
    (found,) = (await listed()).values()
    uploads = []
    for _ in range(2):  # neither saw the other's record
        source = PrefixObjects(INBOX)
        upload = await stores.uploads.receive("one.txt", source.read(found), upload_id="0" * 32)
        await stores.upload_records.add(upload)
        uploads.append(upload)
    assert uploads[0] == uploads[1]
    assert len(await stores.upload_records.list()) == 1


async def test_an_address_is_the_key_itself() -> None:
    assert Prefix.parse("s3://bucket/a%20b/c/").path == "a%20b/c"
    assert Prefix.parse("gs://bucket").address == "gs://bucket/"
    assert Prefix.parse("az://container/a#b?c").path == "a#b?c"
    for wrong in (
        "s3://",
        "s3://b/../a",
        "s3://b/a/./c",
        "s3://b//a",
        "s3://b/a\0",
        "b/a",
        "S3://b",
    ):
        with pytest.raises(InputRefused, match="is no prefix of object storage"):
            Prefix.parse(wrong)


async def test_a_prefix_lies_below_whole_folders() -> None:
    permitted = PermittedPrefixes(["s3://bucket/in/{tenant}", "s3://open"])
    assert permitted.check("s3://bucket/in/acme/2026/", "acme").path == "in/acme/2026"
    assert permitted.check("s3://open/anything", "acme").bucket == "s3://open"
    for wrong in ("s3://bucket/in/acme2", "s3://bucket/in/other", "s3://bucket/in", "s3://opens/a"):
        with pytest.raises(InputRefused, match="lies below no prefix that batches may read here"):
            permitted.check(wrong, "acme")
    with pytest.raises(InputRefused, match="PERDURE_BATCH_PREFIXES: 'inbox' is no prefix"):
        PermittedPrefixes(["inbox"])
