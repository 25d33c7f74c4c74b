"""``perdure backup`` of a home in use, and ``restore``: goals go on, nothing is paid twice."""

import gzip
import json
import shutil
import signal
import sqlite3
import tarfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from perdure.temporal.backup.archive import ArchiveDamaged, extract
from perdure.temporal.backup.snapshot import Snapshot
from tests.cli.test_dev import ask, hand_in
from tests.support.until import until

StartDev = Callable[..., Any]


def status(api: str, run: str) -> str:
    return str(ask(f"{api}/api/goals/{run}")["status"])


def test_goals_under_way_go_on_after_a_kill_and_a_restore(
    perdure: Any, start_dev: StartDev, own_home: Path, tmp_path: Path
) -> None:
    dev = start_dev()
    api = dev.document["api_url"]
    gates = [perdure.folder / f"go-{number}" for number in range(4)]
    done = hand_in(api, text="hi")
    waiting = [hand_in(api, text="later", wait_for=str(gate)) for gate in gates]
    asking = hand_in(api, text="asked", ask="Go on?")
    until(lambda: status(api, done) == "completed")
    until(lambda: status(api, asking) == "waiting")
    until(lambda: perdure.journaled(6))
    archive = tmp_path / "home.tar.gz"
    written = perdure.json("backup", str(archive))
    assert written["files"] >= 3  # both databases, and an artifact
    assert list(tmp_path.glob(".*")) == list(tmp_path.glob("*.partial")) == []
    refused = perdure("restore", str(archive), "--replace")
    assert refused.returncode == 1
    assert "is in use by the development server" in refused.stderr

    # What came after the backup is gone with the home; what was there goes on.
    dev.stop(signal.SIGKILL)
    shutil.rmtree(own_home)
    restored = perdure("restore", str(archive))
    assert restored.returncode == 0, restored.stderr
    assert str(own_home) in restored.stdout

    again = start_dev()
    api = again.document["api_url"]
    assert ask(f"{api}/api/goals/{done}")["result"]["summary"] == "said hi"
    assert perdure("goals", "result", done, "--output", str(tmp_path / "out")).returncode == 0
    assert (tmp_path / "out" / "echo.txt").read_text() == "hi"
    (approval,) = ask(f"{api}/api/approvals")["approvals"]
    voted = perdure("approvals", "approve", approval["approval_id"], "--by", "ann")
    assert voted.returncode == 0, voted.stderr
    for gate in gates:
        gate.touch()
    runs = (*waiting, asking)
    # A killed worker's executions are given up after their heartbeat timeout.
    until(lambda: {status(api, run) for run in runs} == {"completed"}, seconds=180)
    assert [Path(f"{gate}.bill").read_text() for gate in gates] == ["x"] * len(gates)


def test_a_home_that_holds_goals_is_restored_only_when_told(
    perdure: Any, own_home: Path, tmp_path: Path
) -> None:
    assert "holds no goals yet" in perdure("backup", str(tmp_path / "none.tar.gz")).stderr
    assert perdure("workers").returncode == 0  # which makes the stores
    (own_home / "artifacts").mkdir(exist_ok=True)
    (own_home / "artifacts" / "one").write_bytes(b"1")
    archive = tmp_path / "home.tar.gz"
    assert perdure("backup", str(archive)).returncode == 0
    (own_home / "artifacts" / "one").write_bytes(b"changed")

    refused = perdure("restore", str(archive))
    assert refused.returncode == 1
    assert "perdure.db already" in refused.stderr
    assert (own_home / "artifacts" / "one").read_bytes() == b"changed"
    assert perdure("restore", str(archive), "--replace").returncode == 0
    assert (own_home / "artifacts" / "one").read_bytes() == b"1"
    (aside,) = own_home.glob("before-restore-*")
    assert (aside / "artifacts" / "one").read_bytes() == b"changed"
    assert (aside / "perdure.db").exists()
    assert perdure("workers").returncode == 0

    damaged = tmp_path / "damaged.tar.gz"
    damaged.write_bytes(archive.read_bytes()[:-200])
    before = (own_home / "perdure.db").read_bytes()
    refused = perdure("restore", str(damaged), "--replace")
    assert refused.returncode == 1
    assert "is no whole backup" in refused.stderr
    assert (own_home / "perdure.db").read_bytes() == before


