"""Workers as processes that can be killed and frozen; the goal's workflow stays in the test."""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from perdure.temporal.worker.recovery import recover
from tests.support.fork_server import ForkServer
from tests.support.installation import Install, Installation, spec_elsewhere
from tests.support.processes import is_running
from tests.support.until import until_async


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """The process that forks workers."""
    server = ForkServer("tests.durability.paying_worker:work")
    try:
        yield server
    finally:
        server.stop()


@dataclass
class Workers:
    """Worker processes of one installation, and what they have done to the world."""

    here: Installation
    fork_server: ForkServer
    pids: list[int] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.here.settings.home

    def start(self, *, dies: tuple[str, ...] = (), halts: tuple[str, ...] = ()) -> int:
        """Start a worker and return its pid."""
        pid = self.fork_server.fork(
            home=str(self.home), address=self.here.address, dies=dies, halts=halts
        )
        self.pids.append(pid)
        return pid

    async def at(self, place: str) -> None:
        """Wait until a worker has come to a place where it halts."""

        await until_async((self.home / f"at-{place}").exists, f"a worker at {place}")

    def open(self, place: str) -> None:
        (self.home / f"open-{place}").touch()

    async def died(self, pid: int) -> None:
        await until_async(lambda: not is_running(pid), "a worker's death")

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


@pytest_asyncio.fixture(loop_scope="session")
async def workers(install: Install, fork_server: ForkServer) -> AsyncIterator[Workers]:
    """Return an installation whose workflows run here, and whose agents in other processes."""
    here = await install(spec_elsewhere("paying"), spec_elsewhere("commanding"), work=False)
    workers = Workers(here, fork_server)
    async with here.workflow_worker():
        try:
            yield workers
        finally:
            for pid in workers.pids:
                workers.kill(pid)
