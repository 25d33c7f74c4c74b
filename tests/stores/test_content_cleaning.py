"""Contents that nothing refers to are deleted; what is in use, or was a moment ago, is not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from perdure.models import GoalStatus
from perdure.settings import Settings
from perdure.stores import Stores, StoreUnavailable, UnknownArtifact, open_stores
from perdure.stores.database.engine import Transaction
from perdure.stores.database.fencing import Claim
from perdure.stores.objects.cleaning import delete_unused_contents
from perdure.stores.objects.content_records import ContentBeingDeleted, contents
from tests.support.object_storage import ObjectStorage

NONE = timedelta(0)
HOUR = timedelta(hours=1)

StartExecution = Callable[..., Awaitable[Claim]]


async def end(stores: Stores, workflow_id: str) -> None:
    await stores.results.store(workflow_id, GoalStatus.COMPLETED, None, 1.0)


async def made_long_ago(stores: Stores) -> None:
    """Have all contents on record be two hours old."""
    old = update(contents).values(used_at=datetime.now(UTC) - 2 * HOUR)
    await stores.database.write(lambda transaction: transaction.connection.execute(old))


async def on_record(stores: Stores) -> set[str]:
    query = select(contents.c.digest)
    return set(await stores.database.read(lambda connection: connection.scalars(query).all()))


async def test_a_content_goes_after_the_last_run_that_made_it(
    stores: Stores,
    claim: Claim,
    create_run: Callable[..., Awaitable[None]],
    start_execution: StartExecution,
) -> None:
    await create_run("other")
    other = await start_execution("other")
    own = await stores.artifacts.writer(claim).write("own", b"own", "text/plain")
    shared = await stores.artifacts.writer(claim).write("shared", b"shared", "text/plain")
    await stores.artifacts.writer(other).write("same", b"shared", "text/plain")

    assert await delete_unused_contents(stores.contents, NONE) == 0
    await end(stores, claim.workflow_id)
    await stores.deletion.delete(claim.workflow_id)
    assert await delete_unused_contents(stores.contents) == 0  # within a day
    assert await stores.contents.read(own.digest) == b"own"

    assert await delete_unused_contents(stores.contents, NONE) == 1
    with pytest.raises(UnknownArtifact):
        await stores.contents.read(own.digest)
    assert await stores.contents.read(shared.digest) == b"shared"
    assert await on_record(stores) == {shared.digest}

    await end(stores, "other")
    await stores.deletion.delete("other")
    assert await delete_unused_contents(stores.contents, NONE) == 1
    assert await on_record(stores) == set()


async def test_what_is_replaced_goes_too(stores: Stores, claim: Claim) -> None:
    writer = stores.artifacts.writer(claim)
    first = await writer.write("report.md", b"one", "text/plain")
    second = await writer.write("report.md", b"two", "text/plain")
    assert await delete_unused_contents(stores.contents, NONE) == 1
    assert await on_record(stores) == {second.digest}
    with pytest.raises(UnknownArtifact):
        await stores.contents.find(first.digest)
    await writer.write("report.md", b"one", "text/plain")
    assert await stores.contents.read(first.digest) == b"one"


async def test_what_is_just_being_stored_is_not_lost(stores: Stores, claim: Claim) -> None:
    digest, _ = await stores.contents.put(b"x")
    await made_long_ago(stores)
    # Stored again, as by another run: what was old is not any more.
    await stores.contents.put(b"x")
    assert await delete_unused_contents(stores.contents, HOUR) == 0
    artifact = await stores.artifacts.writer(claim).write("x", b"x", "text/plain")
    assert artifact.digest == digest
    await made_long_ago(stores)
    assert await delete_unused_contents(stores.contents, HOUR) == 0
    # One that is in use is not looked at again within the grace period.
    _, taken, more = await stores.contents.records.take_unused(HOUR, 10)
    assert (taken, more) == ([], False)


async def test_nobody_stores_what_is_being_deleted(
    stores: Stores, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, _ = await stores.contents.put(b"x")
    since, taken, _ = await stores.contents.records.take_unused(NONE, 10)
    assert taken == [digest]
    with pytest.raises(ContentBeingDeleted, match="store it again"):
        await stores.contents.put(b"x")
    # A run waits for it and does not fail.
    writing = asyncio.create_task(stores.artifacts.writer(claim).write("x", b"x", "text/plain"))
    await asyncio.sleep(0)
    await stores.contents.delete(digest)
    await stores.contents.records.forget(taken, since)
    await writing
    assert await stores.contents.read(digest) == b"x"


async def test_a_worker_that_was_killed_while_it_deleted(stores: Stores) -> None:
    digest, _ = await stores.contents.put(b"x")
    old, _ = await stores.contents.put(b"old")
    await stores.contents.records.take_unused(NONE, 10)

    def long_ago(transaction: Transaction) -> None:
        since = datetime.now(UTC) - timedelta(minutes=1)
        transaction.connection.execute(update(contents).values(deleting_at=since))

    assert await delete_unused_contents(stores.contents, NONE) == 0  # it may be at it still
    await stores.database.write(long_ago)
    await stores.contents.put(b"x")
    assert await delete_unused_contents(stores.contents, HOUR) == 0
    assert await stores.contents.read(digest) == b"x"
    assert await delete_unused_contents(stores.contents, NONE) == 2
    assert await on_record(stores) == set()
    assert old != digest


async def test_several_that_clean_up_at_once_and_writers_between(
    stores: Stores, claim: Claim
) -> None:
    """What a run has stored is there, however the two meet."""
    writer = stores.artifacts.writer(claim)

    async def write(number: int) -> None:
        for _ in range(3):
            await writer.write(f"{number}.txt", f"{number % 5}".encode(), "text/plain")

    async def clean() -> None:
        while not done.is_set():
            # A grace period as short as this is for those who write nothing.
            await delete_unused_contents(stores.contents, timedelta(seconds=60))
            await asyncio.sleep(0)

    done = asyncio.Event()
    cleaning = [asyncio.create_task(clean()) for _ in range(3)]
    await asyncio.gather(*map(write, range(20)))
    done.set()
    await asyncio.gather(*cleaning)
    for artifact in await stores.artifacts.of(claim.workflow_id):
        await stores.contents.read(artifact.digest)


async def test_many_are_deleted_in_batches(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.stores.objects.cleaning._BATCH", 7)
    for number in range(20):
        await stores.contents.put(f"{number}".encode())
    assert await delete_unused_contents(stores.contents, NONE) == 20
    assert await on_record(stores) == set()


async def test_a_place_that_is_away_is_tried_again(
    stores: Stores, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, _ = await stores.contents.put(b"x")

    async def fail(key: str) -> None:
        raise StoreUnavailable(f"no {key}")

    with monkeypatch.context() as patched:
        patched.setattr(stores.contents, "delete", fail)
        with pytest.raises(StoreUnavailable, match=f"no {digest}"):
            await delete_unused_contents(stores.contents, NONE)
    assert await on_record(stores) == {digest}

    def long_ago(transaction: Transaction) -> None:
        since = datetime.now(UTC) - timedelta(minutes=1)
        transaction.connection.execute(update(contents).values(deleting_at=since))

    await stores.database.write(long_ago)
    assert await delete_unused_contents(stores.contents, NONE) == 1


async def test_an_upload_in_a_bucket_goes_with_its_record(
    settings: Settings, object_storage: ObjectStorage
) -> None:
    in_bucket = settings.model_copy(update={"artifacts_url": object_storage.url})

    async def content() -> AsyncIterator[bytes]:
        yield b"handed in"

    async with open_stores(in_bucket) as stores:
        upload = await stores.uploads.receive("one.txt", content())
        await stores.upload_records.add(upload)
        assert await delete_unused_contents(stores.contents, NONE) == 0
        await stores.upload_records.remove(upload.id)
        assert await delete_unused_contents(stores.contents, NONE) == 1
        assert object_storage.objects() == []
