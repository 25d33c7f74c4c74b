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
from perdure.temporal.worker.pool_metrics import PoolMetrics
from perdure.temporal.worker.recovery import recover

CHECK_SECONDS: Final = 5.0
INITIAL_DELAY: Final = 1.0
MAX_DELAY: Final = 30.0
# What a child may take beyond its drain before it is killed.
KILL_AFTER_SECONDS: Final = 10.0
# How long a worker may grow before it is replaced, at first; twice as long each time, so that a
# goal with one step that needs more than a share gets to the end of that step at last.
MEMORY_GRACE_SECONDS: Final = 60.0
MAX_MEMORY_GRACE: Final = 3600.0
_READY_MESSAGE: Final = b"\n"

log = structlog.get_logger()


class Pool:
    """Keeps worker processes running.

    Attributes:
        children: The process id of each running worker, by its slot in the pool.
        working: The slots whose worker is ready and takes goals.
        metrics: What the workers measure.
    """

    def __init__(
        self,
        client: Client,
        settings: Settings,
        processes: int,
        *,
        memory_grace_seconds: float = MEMORY_GRACE_SECONDS,
    ) -> None:
        """Prepare a pool.

        Args:
            client: A client of the supervisor's own, which reassigns the goals of dead workers.
            settings: Where the stores are, and how much memory workers may use.
            processes: How many workers.
            memory_grace_seconds: How old a worker is before it is first replaced for its memory.
        """
        self.children: dict[int, int] = {}
        self.working: set[int] = set()
        self.metrics = PoolMetrics()
        self._client = client
        self._home = settings.home
        self._processes = processes
        self._drain = settings.drain_seconds
        self._share = int(_memory() * settings.memory_target / processes)
        self._environment = dict(os.environ)
        self._memory_grace = dict.fromkeys(range(processes), memory_grace_seconds)
        self._check_memory_after: dict[int, float] = {}

    async def run(self, ready: Callable[[], None]) -> None:
        """Run the workers until cancelled; then they drain, and this returns when all have ended.

        Args:
            ready: Called once, when every worker runs goals.
        """
        waiting = [asyncio.Event() for _ in range(self._processes)]

        async def report_ready() -> None:
            for event in waiting:
                await event.wait()
            ready()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(report_ready())
            tasks.create_task(self._check_regularly())
            for slot, event in enumerate(waiting):
                tasks.create_task(self._keep_running(slot, event))

    async def _keep_running(self, slot: int, ready: asyncio.Event) -> None:
        """Keep a worker running in a slot of the pool."""
        pause = INITIAL_DELAY
        while True:
            has_worked, status = await self._run_one(slot, ready)
            log.warning("worker ended, another begins", slot=slot, status=status)
            await self._recover()
            if has_worked:
                pause = INITIAL_DELAY
            else:
                # What keeps it from working is likely to be there still.
                await asyncio.sleep(pause)
                pause = min(pause * 2, MAX_DELAY)

    async def _run_one(self, slot: int, ready: asyncio.Event) -> tuple[bool, int]:
        """Run one worker to its end; return whether it has worked, and its exit status."""
        # Its standard input is a socket to the supervisor: the worker writes there that it is
        # ready, and when it is closed, however the supervisor ended, it drains. What its agents
        # print goes where its log goes, past the supervisor.
        ours, theirs = socket.socketpair()
        with ours, theirs:
            try:
                child = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "perdure.cli", "worker", "--supervised"),
                    stdin=theirs.fileno(),
                    stdout=2,
                    start_new_session=True,
                    env=self._environment,
                )
            except OSError as error:  # no memory or no process to be had
                log.warning("worker not started", slot=slot, reason=str(error))
                return False, 1
            theirs.close()
            self.children[slot] = child.pid
            self._check_memory_after[slot] = time.monotonic() + self._memory_grace[slot]
            listening = asyncio.create_task(self._listen(ours, slot, ready))
            try:
                status = await child.wait()
                # Its own children may hold the socket open and write nothing.
                return slot in self.working, status
            finally:
                listening.cancel()
                self.metrics.end(slot)
                self.working.discard(slot)
                del self.children[slot]
                if child.returncode is None:
                    await asyncio.shield(self._stop(child))

    async def _listen(self, channel: socket.socket, slot: int, ready: asyncio.Event) -> None:
        """Note that a worker is ready, and then what it measures, until it ends."""
        channel.setblocking(False)
        with suppress(OSError):
            if await asyncio.get_running_loop().sock_recv(channel, 1) != _READY_MESSAGE:
                return
            ready.set()
            self.working.add(slot)
            # It was meant for now: one that takes a dead one's slot, after a newer version has
            # taken over, must not take the goals back.
            self._environment["PERDURE_MAKE_CURRENT"] = "false"
            await self.metrics.receive(slot, channel)

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

    async def _check_regularly(self) -> None:
        while True:
            await self._recover()
            for slot, pid in list(self.children.items()):
                self._check_memory(slot, pid)
            await asyncio.sleep(CHECK_SECONDS)

    def _check_memory(self, slot: int, pid: int) -> None:
        if time.monotonic() < self._check_memory_after[slot]:
            return
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            used = psutil.Process(pid).memory_info().rss
            if used > self._share:
                log.warning(
                    "worker uses more than its share of memory, replaced",
                    slot=slot,
                    used_mib=used >> 20,
                    share_mib=self._share >> 20,
                )
                # Signalled once: a second signal would interrupt the steps that are still to end.
                self._check_memory_after[slot] = math.inf
                self._memory_grace[slot] = min(self._memory_grace[slot] * 2, MAX_MEMORY_GRACE)
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
