"""The faults that come from outside, in an order that the seed decides."""

import asyncio
import random
import resource
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress

import asyncpg
import psutil

from perdure.temporal.server.processes import stop_process
from tests.faults import worker_patches
from tests.faults.cluster import Cluster
from tests.support.postgresql import PostgreSQL

AWAY_SECONDS = 2.0
FROZEN_SECONDS = worker_patches.HEARTBEAT_TIMEOUT.total_seconds() + 1.5
HOUR = 3600.0
LARGEST_FILE = 32_768
KILL_PAUSE_SECONDS = (5.0, 40.0)


class FaultInjector:
    """Injects one fault after another.

    Attributes:
        injected: How often each fault was injected.
    """

    def __init__(self, cluster: Cluster, seed: int) -> None:
        self.injected: Counter[str] = Counter()
        self._cluster = cluster
        self._random = random.Random(seed)
        self._faults: tuple[Callable[[], Awaitable[None]], ...] = (
            *(self.kill_worker, self.kill_supervisor, self.freeze_worker, self.deploy),
            *(self.move_clock, self.kill_server, self.lock_database, self.hide_stores),
            *(self.hide_events, self.fill_disk, self.freeze_endpoint),
        )
        self._bag: list[Callable[[], Awaitable[None]]] = []
        self._kinds = len(self._faults) + (cluster.postgresql is not None)

    @property
    def has_injected_all(self) -> bool:
        """Whether each fault was injected at least once."""
        return len(self.injected) == self._kinds

    async def inject(self, pause: float) -> None:
        """Inject faults until cancelled, with so many seconds between two.

        PostgreSQL is killed beside the others.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._inject_others(pause))
            if self._cluster.postgresql is not None:
                group.create_task(self._kill_database(self._cluster.postgresql))

    async def _kill_database(self, postgresql: PostgreSQL) -> None:
        """Kill PostgreSQL for up to two seconds, every five to forty."""
        while True:
            await asyncio.sleep(self._random.uniform(*KILL_PAUSE_SECONDS))
            away = self._random.uniform(0, AWAY_SECONDS)
            sys.stderr.write("fault: kill_database\n")
            killing = asyncio.ensure_future(asyncio.to_thread(_restart, postgresql, away))
            try:
                await asyncio.shield(killing)
            except asyncio.CancelledError:
                await killing
                raise
            self.injected["kill_database"] += 1

    async def _inject_others(self, pause: float) -> None:
        while True:
            await asyncio.sleep(pause * (0.5 + self._random.random()))
            if not self._bag:
                self._bag = list(self._faults)
                self._random.shuffle(self._bag)
            fault = self._bag.pop()
            name = fault.__name__
            sys.stderr.write(f"fault: {name}\n")
            # To its end also when it is time to stop: what was frozen has to thaw.
            injecting = asyncio.ensure_future(fault())
            try:
                await asyncio.shield(injecting)
            except asyncio.CancelledError:
                await injecting
                raise
            self.injected[name] += 1

    async def kill_worker(self) -> None:
        """Kill a worker with SIGKILL."""
        with suppress(psutil.NoSuchProcess):
            (await self._worker()).kill()
        await self._ensure_single()

    async def kill_supervisor(self) -> None:
        """Kill the pool's supervisor; its workers notice, and another pool begins."""
        self._cluster.workers()
        assert self._cluster.pool is not None
        # A pool that was started while the server was away has ended by itself.
        with suppress(ProcessLookupError):
            self._cluster.pool.process.kill()
        await self._cluster.pool.process.wait()
        await self._cluster.start_pool()

    async def freeze_worker(self) -> None:
        """Freeze a worker until Temporal takes it for dead, and let it go on."""
        worker = await self._worker()
        with suppress(psutil.NoSuchProcess):
            worker.suspend()
            await asyncio.sleep(FROZEN_SECONDS)
            worker.resume()

    async def deploy(self) -> None:
        """Stop a worker in good order, and start one with the other version of the plugin."""
        await self._replace(version=self._random.choice((1, 2)))

    async def move_clock(self) -> None:
        """Start a worker whose clock is an hour wrong."""
        await self._replace(version=2, clock=self._random.choice((HOUR, -HOUR)))

    async def kill_server(self) -> None:
        """Kill the Temporal server, and start it on the same database."""
        await self._cluster.kill_server()
        await asyncio.sleep(AWAY_SECONDS / 2)
        await self._cluster.start_server()

    async def lock_database(self) -> None:
        """Let no run's record be written."""
        if self._cluster.postgresql is None:
            await asyncio.to_thread(self._lock, AWAY_SECONDS)
            return
        address = self._cluster.database_url.replace("+asyncpg", "")
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # it was killed
            connection = await asyncpg.connect(address)
            try:
                async with connection.transaction():
                    await connection.execute("LOCK TABLE goals IN EXCLUSIVE MODE")
                    await asyncio.sleep(AWAY_SECONDS)
            finally:
                connection.terminate()

    async def hide_stores(self) -> None:
        """Let every statement of a worker fail."""
        await self._flag(worker_patches.STORES_GONE)

    async def hide_events(self) -> None:
        """Let every event of a worker fail."""
        await self._flag(worker_patches.EVENTS_GONE)

    async def fill_disk(self) -> None:
        """Let no worker write a file any larger."""
        workers = self._cluster.workers()
        self._limit(workers, LARGEST_FILE)
        try:
            await asyncio.sleep(AWAY_SECONDS)
        finally:
            # Those that began meanwhile have it from their parents.
            self._limit([*workers, *self._cluster.workers()], resource.RLIM_INFINITY)

    async def freeze_endpoint(self) -> None:
        """Let the model endpoint say nothing at all."""
        assert self._cluster.endpoint is not None
        self._cluster.endpoint.send_signal(signal.SIGSTOP)
        await asyncio.sleep(AWAY_SECONDS)
        self._cluster.endpoint.send_signal(signal.SIGCONT)

    async def ensure_worker(self) -> None:
        """Return once there is a worker."""
        await self._worker()

    async def _worker(self) -> psutil.Process:
        while not (workers := self._cluster.workers()):
            # A pool that was started just before the server was killed has ended by itself.
            pool = self._cluster.pool
            if pool is None or pool.process.returncode is not None:
                await self._cluster.start_pool()
            await asyncio.sleep(0.2)
        return self._random.choice(sorted(workers, key=lambda worker: worker.pid))

    async def _ensure_single(self) -> None:
        single = self._cluster.single
        await asyncio.sleep(0.2)
        if single is None or single.process.returncode is not None:
            await self._cluster.start_single(version=self._random.choice((1, 2)))

    async def _replace(self, *, version: int, clock: float = 0) -> None:
        assert self._cluster.single is not None
        await stop_process(self._cluster.single.process, grace_seconds=15)
        await self._cluster.start_single(version=version, clock=clock)

    def _lock(self, seconds: float) -> None:
        place = self._cluster.settings.home / "perdure.db"
        with closing(sqlite3.connect(place, timeout=20, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            database.execute("ROLLBACK")

    async def _flag(self, name: str) -> None:
        flag = self._cluster.folder / name
        flag.touch()
        try:
            await asyncio.sleep(AWAY_SECONDS)
        finally:
            flag.unlink()

    def _limit(self, workers: list[psutil.Process], size: int) -> None:
        for worker in workers:
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                hard = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE)[1]
                resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (size, hard))


def _restart(postgresql: PostgreSQL, away: float) -> None:
    postgresql.kill()
    time.sleep(away)
    postgresql.start()
