"""Faults of a running installation, made for real: each fires its alert, which clears after."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import psutil
import pytest
from sqlalchemy import make_url

from perdure.temporal.server.development_server import DevelopmentServer
from perdure.temporal.server.ports import free_port
from tests.support.plugins import install_plugin
from tests.support.postgresql import PostgreSQL
from tests.support.prometheus import Prometheus, needs_prometheus, run_prometheus
from tests.support.redis_server import RedisServer
from tests.support.relay import Relay, relay_to
from tests.support.span_collector import run_span_collector
from tests.support.until import until_async

pytestmark = [needs_prometheus, pytest.mark.slow]

DISK_BYTES: Final = 32 << 20
QUEUE_LIMIT_SECONDS: Final = 1.0
# There and back is so much more than the five seconds that an event may be late.
SLOW_SECONDS: Final = 1.5

AGENTS: Final = '''
import asyncio
from pathlib import Path

from pydantic import BaseModel

from perdure.agents import AgentSpec, Goal, Result, Run, hookimpl


class Parameters(BaseModel):
    until: str = ""


async def patient(run: Run, goal: Goal) -> Result:
    """Say that it is there, until there is a file of some name."""
    file = goal.parameters["until"]
    while file and not Path(file).exists():
        await run.progress(50, "waits")
        await asyncio.sleep(0.2)
    return Result(summary="done")


@hookimpl
def register_agents():
    return [
        AgentSpec(name="patient", description="Waits.", agent=patient, parameters=Parameters)
    ]
'''


@dataclass
class Installed:
    """An API and a worker, each a process, with a network between them and what they need.

    Attributes:
        api: Asks the API.
        home: Its home, a disk of its own.
        api_database: The network between the API and the database.
        worker_database: That between the worker and the database.
        temporal: That between the API and Temporal.
        spans_port: Where the worker looks for a collector of spans.
        redis: What the API and the worker share.
    """

    api: httpx.AsyncClient
    home: Path
    api_database: Relay
    worker_database: Relay
    temporal: Relay
    spans_port: int
    redis: RedisServer

    async def hand_in(self, until: Path | None = None) -> str:
        """Hand in a goal that takes until a file is there; return its run."""
        goal = {
            "goal_id": "g",
            "description": "d",
            "agent_type": "patient",
            "parameters": {"until": str(until or "")},
        }
        started = await self.api.post("/api/execute-goal", json=goal)
        run: str = started.raise_for_status().json()["workflow_id"]
        return run

    async def status(self, run: str) -> str:
        """Return the status of a run."""
        record = (await self.api.get(f"/api/goals/{run}")).raise_for_status().json()
        return str(record["status"])

    async def until_status(self, run: str, status: str) -> None:
        """Wait until a run has a status."""

        async def has_status() -> bool:
            return await self.status(run) == status

        await until_async(has_status, f"status {status}")

    @asynccontextmanager
    async def followed(self, run: str) -> AsyncIterator[None]:
        """Follow a run's events, from when its agent works, as long as the block runs."""

        async def follow() -> None:
            async with self.api.stream("GET", f"/api/goals/{run}/events") as events:
                async for line in events.aiter_lines():
                    if line == "event: progress":
                        is_there.set()

        is_there = asyncio.Event()
        following = asyncio.create_task(follow())
        try:
            await is_there.wait()
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


@contextmanager
def running(log: Path, command: list[str], environment: dict[str, str]) -> Iterator[int]:
    """Run a command as long as the block runs, and yield its process."""
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process,
    ):
        try:
            yield process.pid
        finally:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.terminate()
            process.terminate()


