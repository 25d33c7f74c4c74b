"""An older version with goals under way goes on while a newer one migrates the tables."""

import io
import os
import shutil
import sqlite3
import subprocess
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from perdure.stores.database.migrate import HEAD
from tests.cli.test_dev import ask, hand_in
from tests.support.until import until

ROOT = Path(__file__).parents[2]
# The last one whose tables are of schema 0018.
EARLIER, SCHEMA = "e722b22e", "0018"


def _archive() -> bytes:
    """Return the earlier version as a tar archive; empty where the history does not reach back."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return b""
    command = [git, "-C", str(ROOT), "archive", EARLIER, "core", "typings"]
    return subprocess.run(command, capture_output=True, check=False).stdout


@pytest.fixture
def earlier(tmp_path: Path) -> str:
    """Return the ``PYTHONPATH`` of the earlier version."""
    with tarfile.open(fileobj=io.BytesIO(ARCHIVE)) as archive:
        archive.extractall(tmp_path / "earlier", filter="data")
    return str(tmp_path / "earlier" / "typings")


ARCHIVE = _archive()


def schema(home: Path) -> str:
    with closing(sqlite3.connect(home / "perdure.db")) as database:
        return str(database.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def goals_of_the_older_version_end_on_the_newer_ones_tables(
    perdure: Any, own_home: Path, earlier: str
) -> None:
    older = {"PYTHONPATH": f"{earlier}{os.pathsep}{perdure.environment['PYTHONPATH']}"}
    dev = perdure.dev(**older)
    api = dev.document["api_url"]
    gates = [perdure.folder / f"go-{number}" for number in range(4)]
    before = [hand_in(api, text="x", wait_for=str(gate)) for gate in gates[:3]]
    asking = hand_in(api, text="asked", ask="Go on?")
    until(lambda: perdure.journaled(4))
    until(lambda: ask(f"{api}/api/goals/{asking}")["status"] == "waiting")
    assert schema(own_home) == SCHEMA

    listed = perdure.json("goals", "list")  # the newer version migrates
    assert len(listed["goals"]) == 4
    assert schema(own_home) == HEAD
    after = hand_in(api, text="x", wait_for=str(gates[3]))
    for gate in gates:
        gate.touch()
    # What a person says to the newer version reaches the goal that the older one runs.
    (approval,) = perdure.json("approvals", "list")["approvals"]
    assert perdure("approvals", "approve", approval["approval_id"]).returncode == 0
    runs = [*before, asking, after]
    until(lambda: {ask(f"{api}/api/goals/{run}")["status"] for run in runs} == {"completed"})
    assert [Path(f"{gate}.bill").read_text() for gate in gates] == ["x"] * len(gates)
    assert perdure.json("goals", "show", after)["status"] == "completed"
    told = dev.stop()
    assert "Traceback" not in told
    # One that is started now knows that the tables are not its own.
    refused = perdure("goals", "list", **older)
    assert refused.returncode == 1
    assert "was written by a newer Perdure" in refused.stderr


# An archive of the tree, or a clone without its history, has no earlier version to try.
if ARCHIVE:
    test_goals_of_the_older_version_end = goals_of_the_older_version_end_on_the_newer_ones_tables
