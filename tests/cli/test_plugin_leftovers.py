"""Threads, pools and exit functions of plugins: named, and waited for by nobody."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.plugins import install_plugin

# Longer than a test may take.
SECONDS = 80
STARTED = {
    "a thread that prints": """
import threading
def run():
    while True:
        print("noise")
threading.Thread(target=run, name="noise", daemon=True).start()
""",
    "a thread that prints on stderr": """
import sys, threading
def run():
    while True:
        print("noise", file=sys.stderr)
threading.Thread(target=run, name="noise", daemon=True).start()
""",
    "a thread that is no daemon": f"""
import threading, time
threading.Thread(target=time.sleep, args=({SECONDS},), name="noise", daemon=False).start()
""",
    "a thread of a thread": f"""
import threading, time
def run():
    threading.Thread(target=time.sleep, args=({SECONDS},), name="noise", daemon=False).start()
one = threading.Thread(target=run)
one.start()
one.join()
""",
    "a pool": f"""
import time
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(1, thread_name_prefix="noise")
pool.submit(time.sleep, {SECONDS})
""",
}
AGENT = """
from perdure.agents import Goal, Result, Run, agent, hookimpl

@agent
async def threads(run: Run, goal: Goal) -> Result:
    "Starts threads."
    return Result(summary="done")

@hookimpl
def register_agents():
    return [threads]
"""
BOTH = {"PERDURE_PLUGINS_ALLOW": "perdure-echo,perdure-threads"}


@pytest.mark.parametrize("what", STARTED)
def test_a_thread_at_import_is_named_and_waited_for_by_nobody(
    what: str, perdure: Any, tmp_path: Path
) -> None:
    install_plugin(tmp_path / "site", "perdure-threads", STARTED[what] + AGENT)
    begun = time.monotonic()
    listed = {one["distribution"]: one for one in perdure.json("plugins", **BOTH)["plugins"]}
    assert time.monotonic() - begun < SECONDS / 2
    assert (listed["perdure-echo"]["status"], listed["perdure-echo"]["warnings"]) == ("loaded", [])
    plugin = listed["perdure-threads"]
    assert (plugin["status"], plugin["agents"]) == ("loaded", ["threads"])
    assert any("started the thread 'noise" in warning for warning in plugin["warnings"])
    for _ in range(3):  # it is at its end that Python might abort
        done = perdure("agents", **BOTH)
        assert (done.returncode, "noise" in done.stdout) == (0, False)
        assert "threads  1.0  (perdure-threads)" in done.stdout


def test_a_command_that_fails_beside_such_a_thread_has_its_own_status(
    perdure: Any, tmp_path: Path
) -> None:
    source = STARTED["a thread that is no daemon"] + AGENT
    install_plugin(tmp_path / "site", "perdure-threads", source)
    done = perdure("agents", "okapi", **BOTH)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no agent 'okapi'" in done.stderr


@pytest.mark.parametrize("arguments", [("agents",), ("agents", "okapi")])
def test_a_function_for_the_end_is_waited_for_three_seconds(
    perdure: Any, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    source = f"import atexit, time; atexit.register(time.sleep, {SECONDS})\n{AGENT}"
    install_plugin(tmp_path / "site", "perdure-threads", source)
    expected = perdure(*arguments).returncode
    begun = time.monotonic()
    done = perdure(*arguments, **BOTH)
    assert time.monotonic() - begun < SECONDS / 2
    assert done.returncode == expected
    assert ("threads  1.0  (perdure-threads)" in done.stdout) == (expected == 0)
    assert "what perdure_threads registered with atexit takes longer than 3 s" in done.stderr


def test_a_quick_function_for_the_end_runs(perdure: Any, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    source = f"import atexit, pathlib; atexit.register(pathlib.Path({str(mark)!r}).touch)\n{AGENT}"
    install_plugin(tmp_path / "site", "perdure-threads", source)
    done = perdure("agents", **BOTH)
    assert (done.returncode, "atexit" in done.stderr) == (0, False)
    assert mark.exists()