@asynccontextmanager
async def installation(
    folder: Path, server: DevelopmentServer, database: str, redis: RedisServer
) -> AsyncIterator[tuple[Installed, list[str]]]:
    """Run an API, whose home is a small disk, and a worker; yield where their metrics are too."""
    install_plugin(folder / "site", "perdure-patient", AGENTS)
    home, url = folder / "small-disk", make_url(database)
    home.mkdir()
    temporal_port = int(server.address.rpartition(":")[2])
    assert url.port is not None
    api_port, worker_port, spans_port = free_port(), free_port(), free_port()
    path = os.pathsep.join(filter(None, [str(folder / "site"), os.environ.get("PYTHONPATH")]))
    common = os.environ | {
        "PERDURE_PLUGINS_ALLOW": "perdure-patient",
        "PERDURE_REDIS_URL": redis.url,
        "PYTHONPATH": path,
    }
    perdure = [sys.executable, "-m", "perdure.cli"]
    own_disk = ["bwrap", "--dev-bind", "/", "/", "--size", str(DISK_BYTES), "--tmpfs", str(home)]
    async with AsyncExitStack() as stack:
        relays = [
            await stack.enter_async_context(relay_to(port))
            for port in (url.port, url.port, temporal_port)
        ]
        of_api, of_worker, temporal = relays
        for_worker = {
            "PERDURE_HOME": str(folder / "home"),
            "PERDURE_DATABASE_URL": url.set(port=of_worker.port).render_as_string(),
            "PERDURE_METRICS_ADDRESS": f"127.0.0.1:{worker_port}",
            "PERDURE_MAX_CONCURRENT_GOALS": "1",
            "TEMPORAL_ADDRESS": server.address,
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{spans_port}/v1/traces",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "500",
        }
        for_api = {
            "PERDURE_HOME": str(home),
            "PERDURE_DATABASE_URL": url.set(port=of_api.port).render_as_string(),
            "TEMPORAL_ADDRESS": f"127.0.0.1:{temporal.port}",
        }
        api = [*own_disk, "--", *perdure, "api", "--port", str(api_port)]
        sandbox = stack.enter_context(running(folder / "api.log", api, common | for_api))
        worker = [*perdure, "worker"]
        stack.enter_context(running(folder / "worker.log", worker, common | for_worker))
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{api_port}", timeout=60)
        )

        async def is_ready() -> bool:
            try:
                return (await client.get("/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await until_async(is_ready, "the API being ready")
        (process,) = psutil.Process(sandbox).children()
        seen_from_here = Path(f"/proc/{process.pid}/root{home}")
        yield (
            Installed(client, seen_from_here, of_api, of_worker, temporal, spans_port, redis),
            [f"127.0.0.1:{port}" for port in (api_port, worker_port)],
        )


async def test_every_fault_fires_its_alert_which_clears_when_it_is_mended(
    tmp_path: Path,
    server: DevelopmentServer,
    postgresql: PostgreSQL,
    redis_server: RedisServer,
) -> None:
    async with (
        postgresql.database() as database,
        installation(tmp_path, server, database, redis_server) as (here, targets),
        run_prometheus(tmp_path, targets, queue_seconds=QUEUE_LIMIT_SECONDS) as prometheus,
    ):
        await prometheus.until_all_answer(len(targets))
        await here.until_status(await here.hand_in(), "completed")
        await fill_the_disk_and_the_queue(here, prometheus, tmp_path)
        with run_span_collector(here.spans_port) as collector:
            await here.until_status(await here.hand_in(), "completed")
            await prometheus.until_clears("PerdureDisk", "PerdureQueue", "PerdureSpansDropped")
            assert "invoke_agent patient" in collector.names
            # Prometheus asks the worker every second, and none of that is a trace.
            assert "GET /metrics" not in collector.names
            await slow_down_the_worker_and_cut_off_temporal(here, prometheus, tmp_path)
            await cut_off_the_stores(here, prometheus)
            await kill_redis(here, prometheus)
            await here.until_status(await here.hand_in(), "completed")
            assert await prometheus.firing() == set()


async def fill_the_disk_and_the_queue(
    here: Installed, prometheus: Prometheus, folder: Path
) -> None:
    """Fill the disk, have a goal wait for the only slot, and have nobody take spans."""
    (here.home / "filler").write_bytes(bytes(DISK_BYTES * 95 // 100))
    release = folder / "release-the-slot"
    holding = await here.hand_in(release)
    async with here.followed(holding):  # its agent works
        waiting, handed_in_at = await here.hand_in(), time.monotonic()
        await until_async(
            lambda: time.monotonic() - handed_in_at > 2 * QUEUE_LIMIT_SECONDS, "a wait in the queue"
        )
        release.touch()
    await prometheus.until_fires("PerdureDisk", "PerdureQueue", "PerdureSpansDropped")
    await here.until_status(waiting, "completed")
    (here.home / "filler").unlink()


async def slow_down_the_worker_and_cut_off_temporal(
    here: Installed, prometheus: Prometheus, folder: Path
) -> None:
    """Slow down the worker's way to the database, and cut the API off from Temporal."""
    release = folder / "release-the-follower"
    run = await here.hand_in(release)
    async with here.followed(run):
        here.worker_database.delay = SLOW_SECONDS
        await here.temporal.close()
        await prometheus.until_fires("PerdureEventLag", "PerdureStoresSlow", "PerdureTemporalAway")
        here.worker_database.delay = 0.0
        await here.temporal.open()
        release.touch()
        await here.until_status(run, "completed")
    await prometheus.until_clears("PerdureEventLag", "PerdureStoresSlow", "PerdureTemporalAway")


async def cut_off_the_stores(here: Installed, prometheus: Prometheus) -> None:
    """Cut the API off from the database."""
    await here.api_database.close()
    await prometheus.until_fires("PerdureStoresAway")
    await here.api_database.open()
    await prometheus.until_clears("PerdureStoresAway")


async def kill_redis(here: Installed, prometheus: Prometheus) -> None:
    """Kill Redis, by which the events of goals are told; goals complete all the same."""
    here.redis.kill()

    async def complete_goals() -> None:
        while True:
            await here.until_status(await here.hand_in(), "completed")

    completing = asyncio.create_task(complete_goals())
    try:
        await prometheus.until_fires("PerdureRedisAway")
        assert not completing.done()
    finally:
        completing.cancel()
        await asyncio.gather(completing, return_exceptions=True)
    assert here.redis.start()
    await prometheus.until_clears("PerdureRedisAway")
