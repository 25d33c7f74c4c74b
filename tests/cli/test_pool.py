"""``perdure worker --processes``: workers and supervisors that die."""

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from perdure.temporal.server.development_server import DevelopmentServer
from tests.support.command_line import CommandLine
from tests.support.processes import is_running, read_document
from tests.support.until import until


class PoolProcess:
    """A ``perdure worker --processes 2`` that is ready."""

    def __init__(self, perdure: CommandLine, address: str) -> None:
        self.process = perdure.start(
            *("worker", "--processes", "2", "--json"),
            TEMPORAL_ADDRESS=address,
            PERDURE_DRAIN_SECONDS="2",  # the agent that these workers execute never ends by itself
        )
        self.children: list[int] = read_document(self.process)["processes"]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.communicate(timeout=60)
        for pid in self.children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def start_pool(
    perdure: CommandLine, server: DevelopmentServer
) -> Iterator[Callable[[], PoolProcess]]:
    """Return a function that starts a pool at the tests' server."""
    pools: list[PoolProcess] = []

    def start() -> PoolProcess:
        pools.append(PoolProcess(perdure, server.address))
        return pools[-1]

    yield start
    for pool in pools:
        pool.end()


@pytest.fixture
def goal(
    perdure: CommandLine, server: DevelopmentServer, tmp_path: Path
) -> Callable[[], "subprocess.Popen[str]"]:
    """Return a function that hands a goal in, which pays and then waits for a sign."""

    def start() -> "subprocess.Popen[str]":
        parameters = ("-p", "text=hello", "-p", f"wait_for={tmp_path / 'sign'}")
        process: subprocess.Popen[str] = perdure.start(
            "run", "echo", "say it", *parameters, "--json", TEMPORAL_ADDRESS=server.address
        )
        return process

    return start


def _delivered(run: "subprocess.Popen[str]") -> Any:
    out, err = run.communicate(timeout=90)
    assert run.returncode == 0, out + err
    return json.loads(out)


def _executing(home: Path) -> int:
    """Return which worker has an execution open, by the register that its process holds."""
    for process in psutil.process_iter(["pid", "open_files"]):
        for file in process.info["open_files"] or []:
            # Whoever recovers a dead worker's register has it open too, and removes it.
            register = Path(file.path)
            if register.parent != home / "workers" or not register.exists():
                continue
            with suppress(FileNotFoundError):
                lines = [line[0] for line in register.read_text().splitlines()]
                if lines.count("+") > lines.count("-"):
                    return int(process.pid)
    return 0


def test_a_worker_that_is_killed_hands_its_goal_on_at_once(
    perdure: CommandLine,
    start_pool: Callable[[], PoolProcess],
    goal: Callable[[], "subprocess.Popen[str]"],
    tmp_path: Path,
) -> None:
    home = Path(perdure.environment["PERDURE_HOME"])
    pool = start_pool()
    run = goal()
    until(perdure.journaled)
    dead = 0

    def is_a_worker() -> bool:
        nonlocal dead
        dead = _executing(home)
        return dead in pool.children

    until(is_a_worker)
    os.kill(dead, signal.SIGKILL)
    began = time.monotonic()
    # The supervisor has the dead one's register open for a moment.
    until(lambda: _executing(home) not in {0, dead, pool.process.pid})
    # Temporal itself would notice after half a minute.
    assert time.monotonic() - began < 25
    (tmp_path / "sign").touch()
    document = _delivered(run)
    assert document["result"]["data"]["paid"] == 1
    assert (tmp_path / "sign.bill").read_text() == "x"
    with closing(sqlite3.connect(home / "perdure.db")) as database:
        told = {row[0] for row in database.execute("SELECT type FROM events")}
    assert "run.resumed" in told
    assert "run.retrying" not in told


def test_a_pool_that_is_told_to_stop_leaves_nobody_behind(
    start_pool: Callable[[], PoolProcess],
) -> None:
    pool = start_pool()
    pool.process.terminate()
    pool.process.communicate(timeout=60)
    assert pool.process.returncode == 0
    assert not any(is_running(pid) for pid in pool.children)


def test_a_supervisor_that_is_killed_loses_nothing(
    perdure: CommandLine,
    start_pool: Callable[[], PoolProcess],
    goal: Callable[[], "subprocess.Popen[str]"],
    tmp_path: Path,
) -> None:
    pool = start_pool()
    run = goal()
    until(perdure.journaled)
    pool.process.kill()
    pool.process.communicate()
    # Its workers notice, let their goals go and end.
    until(lambda: not any(is_running(pid) for pid in pool.children), seconds=60)
    start_pool()
    (tmp_path / "sign").touch()
    document = _delivered(run)
    assert document["result"]["data"]["paid"] == 1
    assert (tmp_path / "sign.bill").read_text() == "x"
