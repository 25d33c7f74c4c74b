"""``perdure top``: live on a terminal of any size, once elsewhere, here and of a server."""

import asyncio
import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from perdure.cli.commands.top import OverviewReader
from perdure.cli.main import perdure as command
from perdure.cli.output.overview import AgentOverview, Overview
from perdure.cli.output.overview_screen import OverviewScreen
from perdure.models import Failure, FailureKind, Goal, GoalRecord, GoalStatus, Progress
from perdure.models.usage import UsageGroup, UsageSum
from perdure.models.workers import WorkerRecord
from perdure.settings import Settings
from perdure.stores import open_stores
from tests.cli.test_hostile_text import HOSTILE, STEERING
from tests.support.command_line import CommandLine, Dev

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def goal(number: int, status: str = "running", description: str = "Compare tenders") -> GoalRecord:
    failed = status == "failed"
    return GoalRecord(
        workflow_id=f"goal-g{number}-x",
        goal_id=f"g{number}",
        description=description,
        agent_type="research",
        status=GoalStatus(status),
        error=Failure(type="X", message=f"no {HOSTILE}", kind=FailureKind.PERMANENT)
        if failed
        else None,
        progress=Progress(percentage=40.0, message=f"reading {description}"),
        started_at=NOW - timedelta(minutes=5),
        ended_at=NOW if failed else None,
    )


def worker(number: int, *, alive: bool = True) -> WorkerRecord:
    return WorkerRecord(
        worker_id=str(number),
        identity=f"{number}@a-host-with-a-long-name.example.com",
        version="0.1.0",
        build_id="",
        agents={},
        slots=8,
        used=3,
        free=5,
        started_at=NOW,
        seen_at=NOW,
        alive=alive,
    )


def overview(goals: int = 3, description: str = "Compare tenders") -> Overview:
    return Overview(
        at=NOW,
        running=goals,
        waiting=2,
        failed_today=1,
        spent_today=UsageGroup(spent=UsageSum(cost=1.25)),
        spent_last_hour=UsageGroup(spent=UsageSum(cost=None)),
        agents=(AgentOverview(agent="research", running=goals, today=9, cost=1.25),),
        goals=tuple(goal(number, description=description) for number in range(goals)),
        failures=(goal(99, "failed"),),
        workers=(worker(1), worker(2, alive=False)),
    )


def drawn(shown: Overview, width: int, height: int, problem: str = "") -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, height=height, force_terminal=True)
    console.print(OverviewScreen(shown, "http://server", problem), height=height)
    text = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert not STEERING.search(text)
    return text.splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 140])
@pytest.mark.parametrize("height", [8, 16, 24, 50])
@pytest.mark.parametrize("goals", [0, 3, 100])
def test_it_fits_any_terminal(width: int, height: int, goals: int) -> None:
    lines = drawn(overview(goals), width, height)
    assert len(lines) <= height
    assert max(len(line) for line in lines) <= width
    assert lines[0].startswith(f"goals    {goals} running, 2 waiting, ")
    assert lines[1].startswith("spent    $1.25 today, unknown")
    assert lines[2].startswith("workers  1 alive, 3 of 8 slots, 1 lost"[:width])
    assert any(line.startswith("q ends") for line in lines)


def test_sixty_columns_show_goals_agents_and_workers() -> None:
    lines = drawn(overview(), 60, 24)
    (row, *_) = [line for line in lines if line.startswith("▸")]
    assert re.match(r"▸ research +5 min +40 % reading Compare tenders", row)
    (failed,) = [line for line in lines if line.startswith("✗")]
    assert re.match(r"✗ research +0 s +40 % no ", failed)
    assert any(re.match(r"research +3 +0 +9 +\$1.25", line) for line in lines)
    assert any(re.match(r"1@a-host\S* +━━━━──────+ +3 of 8", line) for line in lines)
    assert any(re.match(r"2@a-host\S* +lost", line) for line in lines)


def test_a_terminal_obeys_nothing_of_what_goals_say() -> None:
    lines = drawn(overview(description=f"do {HOSTILE}"), 140, 30, problem=f"away {HOSTILE}")
    assert any("reading do" in line for line in lines)
    assert any("· away " in line for line in lines)


def test_more_goals_than_lines_are_counted() -> None:
    lines = drawn(overview(100), 80, 24)
    (more,) = [line for line in lines if "more: perdure goals list" in line]
    shown = sum(line.startswith(("▸", "✗")) for line in lines)
    assert more == f"and {101 - shown} more: perdure goals list"


