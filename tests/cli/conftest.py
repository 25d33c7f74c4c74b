"""The command line as a stranger runs it: real processes, an agent installed for them alone."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ECHO = """
import asyncio
import time
from pathlib import Path
from pydantic import BaseModel, Field
from perdure.agents import AgentSpec, Goal, InputError, Result, Run, hookimpl

class Parameters(BaseModel):
    text: str = Field("", description="What to say.")
    times: int = 1
    tags: list[str] = []
    wait_for: str = Field("", json_schema_extra={"format": "path"})
    fail: bool = False
    block: float = 0
    stuck: bool = False
    freeze: bool = False
    ask: str = ""
    signal: str = ""

async def echo(run: Run, goal: Goal) -> Result:
    given = goal.parameters
    await run.progress(10, "listening")
    paid = await run.step("pay", pay, given["wait_for"])
    await run.progress(20, "paid")
    while given["wait_for"] and not Path(given["wait_for"]).exists():
        await asyncio.sleep(0.05)
    if given["freeze"]:
        block(60, given["text"])
    while given["stuck"]:
        try:
            Path(given["text"]).touch()
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass
    if given["block"]:
        await run.step("block", block, given["block"], given["text"])
    if given["ask"] and not await run.approve(given["ask"], {"paid": paid}):
        raise InputError("somebody said no: ask something else")
    if given["signal"]:
        return Result(data={"got": await run.wait_for(given["signal"]), "paid": paid})
    if given["fail"] and not Path("sales.csv").exists():
        raise InputError("there is no file sales.csv: give another path")
    await run.artifact("echo.txt", given["text"] * given["times"])
    return Result(summary=f"said {given['text']}", data={"tags": given["tags"], "paid": paid})

def block(seconds: float, sign: str) -> None:
    Path(sign).touch()
    time.sleep(seconds)

def pay(place: str) -> int:
    if not place:
        return 0
    bill = Path(place + ".bill")
    bill.write_text(bill.read_text() + "x" if bill.exists() else "x")
    return len(bill.read_text())

@hookimpl
def register_agents():
    return [AgentSpec(name="echo", description="Says it again.", agent=echo, parameters=Parameters)]
"""


@dataclass
class CommandLine:
    """A shell of one's own: a home, a working folder, an environment."""

    folder: Path
    environment: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "perdure.cli", *arguments],
            cwd=self.folder,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def journaled(self) -> bool:
        """Return whether a step is in the journal: only then is it never paid for again."""
        with closing(sqlite3.connect(Path(self.environment["PERDURE_HOME"]) / "perdure.db")) as db:
            return bool(db.execute("SELECT count(*) FROM steps WHERE name = 'pay'").fetchone()[0])

    def end(self) -> None:
        """End whatever still runs."""
        for process in self.started:
            if process.poll() is None:
                process.terminate()
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=90)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def json(self, *arguments: str, status: int = 0, **environment: str) -> Any:
        done = self(*arguments, "--json", **environment)
        assert done.returncode == status, done.stdout + done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def perdure(tmp_path: Path, own_home: Path, server_binary: Path) -> Iterator[CommandLine]:
    """Return the command line on an empty home, with the agent ``echo`` installed."""
    site = tmp_path / "site"
    metadata = site / "perdure_echo-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "perdure_echo.py").write_text(ECHO)
    (metadata / "METADATA").write_text("Metadata-Version: 2.4\nName: perdure-echo\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[perdure]\necho = perdure_echo\n")
    folder = tmp_path / "work"
    folder.mkdir()
    environment = os.environ | {
        "PERDURE_HOME": str(own_home),
        "PYTHONPATH": str(site),
        "PERDURE_PLUGINS_ALLOW": "perdure-echo",
    }
    command_line = CommandLine(folder, environment)
    try:
        yield command_line
    finally:
        command_line.end()


@dataclass
class Dev:
    """A ``perdure dev`` that runs, and what it said when it was ready."""

    process: subprocess.Popen[str]
    told: dict[str, Any]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> str:
        self.process.send_signal(how)
        _, err = self.process.communicate(timeout=20)
        return err


StartDev = Callable[..., Dev]


@pytest.fixture
def start_dev(perdure: CommandLine) -> StartDev:
    """Return a function that starts ``perdure dev`` and waits until it is ready."""

    def start(*arguments: str, **environment: str) -> Dev:
        ports = () if arguments else ("--port", "0", "--temporal-port", "0")
        process = perdure.start("dev", "--json", *ports, *arguments, **environment)
        assert process.stdout is not None
        document = ""
        for line in process.stdout:
            document += line
            if line.rstrip() == "}":
                return Dev(process, json.loads(document))
        raise AssertionError(process.communicate()[1])

    return start