def _archive(folder: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Write an archive with what somebody changed in it."""
    import hashlib

    content = {"perdure.db": b"goals", "artifacts/one": b"1"}
    files = {name: hashlib.sha256(value).hexdigest() for name, value in content.items()}
    manifest = {"format": 1, "version": "0.1.0", "taken_at": "2026-03-01T00:00:00Z", "files": files}
    members = content | {"manifest.json": json.dumps(manifest).encode()}
    change(members)
    path = folder / "archive.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, value in members.items():
            source = folder / "member"
            source.write_bytes(value)
            archive.add(source, name)
    return path


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda members: members.update({"perdure.db": b"other"}), "perdure.db is not what was"),
        (lambda members: members.pop("artifacts/one"), "artifacts/one is not what was written"),
        (lambda members: members.pop("manifest.json"), "its end is missing"),
        (lambda members: members.update({"more": b"x"}), "more does not belong there"),
        (
            lambda members: members.update({"manifest.json": b"{}"}),
            "is no whole backup",
        ),
    ],
)
def test_an_archive_that_is_not_what_was_written_is_refused(
    tmp_path: Path, change: Callable[[dict[str, bytes]], None], says: str
) -> None:
    path = _archive(tmp_path, lambda members: None)
    assert set(extract(path, tmp_path / "whole").files) == {"perdure.db", "artifacts/one"}
    with pytest.raises(ArchiveDamaged, match=says):
        extract(_archive(tmp_path, change), tmp_path / "out")


def test_a_name_that_leads_out_of_the_home_and_another_format_are_refused(tmp_path: Path) -> None:
    def lead_out(members: dict[str, bytes]) -> None:
        manifest = members.pop("manifest.json")
        members["../outside"] = b"x"
        members["manifest.json"] = manifest

    with pytest.raises(ArchiveDamaged, match="would lie outside of the home"):
        extract(_archive(tmp_path, lead_out), tmp_path / "home")
    assert not (tmp_path / "outside").exists()

    def newer(members: dict[str, bytes]) -> None:
        members["manifest.json"] = members["manifest.json"].replace(b'"format": 1', b'"format": 2')

    with pytest.raises(ArchiveDamaged, match=r"written by Perdure 0\.1\.0: restore it with that"):
        extract(_archive(tmp_path, newer), tmp_path / "newer")
    text = tmp_path / "text.tar.gz"
    text.write_bytes(gzip.compress(b"no tar file"))
    with pytest.raises(ArchiveDamaged, match="is no whole backup"):
        extract(text, tmp_path / "text")


def test_both_databases_are_of_one_moment(tmp_path: Path) -> None:
    paths = [tmp_path / "perdure.db", tmp_path / "temporal.db"]
    opened = [sqlite3.connect(path, isolation_level=None, timeout=0) for path in paths]
    for one in opened:
        one.execute("PRAGMA journal_mode=WAL")
        one.execute("CREATE TABLE t (n)")
    with Snapshot(*paths) as snapshot:
        assert set(snapshot.databases) == set(paths)
        for one in opened:  # nobody waits for it
            one.execute("INSERT INTO t VALUES (1)")
        for path in paths:
            snapshot.copy(path, tmp_path / f"{path.name}.copy")
    for path, one in zip(paths, opened, strict=True):
        one.close()
        with closing(sqlite3.connect(tmp_path / f"{path.name}.copy")) as copied:
            assert copied.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_a_moment_waits_for_who_writes_to_the_stores(tmp_path: Path) -> None:
    paths = [tmp_path / "perdure.db", tmp_path / "temporal.db"]
    stores, server = (
        sqlite3.connect(path, isolation_level=None, check_same_thread=False) for path in paths
    )
    for one in (stores, server):
        one.execute("PRAGMA journal_mode=WAL")
        one.execute("CREATE TABLE t (n)")
    stores.execute("BEGIN IMMEDIATE")
    stores.execute("INSERT INTO t VALUES (1)")
    began = threading.Event()

    def take() -> None:
        began.set()
        with Snapshot(*paths) as snapshot:
            for path in paths:
                snapshot.copy(path, tmp_path / f"{path.name}.copy")

    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(take)
        assert began.wait(60)
        # What the server stores after the goal's database was asked for is there too: were its
        # moment the earlier one, it would lack the goal that is written just now.
        with pytest.raises(TimeoutError):
            taken.result(timeout=0.5)
        server.execute("INSERT INTO t VALUES (1)")
        stores.execute("COMMIT")
        taken.result(timeout=60)
    for path, one in zip(paths, (stores, server), strict=True):
        one.close()
        with closing(sqlite3.connect(tmp_path / f"{path.name}.copy")) as copied:
            assert copied.execute("SELECT count(*) FROM t").fetchone() == (1,)