async def fill(home: Path) -> None:
    async with open_stores(Settings(home=home)) as stores:
        for number, status in enumerate([None, GoalStatus.FAILED, GoalStatus.COMPLETED]):
            given = Goal(goal_id=f"g{number}", description=f"do {HOSTILE}", agent_type="echo")
            await stores.goals.create(given, f"goal-g{number}-1", datetime.now(UTC))
            if status is not None:
                failed = status is GoalStatus.FAILED
                why = Failure(type="X", message=HOSTILE, kind=FailureKind.PERMANENT)
                await stores.results.store(f"goal-g{number}-1", status, why if failed else None, 1)


def test_elsewhere_it_is_printed_once(own_home: Path) -> None:
    asyncio.run(fill(own_home))
    shown = CliRunner().invoke(command, ["top"], color=True)
    assert shown.exit_code == 0, shown.output
    assert not STEERING.search(shown.output.replace("\t", " "))
    lines = shown.output.splitlines()
    assert lines[:3] == [
        "goals    1 running, 0 waiting, 1 failed today",
        "spent    $0.00 today, $0.00 in the last hour",
        "workers  none is alive",
    ]
    assert [line.split("\t")[:3] for line in lines if line.startswith("goal-")] == [
        ["goal-g0-1", "echo", "running"],
        ["goal-g1-1", "echo", "failed"],
    ]
    assert "echo\t1\t0\t3\t$0.00" in lines


async def test_sums_are_read_more_seldom_than_goals() -> None:
    calls: list[str] = []

    class Backend:
        def __getattr__(self, name: str) -> Callable[..., Any]:
            async def read(*_: Any, **__: Any) -> Any:
                calls.append(name)
                if name == "usage":
                    return Report()
                return {} if name == "goal_counts" else []

            return read

    class Report:
        total = UsageGroup()
        groups: tuple[UsageGroup, ...] = ()

    reader = OverviewReader(Backend())
    for _ in range(10):
        await reader.read()
    assert calls.count("usage") == 4
    assert len(calls) <= 10 * 6


@dataclass
class Terminal:
    """A terminal in which a command runs."""

    process: subprocess.Popen[bytes]
    end: int
    shown: str = ""

    def until(self, text: str, seconds: float = 30) -> None:
        """Read until it shows a text."""
        last = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < last, self.shown[-3000:]
            try:
                self.shown += os.read(self.end, 65536).decode(errors="replace")
            except OSError:  # it has ended
                break
        assert text in self.shown, self.shown[-3000:]
        self.shown = self.shown[self.shown.index(text) + len(text) :]


@pytest.fixture
def terminal(perdure: CommandLine) -> Iterator[Callable[..., Terminal]]:
    ends: list[int] = []
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, columns: int = 80) -> Terminal:
        end, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen(
            [sys.executable, "-m", "perdure.cli", *arguments],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            cwd=perdure.folder,
            env=perdure.environment | {"TERM": "xterm", "LANG": "C.UTF-8", "PYTHONUTF8": "1"},
            start_new_session=True,
        )
        os.close(inner)
        ends.append(end)
        started.append(process)
        return Terminal(process, end)

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
    for end in ends:
        os.close(end)


def test_it_is_live_on_a_terminal_here_and_of_a_server(
    perdure: CommandLine,
    start_dev: Callable[..., Dev],
    terminal: Callable[..., Terminal],
    tmp_path: Path,
) -> None:
    dev = start_dev()
    here = terminal("top", columns=60)
    url = dev.document["api_url"]
    there = terminal("--server", url, "top")
    for one in (here, there):
        one.until("Nothing is under way")
    wait_for = tmp_path / "go"
    given = ("-p", f"wait_for={wait_for}", "--detach")
    perdure.json("run", "echo", "Say it slowly", *given)
    for one in (here, there):
        one.until("1 running, 0 waiting")
        one.until("paid")  # what it says of itself
    there.until(url)
    snapshot = perdure.json("--server", url, "top")
    assert (snapshot["running"], snapshot["goals"][0]["agent_type"]) == (1, "echo")
    assert [worker["alive"] for worker in snapshot["workers"]] == [True]
    wait_for.touch()
    for one in (here, there):
        one.until("Nothing is under way")
    os.write(here.end, b"q")
    there.process.send_signal(signal.SIGINT)
    for one in (here, there):
        one.until("\x1b[?1049l")  # the screen that was there before is back
        assert one.process.wait(20) == 0


def test_a_server_that_goes_away_is_said_on_the_last_screen(
    start_dev: Callable[..., Dev], terminal: Callable[..., Terminal]
) -> None:
    dev = start_dev()
    view = terminal("--server", dev.document["api_url"], "top", columns=120)
    view.until("q ends")
    dev.stop()
    view.until("no answer for")
    os.write(view.end, b"q")
    assert view.process.wait(20) == 0
