"""``perdure worker --processes``: workers and supervisors that die."""

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from perdure.temporal.server.development_server import DevelopmentServer, run_development_server
from tests.support.command_line import CommandLine
from tests.support.processes import is_running, read_document
from tests.support.until import until


class PoolProcess:
    """A ``perdure worker --processes 2`` that is ready."""

    def __init__(self, perdure: CommandLine, address: str, **environment: str) -> None:
        self.process = perdure.start(
            *("worker", "--processes", "2", "--json"),
            TEMPORAL_ADDRESS=address,
            PERDURE_DRAIN_SECONDS="2",  # the agent that these workers execute never ends by itself
            **environment,
        )
        self.document: dict[str, Any] = read_document(self.process)
        self.children: list[int] = self.document["processes"]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.communicate(timeout=60)
        for pid in self.children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(server_binary: Path) -> AsyncIterator[DevelopmentServer]:
    """Run a server of these tests' own: they kill whoever executes, which must be their goal."""
    async with run_development_server(server_binary, port=0, ui_port=0) as running:
        yield running


@pytest.fixture
def start_pool(
    perdure: CommandLine, server: DevelopmentServer
) -> Iterator[Callable[..., PoolProcess]]:
    """Return a function that starts a pool at the tests' server."""
    pools: list[PoolProcess] = []

    def start(**environment: str) -> PoolProcess:
        pools.append(PoolProcess(perdure, server.address, **environment))
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
            # Whoever looks whether a worker is dead has its register open too, to read.
            register = Path(file.path)
            if file.mode != "a" or register.parent != home / "workers" or not register.exists():
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


def test_a_pool_answers_with_the_metrics_of_all_its_processes(
    start_pool: Callable[..., PoolProcess],
    goal: Callable[[], "subprocess.Popen[str]"],
    tmp_path: Path,
) -> None:
    pool = start_pool(PERDURE_METRICS_ADDRESS="127.0.0.1:0")

    def metrics() -> dict[str, float]:
        """Return the sums of the samples by name."""
        sums: dict[str, float] = {}
        text = httpx.get(pool.document["metrics"]).raise_for_status().text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
        return sums

    (tmp_path / "sign").touch()
    for run in (goal(), goal()):
        _delivered(run)
    until(lambda: metrics().get("perdure_goals_ended_total") == 2)
    until(lambda: metrics().get("perdure_worker_slots") == 2_000)
    assert metrics()["temporal_workflow_completed_total"] == 2
    for worker in pool.children:
        os.kill(worker, signal.SIGKILL)
    # The others bring their own slots; what these had counted stays.
    until(lambda: metrics().get("perdure_worker_slots", 0.0) < 2_000)
    until(lambda: metrics().get("perdure_worker_slots") == 2_000)
    assert metrics()["perdure_goals_ended_total"] == 2
