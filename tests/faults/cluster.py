"""A cluster of its own: a Temporal server, workers, a model endpoint, all real processes."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from perdure.settings import Settings
from perdure.temporal.server.development_server import DevelopmentServer, run_development_server
from perdure.temporal.server.ports import choose_ports
from perdure.temporal.server.processes import start_process, stop_process
from tests.faults import effects, endpoint, worker_patches
from tests.faults.network import Network, open_network
from tests.support.plugins import install_plugin
from tests.support.postgresql import PostgreSQL, run_postgresql

ROOT = Path(__file__).parents[2]
PLUGIN = "perdure-faults"
POOL = 2
_MODULE = """
from tests.faults import worker_patches
worker_patches.apply()
from tests.faults.agents import register_agents
"""


@dataclass
class Command:
    """A ``perdure worker`` that runs, alone or with a pool below it."""

    process: Process
    reading: asyncio.Task[None]
    is_pool: bool

    def workers(self) -> list[psutil.Process]:
        """Return the processes that run goals."""
        with suppress(psutil.NoSuchProcess):
            command = psutil.Process(self.process.pid)
            return [*command.children()] if self.is_pool else [command]
        return []


@dataclass
class Cluster:
    """A Temporal server, workers and a model endpoint, which faults are injected into.

    Attributes:
        folder: Where everything is kept.
        seed: What the faults depend on.
        server: The Temporal server.
        pool: A pool of workers.
        single: A worker by itself.
        postgresql: What the stores are in; SQLite when ``None``.
        database_url: Their address there.
        network: Where the worker by itself is; beside the server when ``None``.
    """

    folder: Path
    seed: int
    binary: Path
    ports: tuple[int, int]
    environment: dict[str, str]
    server: DevelopmentServer | None = None
    pool: Command | None = None
    single: Command | None = None
    endpoint: Process | None = None
    postgresql: PostgreSQL | None = None
    database_url: str = ""
    network: Network | None = None
    _running: AsyncExitStack = field(default_factory=AsyncExitStack)
    _seen: dict[int, psutil.Process] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The settings of the installation."""
        return Settings(home=self.folder / "home", database_url=self.database_url)

    @property
    def address(self) -> str:
        """Where the Temporal server listens, when it does."""
        return f"127.0.0.1:{self.ports[0]}"

    async def start_server(self) -> None:
        """Start the Temporal server, on the database that it had before."""
        grpc, ui = self.ports
        starting = run_development_server(
            self.binary, self.folder / "temporal", port=grpc, ui_port=ui
        )
        self.server = await self._running.enter_async_context(starting)
        assert self.server.ports.grpc == grpc, "somebody has taken the server's port"

    async def kill_server(self) -> None:
        """Kill it."""
        assert self.server is not None
        os.kill(self.server.pid, signal.SIGKILL)
        await self._running.aclose()
        self._running = AsyncExitStack()

    async def start_pool(self) -> None:
        """Start a pool of workers."""
        self.pool = await self._start("pool", {}, "--processes", str(POOL))

    async def start_single(self, *, version: int = 1, clock: float = 0) -> None:
        """Start a worker by itself, with any version of the plugin and any error of its clock."""
        given = {"PERDURE_FAULT_VERSION": str(version), worker_patches.CLOCK: str(clock)}
        given["PYTHONPATH"] = _path(self.folder / f"site-{version}")
        if self.network is None:
            self.single = await self._start("single", given)
            return
        given |= self.network.addresses(self.environment)
        # Nobody else starts one again that an agent has killed; a single process has no supervisor.
        inside = self.network.inside
        self.single = await self._start("single", given, "--processes", "2", inside=inside)

    async def start_endpoint(self, script: str) -> None:
        """Start the model endpoint."""
        self.endpoint = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "perdure.testing.model_endpoint.server", script),
            env=self.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self.endpoint.stdout is not None
        url = (await self.endpoint.stdout.readline()).decode().strip()
        self.environment |= {
            "PERDURE_MODEL": "openai-chat:gpt-4o-mini",
            "OPENAI_BASE_URL": url,
            "OPENAI_API_KEY": "scripted",
        }

    def workers(self) -> list[psutil.Process]:
        """Return every process that runs goals."""
        commands = [command for command in (self.pool, self.single) if command is not None]
        found = [worker for command in commands for worker in command.workers()]
        self._seen |= {worker.pid: worker for worker in found}
        return found

    async def end(self) -> None:
        """End every process that was started, and what those have started."""
        self.workers()
        for command in (self.pool, self.single):
            if command is not None:
                await stop_process(command.process, grace_seconds=10)
                await command.reading
        for worker in self._seen.values():
            # A worker whose supervisor was killed belongs to nobody; it is known by its start too.
            if worker.is_running():
                worker.kill()
        if self.endpoint is not None:
            self.endpoint.kill()
            await self.endpoint.wait()
        await self._running.aclose()

    async def _start(
        self, name: str, given: Mapping[str, str], *options: str, inside: tuple[str, ...] = ()
    ) -> Command:
        command = (*inside, sys.executable, "-m", "perdure.cli", "worker", *options)
        process = await start_process(command, environment={**self.environment, **given})
        reading = asyncio.create_task(self._read(name, process))
        return Command(process, reading, is_pool=bool(options))

    async def _read(self, name: str, process: Process) -> None:
        # Through here and not straight into a file: a worker whose disk is full can still log.
        assert process.stdout is not None
        with (self.folder / f"{name}.log").open("ab") as log:
            while line := await process.stdout.readline():
                log.write(line)
                log.flush()


