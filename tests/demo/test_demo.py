"""``make demo``: four goals through a real server, their results, and nothing left running."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "build" / "demo" / "results"
AGENTS = ("research", "code", "analysis", "document")

pytestmark = pytest.mark.bundled


def run_demo(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / "demo.py")],
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_four_agents_deliver(server_binary: Path) -> None:
    started = time.time()
    done = run_demo()
    assert done.returncode == 0, done.stdout + done.stderr
    for agent in AGENTS:
        row = next(line for line in done.stdout.splitlines() if line.startswith(f"{agent}\t"))
        assert row.split("\t")[1] == "completed"
        assert f"{agent}  completed" in done.stderr
        made = list((RESULTS / agent).rglob("*.*"))
        assert (RESULTS / agent / "result.json") in made
        assert all(path.stat().st_mtime >= started - 1 for path in made if path.suffix == ".json")
    assert "http://127.0.0.1:" in done.stdout
    assert not (ROOT / "build" / "demo" / "home" / "running.json").exists()


def test_a_demo_that_cannot_be_carried_through_says_why(server_binary: Path) -> None:
    done = run_demo(PERDURE_PLUGINS_DENY="perdure-code")
    assert done.returncode == 1
    assert "agent 'code' is not here" in done.stderr
    assert "PERDURE_PLUGINS_DENY names it" in done.stderr
    assert "Traceback" not in done.stderr
