"""From an agent's yield to those who follow it: server, worker, API and readers, each a process.

A hundred readers follow one goal over HTTP. Then five hundred do, and what they cost the API's
process is counted: its queries, and its connections to the Temporal server that it was given.
"""

import asyncio
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from benchmarks import stream_processes
from benchmarks.verdict import Figure, print_verdict, report
from perdure.agents import Goal
from perdure.cli.runtime.event_loop import run_async
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.development_server import run_development_server


@dataclass(frozen=True)
class Round:
    """One goal that is followed: by how many, and how much its agent yields, how fast."""

    readers: int
    events: int
    seconds_between: float


ROUND = Round(readers=100, events=200, seconds_between=0.1)
CROWD = Round(readers=500, events=50, seconds_between=0.4)


@dataclass
class Deliveries:
    """What reached the readers of one goal.

    Attributes:
        seconds: From the yield to the reader, each event at each reader.
        numbers: The event numbers that reached each reader.
        begun: Readers that something has reached.
    """

    seconds: list[float] = field(default_factory=list)
    numbers: list[list[int]] = field(default_factory=list)
    begun: int = 0


async def read(api: str, workflow_id: str, deliveries: Deliveries) -> None:
    """Follow a goal to its end over HTTP, with as little work as a client can do."""
    place = urlsplit(api)
    incoming, outgoing = await asyncio.open_connection(place.hostname, place.port)
    request = f"GET /api/goals/{workflow_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
    outgoing.write(request.encode())
    numbers: list[int] = []
    deliveries.numbers.append(numbers)
    try:
        while (line := await incoming.readline()) not in {b"0\r\n", b""}:
            if not line.startswith(b"data: "):
                continue
            arrived = time.time_ns()
            event = json.loads(line[6:])
            numbers.append(event["number"])
            deliveries.begun += event["type"] == "run.started"
            if event["type"] == "progress":
                deliveries.seconds.append((arrived - int(event["data"]["message"])) / 1e9)
    finally:
        outgoing.close()


class Process:
    """The worker or the API, in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def read(self) -> Any:
        """Return the next thing it says."""
        assert self._process.stdout is not None
        return json.loads(await self._process.stdout.readline())

    async def ask(self) -> Any:
        """Return what it has used so far."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return await self.read()


@asynccontextmanager
async def running(role: str, home: Path, address: str) -> AsyncIterator[Process]:
    """Run the worker or the API until the block ends."""
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", stream_processes.__name__, role, str(home), address)
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    try:
        yield Process(process)
    finally:
        process.stdin.close()
        await process.wait()


class Landline:
    """Listens where the API is told that Temporal is, and counts who connects."""

    def __init__(self) -> None:
        self.calls = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Listen as long as the block runs; gives the address."""
        async with await asyncio.start_server(self._take, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            yield f"{host}:{port}"

    def _take(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        writer.close()


async def follow(service: GoalService, api: str, home: Path, how: Round) -> Deliveries:
    """Hand in a goal and follow it; its agent talks once every reader listens."""
    sign = home / f"talk-to-{how.readers}"
    goal = Goal(
        goal_id="stream",
        description="talk",
        agent_type=stream_processes.SPEC.name,
        parameters={
            "events": how.events,
            "seconds_between": how.seconds_between,
            "sign": str(sign),
        },
    )
    workflow_id = await service.start(goal)
    deliveries = Deliveries()
    reading = [asyncio.create_task(read(api, workflow_id, deliveries)) for _ in range(how.readers)]
    while deliveries.begun < how.readers:  # noqa: ASYNC110 -- any of them may be last
        await asyncio.sleep(0.01)
    sign.touch()
    await asyncio.gather(*reading)
    record = await service.stores.goals.get(workflow_id)
    assert record.success, record.error
    for numbers in deliveries.numbers:
        assert numbers == list(range(1, len(numbers) + 1)), "a reader missed an event"
        assert len(numbers) >= how.events + 2
    return deliveries


def ask_about_temporal(api: str) -> None:
    """Let the API call the Temporal server, which is not there."""
    with suppress(urllib.error.HTTPError):
        urllib.request.urlopen(f"{api}/readyz", timeout=30).close()


async def cost_of_a_crowd(
    service: GoalService, api: Process, api_url: str, home: Path
) -> dict[str, float]:
    """Return what five hundred readers of one goal cost the API's process."""
    before, began = await api.ask(), time.perf_counter()
    deliveries = await follow(service, api_url, home, CROWD)
    after, seconds = await api.ask(), time.perf_counter() - began
    return {
        "readers": CROWD.readers,
        "events_told": sum(map(len, deliveries.numbers)),
        "queries_per_second": (after["queries"] - before["queries"]) / seconds,
        "processor_share": (after["cpu"] - before["cpu"]) / seconds,
        "p50_ms": percentile(deliveries, 50) * 1000,
        "p99_ms": percentile(deliveries, 99) * 1000,
    }


def percentile(deliveries: Deliveries, share: int) -> float:
    """Return a percentile of the seconds from yield to reader."""
    ordered = sorted(deliveries.seconds)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]


async def measure() -> bool:
    """Measure and print the verdict."""
    binary = await ensure_server_binary(Settings(), report)
    landline = Landline()
    with TemporaryDirectory(prefix="perdure-benchmark-") as folder:
        home = Path(folder)
        async with (
            run_development_server(binary.path, home / "temporal", port=0, ui_port=0) as server,
            open_stores(Settings(home=home, database_url="")) as stores,
            landline.listening() as nobody,
            running("worker", home, server.address) as worker,
            running("api", home, nobody) as api,
        ):
            service = GoalService(
                await connect(server.address), stores, stream_processes.registry()
            )
            await worker.read()
            url = (await api.read())["url"]
            deliveries = await follow(service, url, home, ROUND)
            crowd = await cost_of_a_crowd(service, api, url, home)
            calls = landline.calls
            await asyncio.to_thread(ask_about_temporal, url)
            assert landline.calls > calls, "calls are not counted"
    p50, p99 = percentile(deliveries, 50), percentile(deliveries, 99)
    report(f"{ROUND.readers} readers: {p50 * 1000:.1f} ms at the median, {p99 * 1000:.1f} ms p99")
    report(
        f"{CROWD.readers} readers: {crowd['queries_per_second']:.1f} queries/s, no Temporal call"
    )
    return print_verdict(
        {
            "p50_ms": Figure(p50 * 1000, 25, "at most"),
            "temporal_calls": Figure(calls, 0, "at most"),
        },
        {
            "p99_ms": round(p99 * 1000, 2),
            "events_heard": len(deliveries.seconds),
            "crowd": {name: round(value, 2) for name, value in crowd.items()},
        },
    )


def main() -> bool:
    """Run the benchmark; whether every target is reached."""
    return run_async(measure())
