"""A worker's sealing: one at a time, anchored outside, and again when that is away."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from perdure.audit.keys import AuditKeyUnreadable, load_public_key, load_signing_key
from perdure.audit.verification import verify
from perdure.encryption.secret_source import SecretUnreadable
from perdure.models import DEFAULT_TENANT
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.audit import seal_store
from perdure.stores.audit.recording import add_fact
from perdure.stores.database.engine import Transaction
from perdure.temporal.worker.sealing.anchors import AnchorUnusable
from perdure.temporal.worker.sealing.sealing_pass import LEASE, LEASE_TIME, SealingPass
from tests.support.audit_keys import write_keys

pytestmark = pytest.mark.asyncio


class Witness(ThreadingHTTPServer):
    """Takes seals, or refuses them."""

    seals: list[bytes]
    status = 204


class _Requests(BaseHTTPRequestHandler):
    server: Witness

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.status < 300:
            self.server.seals.append(body)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def witness() -> Iterator[Witness]:
    """Run a server that takes seals."""
    with Witness(("127.0.0.1", 0), _Requests) as server:
        server.seals = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings with a key."""
    return Settings(home=tmp_path / "home", audit_key=str(write_keys(tmp_path)[0]))


async def add(stores: Stores, count: int) -> None:
    def change(transaction: Transaction) -> None:
        for number in range(count):
            add_fact(transaction, "goal.start", f"goal-{number}", DEFAULT_TENANT, {})

    await stores.database.write(change)


def sealing(settings: Settings, stores: Stores, **more: object) -> SealingPass:
    made = SealingPass.of(settings.model_copy(update=more), stores, "this one")
    assert made is not None
    return made


async def test_without_a_key_nothing_seals(settings: Settings) -> None:
    async with open_stores(settings) as stores:
        keyless = settings.model_copy(update={"audit_key": ""})
        assert SealingPass.of(keyless, stores, "x") is None


async def test_all_is_sealed_whatever_it_is_and_one_worker_does_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal_store, "MAX_FACTS", 4)
    async with open_stores(settings) as stores:
        await add(stores, 9)
        assert await stores.leases.take(LEASE, "another", LEASE_TIME)
        assert await sealing(settings, stores).run() == 0
        await stores.leases.release(LEASE, "another")
        assert await sealing(settings, stores).run() == 9
        assert await stores.seals.count() == 3


async def test_seals_are_added_to_a_file_and_the_export_has_them(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "seals.jsonl"
    async with open_stores(settings) as stores:
        passing = sealing(settings, stores, audit_anchor=f"file://{file}")
        for count in (2, 3):
            await add(stores, count)
            await passing.run()
        await passing.run()
        lines = b"".join([part async for part in stores.trail.export()]).splitlines()
    anchored = file.read_bytes().splitlines()
    assert [json.loads(line)["seal"]["number"] for line in anchored] == [1, 2]
    keys = [load_public_key(tmp_path / "audit-key.pub.pem")]
    assert verify(lines, keys, anchored=anchored).holds
    cut = verify(lines[:4], keys, anchored=anchored)
    assert [finding.place for finding in cut.findings] == ["seal 2"]


async def test_what_could_not_be_anchored_is_anchored_later_in_order(
    settings: Settings, witness: Witness
) -> None:
    async with open_stores(settings) as stores:
        url = f"http://127.0.0.1:{witness.server_port}/seals"
        passing = sealing(settings, stores, audit_anchor=url)
        witness.status = 503
        for _ in range(3):
            await add(stores, 1)
            assert await passing.run() == 1
        assert witness.seals == []
        witness.status = 204
        await passing.run()
        numbers = [json.loads(seal)["seal"]["number"] for seal in witness.seals]
        assert numbers == [1, 2, 3]
        await passing.run()
        assert len(witness.seals) == 3
        away = sealing(settings, stores, audit_anchor="http://127.0.0.1:1/seals")
        await add(stores, 1)
        assert await away.run() == 1


async def test_what_is_too_old_is_cut_off(settings: Settings, tmp_path: Path) -> None:
    async with open_stores(settings) as stores:
        await add(stores, 3)
        key = load_signing_key(settings.audit_key)
        passing = SealingPass(stores, key, timedelta(0), "this one")
        await passing.run()
        kept = SealingPass(stores, key, timedelta(days=1), "this one")
        await kept.run()  # and seals that it was cut
        lines = b"".join([part async for part in stores.trail.export()]).splitlines()
    found = verify(lines, [load_public_key(tmp_path / "audit-key.pub.pem")])
    assert found.holds, found.findings
    assert (found.first_seal, found.last_seal, found.facts) == (2, 2, 1)


@pytest.mark.parametrize(
    ("key", "error", "words"),
    [
        ("none.pem", SecretUnreadable, "PERDURE_AUDIT_KEY: .*none.pem cannot be read"),
        ("command:false", SecretUnreadable, "PERDURE_AUDIT_KEY: false ended with status 1"),
        ("command:echo x", AuditKeyUnreadable, "no private Ed25519 key"),
        ("audit-key.pub.pem", AuditKeyUnreadable, "no private Ed25519 key"),
    ],
)
async def test_a_key_that_is_none_is_refused_with_the_setting(
    settings: Settings, tmp_path: Path, key: str, error: type[Exception], words: str
) -> None:
    (tmp_path / "audit-key.pub.pem").chmod(0o600)
    source = key if key.startswith("command:") else str(tmp_path / key)
    async with open_stores(settings) as stores:
        with pytest.raises(error, match=words):
            sealing(settings, stores, audit_key=source)


async def test_a_key_that_everybody_may_read_is_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "audit-key.pem").chmod(0o644)
    with pytest.raises(SecretUnreadable, match="everybody on this machine may read"):
        load_signing_key(settings.audit_key)


async def test_a_key_comes_from_a_command(settings: Settings, tmp_path: Path) -> None:
    key = load_signing_key(f"command:cat {tmp_path / 'audit-key.pem'}")
    assert key.public.id == load_public_key(tmp_path / "audit-key.pub.pem").id


@pytest.mark.parametrize("address", ["ftp://x/y", "seals.jsonl", "file://host/x", "https://"])
async def test_an_anchor_that_is_no_place_is_refused(settings: Settings, address: str) -> None:
    async with open_stores(settings) as stores:
        with pytest.raises(AnchorUnusable, match="PERDURE_AUDIT_ANCHOR"):
            sealing(settings, stores, audit_anchor=address)
