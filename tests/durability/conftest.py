"""Workers as processes that can be killed and frozen; the goal's workflow stays in the test."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from perdure.activities.prepare import Prepare
from perdure.activities.store import Store
from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.messages import TASK_QUEUE
from perdure.temporal.worker.recovery import recover
from perdure.workflows.agent_goal import AgentGoalWorkflow

if TYPE_CHECKING:
    from tests.installation import Install, Installation

SCRIPT = Path(__file__).with_name("worker_process.py")


@pytest.fixture(scope="session")
def forks() -> Iterator["subprocess.Popen[str]"]:
    """The process that forks workers."""
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.communicate(timeout=20)


@dataclass
class Workers:
    """Worker processes of one installation, and what they have done to the world."""

    here: "Installation"
    forks: "subprocess.Popen[str]"
    address: str
    pids: list[int] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.here.settings.home

    def begin(self, *, dies: tuple[str, ...] = (), halts: tuple[str, ...] = ()) -> int:
        """Start a worker and return its pid."""
        order = {
            "home": str(self.home),
            "address": self.address,
            "dies": dies,
            "halts": halts,
        }
        assert self.forks.stdin is not None
        assert self.forks.stdout is not None
        self.forks.stdin.write(json.dumps(order) + "\n")
        self.forks.stdin.flush()
        pid = int(self.forks.stdout.readline())
        self.pids.append(pid)
        return pid

    async def at(self, place: str) -> None:
        """Wait until a worker has come to a place where it halts."""

        async def is_there() -> bool:
            return (self.home / f"at-{place}").exists()

        await self.here.until(is_there, f"a worker at {place}")

    def open(self, place: str) -> None:
        (self.home / f"open-{place}").touch()

    async def died(self, pid: int) -> None:
        async def is_gone() -> bool:
            return not is_up(pid)

        await self.here.until(is_gone, "a worker's death")

    async def recover(self) -> int:
        return await recover(self.here.client, self.home)

    def freeze(self, pid: int) -> None:
        """Freeze a worker, though not inside a transaction, where it would hold up all others."""
        os.kill(pid, signal.SIGSTOP)
        while not self._can_write():
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.01)
            os.kill(pid, signal.SIGSTOP)

    def _can_write(self) -> bool:
        try:
            with closing(sqlite3.connect(self.home / "perdure.db", timeout=0.5)) as connection:
                connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        return True

    def wake(self, pid: int) -> None:
        os.kill(pid, signal.SIGCONT)

    def kill(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def bill(self) -> list[tuple[int, int]]:
        """Return what was paid, each with the pid of who paid."""
        file = self.home / "bill"
        lines = file.read_text().splitlines() if file.exists() else []
        return [(int(number), int(pid)) for number, pid in map(str.split, lines)]

    async def turns(self, pid: int, seconds: float) -> None:
        """Wait until a worker's loop has gone round for so long, counted by what it writes."""
        file = self.home / f"tasks-{pid}"
        seen, last = 0, 0
        while seen < seconds / 0.02:
            stamp = file.stat().st_mtime_ns if file.exists() else 0
            seen, last = seen + (stamp != last), stamp
            await asyncio.sleep(0.01)


def is_up(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest_asyncio.fixture(loop_scope="session")
async def workers(install: "Install", forks: "subprocess.Popen[str]") -> AsyncIterator[Workers]:
    """Return an installation whose workflows run here, and whose agents in other processes."""

    async def paying(run: Run, goal: Goal) -> Result:
        raise AssertionError("it runs elsewhere")

    here = await install(AgentSpec(name="paying", description="", agent=paying), work=False)
    address = here.client.service_client.config.target_host
    mine = Workers(here, forks, address)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(
            Worker(
                here.client,
                task_queue=TASK_QUEUE,
                workflows=[AgentGoalWorkflow],
                activities=[
                    Prepare(here.stores, here.service.registry).prepare_agent_context,
                    Store(here.stores).store_agent_results,
                ],
                # Within workflow tasks alone; what agents do is for the other processes.
                no_remote_activities=True,
                workflow_runner=UnsandboxedWorkflowRunner(),
            )
        )
        try:
            yield mine
        finally:
            for pid in mine.pids:
                mine.kill(pid)
