"""The worker pool: a supervisor with several worker processes.

It loads no plugin and runs no goal, so that nothing an agent does can hurt it.
"""

import asyncio
import math
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil
import structlog
from temporalio.client import Client

from perdure.settings import Settings
from perdure.temporal.worker.recovery import recover

LOOK_SECONDS: Final = 5.0
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
# What a child may take beyond its drain before it is killed.
KILL_AFTER_SECONDS: Final = 10.0
# How long a worker may grow before it is replaced, at first; twice as long each time, so that a
# goal whose one step needs more than a share comes to the step's end some day.
SPARED_SECONDS: Final = 60.0
LONGEST_SPARED: Final = 3600.0
_READY: Final = b"\n"

log = structlog.get_logger()


class Pool:
    """Keeps worker processes running.

    Attributes:
        children: The process id of each worker that runs, by its place in the pool.
        working: The places whose worker has started up and takes goals.
    """

    def __init__(
        self,
        client: Client,
        settings: Settings,
        processes: int,
        *,
        spared_seconds: float = SPARED_SECONDS,
    ) -> None:
        """Prepare a pool.

        Args:
            client: A client of the supervisor's own, which hands on what a dead worker left.
            settings: Where the stores are, and how much memory workers may use.
            processes: How many workers.
            spared_seconds: How old a worker is before it is first replaced for its memory.
        """
        self.children: dict[int, int] = {}
        self.working: set[int] = set()
        self._client = client
        self._home = settings.home
        self._processes = processes
        self._drain = settings.drain_seconds
        self._share = int(_memory() * settings.memory_target / processes)
        self._environment = dict(os.environ)
        self._spared = dict.fromkeys(range(processes), spared_seconds)
        self._look_at: dict[int, float] = {}

    async def run(self, ready: Callable[[], None]) -> None:
        """Run the workers until cancelled; then they drain, and this returns when all have ended.

        Args:
            ready: Called once, when every worker runs goals.
        """
        waiting = [asyncio.Event() for _ in range(self._processes)]

        async def tell() -> None:
            for event in waiting:
                await event.wait()
            ready()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(tell())
            tasks.create_task(self._look())
            for place, event in enumerate(waiting):
                tasks.create_task(self._keep(place, event))

    async def _keep(self, place: int, ready: asyncio.Event) -> None:
        """Keep one place of the pool filled."""
        pause = FIRST_PAUSE
        while True:
            has_worked, status = await self._fill(place, ready)
            log.warning("worker ended, another begins", place=place, status=status)
            await self._recover()
            if has_worked:
                pause = FIRST_PAUSE
            else:
                # What keeps it from working is likely to be there still.
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _fill(self, place: int, ready: asyncio.Event) -> tuple[bool, int]:
        """Run one worker to its end; return whether it has worked, and its exit status."""
        # Its standard input is a line to the supervisor: the worker says there that it is ready,
        # and when the line is cut, however the supervisor ended, it drains. What its agents print
        # goes where its log goes, past the supervisor.
        line, end = socket.socketpair()
        with line, end:
            try:
                child = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "perdure.cli", "worker", "--supervised"),
                    stdin=end.fileno(),
                    stdout=2,
                    start_new_session=True,
                    env=self._environment,
                )
            except OSError as error:  # no memory or no process to be had
                log.warning("worker not started", place=place, reason=str(error))
                return False, 1
            end.close()
            self.children[place] = child.pid
            self._look_at[place] = time.monotonic() + self._spared[place]
            hearing = asyncio.create_task(self._hear(line, place, ready))
            try:
                status = await child.wait()
                # What it has started may hold the line open and say nothing.
                return hearing.done() and hearing.result(), status
            finally:
                hearing.cancel()
                self.working.discard(place)
                del self.children[place]
                if child.returncode is None:
                    await asyncio.shield(self._stop(child))

    async def _hear(self, line: socket.socket, place: int, ready: asyncio.Event) -> bool:
        """Return whether a worker says that it is ready, before it ends."""
        line.setblocking(False)
        try:
            is_ready = await asyncio.get_running_loop().sock_recv(line, 1) == _READY
        except OSError:
            return False
        if is_ready:
            ready.set()
            self.working.add(place)
            # It was meant for now: one that takes a dead one's place, after a newer version has
            # taken over, must not take the goals back.
            self._environment["PERDURE_MAKE_CURRENT"] = "false"
        return is_ready

    async def _stop(self, child: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            child.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._drain + KILL_AFTER_SECONDS):
                await child.wait()
        except TimeoutError:
            log.warning("worker does not end, killed", pid=child.pid)
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
            await self._recover()

    async def _look(self) -> None:
        while True:
            await self._recover()
            for place, pid in list(self.children.items()):
                self._look_at_memory(place, pid)
            await asyncio.sleep(LOOK_SECONDS)

    def _look_at_memory(self, place: int, pid: int) -> None:
        if time.monotonic() < self._look_at[place]:
            return
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            used = psutil.Process(pid).memory_info().rss
            if used > self._share:
                log.warning(
                    "worker uses more than its share of memory, replaced",
                    place=place,
                    used_mib=used >> 20,
                    share_mib=self._share >> 20,
                )
                # Told once: told again, it would cut off the steps that it lets end.
                self._look_at[place] = math.inf
                self._spared[place] = min(self._spared[place] * 2, LONGEST_SPARED)
                os.kill(pid, signal.SIGTERM)

    async def _recover(self) -> None:
        try:
            await recover(self._client, self._home)
        except Exception:
            log.exception("recovery failed")


def _memory() -> int:
    """Return the bytes of memory that this machine, or the container's limit, allows."""
    machine = int(psutil.virtual_memory().total)
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            return min(machine, int(Path(limit).read_text(encoding="ascii")))
    return machine
