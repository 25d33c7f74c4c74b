"""Goals under every fault there is, each at least once: none is lost, and nothing is done twice."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# Ten times what an idle machine takes: one that runs other tests beside it is slow, not wrong.
SECONDS = 570


def judged(*command: str) -> dict[str, Any]:
    """Run a command that has to end well; return the document of its last line."""
    # The tests are found below the current folder, which a safe path would leave out.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            out, told = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()  # it ends what it has started
            out, told = process.communicate()
    # It begins with the seed that repeats it.
    assert process.returncode == 0, told[-5000:] + out
    document: dict[str, Any] = json.loads(out.splitlines()[-1])
    assert document["verdict"]["completed"]["value"] == 1.0
    return document


@pytest.mark.slow
@pytest.mark.usefixtures("server_binary")  # which takes minutes on a machine that has none
@pytest.mark.parametrize(
    ("kind", "database", "faults"),
    [("--goals", "sqlite", 11), ("--goals", "postgresql", 12), ("--batch", "postgresql", 12)],
)
def test_goals_end_well_whatever_happens(
    tmp_path: Path, kind: str, database: str, faults: int
) -> None:
    options = (kind, "60", "--pause", "0.7", "--patience", "400", "--database", database)
    command = (sys.executable, "-m", "tests.faults", *options, "--keep", str(tmp_path / "cluster"))
    document = judged(*command)
    details = document["details"]
    assert len(details["faults"]) == faults
    assert details["dead_letters"] > 0
    assert len(details["model_faults"]) == 7
    assert details["events"]["run.retrying"] > 0
    assert document["verdict"]["wrong_sums"]["value"] == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are for Linux")
@pytest.mark.usefixtures("server_binary")
def test_goals_end_well_when_a_workers_network_is_cut(tmp_path: Path) -> None:
    apart = ("unshare", "--map-root-user", "--net")
    options = ("--goals", "60", "--seconds", "15", "--keep", str(tmp_path / "cluster"))
    command = (*apart, sys.executable, "-m", "tests.faults.network_cut", *options)
    details = judged(*command)["details"]
    assert details["goals"] >= 60
    assert details["back_seconds"] > 0