def _path(site: Path) -> str:
    return os.pathsep.join((str(site), str(ROOT)))


@asynccontextmanager
async def run_cluster(
    folder: Path,
    seed: int,
    binary: Path,
    *,
    on_postgresql: bool = False,
    in_network: bool = False,
) -> AsyncIterator[Cluster]:
    """Run a cluster, and end all of it.

    Args:
        folder: Where everything is kept.
        seed: What the faults depend on.
        binary: The Temporal server's.
        on_postgresql: Keep the stores in a PostgreSQL of its own.
        in_network: Give the worker by itself a network of its own.
    """
    async with AsyncExitStack() as stack:
        postgresql, url = None, ""
        if on_postgresql:
            postgresql = stack.enter_context(run_postgresql(outlives_kills=True))
            url = await stack.enter_async_context(postgresql.database())
        cluster = _prepared(folder, seed, binary, url)
        cluster.postgresql = postgresql
        try:
            await cluster.start_endpoint("tests.faults.endpoint:script")
            await cluster.start_server()
            if in_network:
                models = urlsplit(cluster.environment["OPENAI_BASE_URL"]).port or 0
                opening = open_network(cluster.ports[0], models)
                cluster.network = await stack.enter_async_context(opening)
            await cluster.start_pool()
            await cluster.start_single(version=2)
            yield cluster
        finally:
            await cluster.end()


def _prepared(folder: Path, seed: int, binary: Path, database_url: str) -> Cluster:
    """Return a cluster of which nothing runs."""
    for version in (1, 2):
        install_plugin(folder / f"site-{version}", PLUGIN, _MODULE, version=f"{version}.0")
    (folder / "effects").mkdir()
    ports = choose_ports(0, 0)
    environment = os.environ | {
        effects.FOLDER: str(folder),
        endpoint.SEED: str(seed),
        "PERDURE_HOME": str(folder / "home"),
        "PERDURE_DATABASE_URL": database_url,
        "PERDURE_PLUGINS_ALLOW": PLUGIN,
        # It imports every module there is, which a busy machine takes long for.
        "PERDURE_PLUGIN_IMPORT_SECONDS": "120",
        "TEMPORAL_ADDRESS": f"127.0.0.1:{ports.grpc}",
        "PYTHONPATH": _path(folder / "site-1"),
    }
    os.environ[effects.FOLDER] = str(folder)
    return Cluster(
        *(folder, seed, binary, (ports.grpc, ports.ui), environment), database_url=database_url
    )
