"""Seals in a bucket with object lock, at an address that is away for a while, and in a file."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import text

from perdure.audit.keys import load_public_key
from perdure.audit.verification import verify
from perdure.models import DEFAULT_TENANT
from perdure.settings import Settings
from perdure.stores import Stores, StoreUnavailable, open_stores
from perdure.stores.audit.recording import add_fact
from perdure.stores.database.engine import Transaction
from perdure.stores.objects.bucket import BucketStore
from perdure.stores.objects.object_store import digest_of
from perdure.temporal.server.ports import free_port
from perdure.temporal.worker.sealing.anchors import AnchorAway, anchor_at
from perdure.temporal.worker.sealing.sealing_pass import SealingPass
from tests.support.audit_keys import write_keys
from tests.support.object_storage import BUCKET, ObjectStorage

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLACE: Final = f"s3://{BUCKET}/seals"
FIRST: Final = "seal-000000001.json"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings with a key."""
    return Settings(home=tmp_path / "home", audit_key=str(write_keys(tmp_path)[0]))


async def add(stores: Stores, count: int) -> None:
    def change(transaction: Transaction) -> None:
        for number in range(count):
            add_fact(transaction, "goal.start", f"goal-{number}", DEFAULT_TENANT, {})

    await stores.database.write(change)


async def seal(settings: Settings, stores: Stores, anchor: str) -> None:
    passing = SealingPass.of(
        settings.model_copy(update={"audit_anchor": anchor}), stores, "this one"
    )
    assert passing is not None
    await passing.run()


async def exported(stores: Stores) -> list[bytes]:
    return b"".join([part async for part in stores.trail.export()]).splitlines()


async def content(bucket: BucketStore, key: str) -> bytes:
    return b"".join([piece async for piece in bucket.read(key)])


async def forget_the_anchors(stores: Stores) -> None:
    """Have it as when a worker died before it took note that seals are anchored."""
    statement = text("UPDATE audit_seals SET anchored_at = NULL")
    await stores.database.write(lambda transaction: transaction.connection.execute(statement))


async def test_seals_in_a_locked_bucket_are_neither_replaced_nor_deleted(
    object_storage: ObjectStorage, settings: Settings, tmp_path: Path
) -> None:
    await object_storage.lock(days=1)
    async with open_stores(settings) as stores:
        for count in (2, 3):
            await add(stores, count)
            await seal(settings, stores, PLACE)
        bucket = BucketStore(PLACE)
        with pytest.raises(StoreUnavailable):
            await bucket.delete(FIRST)
        forged = b'{"seal":{}}\n'
        with pytest.raises(StoreUnavailable):
            await bucket.put(FIRST, forged, digest_of(forged)[0])
        anchored = [await content(bucket, f"seal-{number:09d}.json") for number in (1, 2)]
        assert [json.loads(line)["seal"]["number"] for line in anchored] == [1, 2]

        await forget_the_anchors(stores)
        await seal(settings, stores, PLACE)
        assert await stores.seals.to_anchor() == [], "it is there, and not written again"
        lines = await exported(stores)
    keys = [load_public_key(tmp_path / "audit-key.pub.pem")]
    assert verify(lines, keys, anchored=anchored).holds
    cut = verify(lines[:4], keys, anchored=anchored)
    assert [finding.place for finding in cut.findings] == ["seal 2"]


async def test_another_seal_in_its_place_is_told_and_not_taken_for_it(
    object_storage: ObjectStorage, settings: Settings
) -> None:
    bucket = BucketStore(PLACE)
    forged = b'{"seal":{}}\n'
    await bucket.put(FIRST, forged, digest_of(forged)[0])
    async with open_stores(settings) as stores:
        await add(stores, 1)
        await seal(settings, stores, PLACE)
        [(number, line)] = await stores.seals.to_anchor()
    anchor = anchor_at(PLACE)
    assert anchor is not None
    with pytest.raises(AnchorAway, match=f"{PLACE}/{FIRST} is another seal"):
        await anchor.put(number, line)
    assert await content(bucket, FIRST) == forged


async def test_a_bucket_that_is_away_gets_the_seals_later(
    object_storage: ObjectStorage, settings: Settings
) -> None:
    await object_storage.stop()
    async with open_stores(settings) as stores:
        for _ in range(2):
            await add(stores, 1)
            await seal(settings, stores, PLACE)
        assert [number for number, _ in await stores.seals.to_anchor()] == [1, 2]
        await object_storage.start()
        await seal(settings, stores, PLACE)
        assert await stores.seals.to_anchor() == []
    assert json.loads(await content(BucketStore(PLACE), FIRST))["seal"]["number"] == 1


class Witness(ThreadingHTTPServer):
    """Takes seals."""

    allow_reuse_address = True
    seals: list[bytes]


class _Requests(BaseHTTPRequestHandler):
    server: Witness

    def do_POST(self) -> None:
        self.server.seals.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def witness_at(port: int) -> Iterator[Witness]:
    with Witness(("127.0.0.1", port), _Requests) as server:
        server.seals = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


async def test_an_address_that_nobody_serves_gets_the_seals_in_order_once_somebody_does(
    settings: Settings, tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/seals"
    async with open_stores(settings) as stores:
        for count in (1, 2, 3):
            await add(stores, count)
            await seal(settings, stores, url)
        assert [number for number, _ in await stores.seals.to_anchor()] == [1, 2, 3]
        with witness_at(port) as witness:
            await seal(settings, stores, url)
            await add(stores, 1)
            await seal(settings, stores, url)
        lines = await exported(stores)
    assert [json.loads(line)["seal"]["number"] for line in witness.seals] == [1, 2, 3, 4]
    keys = [load_public_key(tmp_path / "audit-key.pub.pem")]
    assert verify(lines, keys, anchored=witness.seals).holds


async def test_a_file_that_cannot_be_written_gets_the_seals_once_it_can(
    settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "witness"
    anchor = f"file://{folder}/seals.jsonl"
    async with open_stores(settings) as stores:
        await add(stores, 1)
        await seal(settings, stores, anchor)
        assert len(await stores.seals.to_anchor()) == 1
        folder.mkdir()
        await seal(settings, stores, anchor)
        assert await stores.seals.to_anchor() == []
    lines = (folder / "seals.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["seal"]["number"] for line in lines] == [1]
