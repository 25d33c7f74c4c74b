"""A batch of no-op items: its rate beside that of separate goals, and the memory that it takes.

``python -m benchmarks batch`` runs goals with 50 in flight, as separate goals and as items of a
batch in turns, and then batches of 1,000 and of 10,000 items, each in a process of its own, whose
memory is watched. ``python -m benchmarks batch 100000`` has the large one so large.
"""

import asyncio
import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.overhead import nothing
from benchmarks.peak_memory import PeakMemory
from benchmarks.verdict import Figure, print_verdict, report
from perdure.agents import AgentSpec, Goal
from perdure.agents.plugins.registry import AgentRegistry, InstalledAgent
from perdure.cli.runtime.event_loop import run_async
from perdure.models.batches import BatchSettings, BatchStatus, ItemContent, NewItem
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.temporal.batches.service import BatchService
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.development_server import run_development_server
from perdure.temporal.worker.run_worker import run_worker

AT_ONCE = 50
GOALS = 400
ROUNDS = 3
SMALL = 1_000
LARGE = 10_000
_LOOK_SECONDS = 0.05


@dataclass
class Installation:
    """A worker, and what hands goals and batches in to it."""

    stores: Stores
    service: GoalService

    async def separate(self, count: int, numbers: "itertools.count[int]") -> float:
        """Run separate goals with 50 in flight; return how many a second."""
        free = asyncio.Semaphore(AT_ONCE)

        async def one() -> None:
            goal = Goal(goal_id=f"one-{next(numbers)}", description="x", agent_type="nothing")
            async with free:
                workflow_id = await self.service.start(goal)
                with self.stores.events.reader(workflow_id) as reader:
                    while await reader.next():
                        continue

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(count)))
        return count / (time.perf_counter() - began)

    async def batch(self, count: int, name: str) -> float:
        """Run a batch with 50 in flight; return how many items a second, the hand-in counted."""
        settings = BatchSettings(agent_type="nothing", description="x", max_parallel=AT_ONCE)
        began = time.perf_counter()
        await BatchService(self.service).hand_in(name, settings, items(count))
        while (record := await self.stores.batches.get(name)).status is not BatchStatus.COMPLETED:  # noqa: ASYNC110 -- workers end it
            await asyncio.sleep(_LOOK_SECONDS)
        taken = time.perf_counter() - began
        assert record.counts.completed == count, record
        return count / taken


def items(count: int) -> Iterator[NewItem]:
    """Yield items, one at a time."""
    for number in range(count):
        yield NewItem(key=str(number), content=ItemContent(description=f"Item {number}"))


@asynccontextmanager
async def installation(address: str, home: Path) -> AsyncIterator[Installation]:
    """Give a worker for an agent that does nothing."""
    spec = AgentSpec(name="nothing", description="Does nothing.", agent=nothing)
    registry = AgentRegistry(agents={"nothing": InstalledAgent(spec, "benchmark", "1.0")})
    settings = Settings(home=home, database_url="")
    client = await connect(address)
    async with (
        open_stores(settings) as stores,
        run_worker(client, stores, registry, settings),
    ):
        yield Installation(stores, GoalService(client, stores, registry))


async def rates(address: str, home: Path) -> tuple[list[float], list[float]]:
    """Return goals a second, separate and as items, in turns."""
    numbers = itertools.count()
    separate, batched = [], []
    async with installation(address, home) as here:
        await here.separate(AT_ONCE, numbers)
        await here.batch(AT_ONCE, "warm-up")
        for turn in range(ROUNDS):
            # Who goes first changes: neither has the warmer server.
            if turn % 2:
                batched.append(await here.batch(GOALS, f"round-{turn}"))
                separate.append(await here.separate(GOALS, numbers))
            else:
                separate.append(await here.separate(GOALS, numbers))
                batched.append(await here.batch(GOALS, f"round-{turn}"))
            report(f"separate {separate[-1]:.1f}/s, as items {batched[-1]:.1f}/s")
    return separate, batched


async def one_batch(address: str, home: Path, count: int) -> None:
    """Run one batch, in a process whose memory another one watches."""
    async with installation(address, home) as here:
        rate = await here.batch(count, "one")
        report(f"{count:,} items, {rate:.1f}/s")


def peak(address: str, home: Path, count: int) -> int:
    """Return the most memory of the process that hands in a batch, feeds it and does its items."""
    arguments = ("-m", "benchmarks.batch", address, str(home), str(count))
    with subprocess.Popen((sys.executable, *arguments)) as process:
        watched = PeakMemory(process.pid)
        status = process.wait()
        most = watched.stop()
    if status:
        raise SystemExit(f"the batch of {count:,} items ended with status {status}")
    return most


async def measure(large: int) -> bool:
    """Measure and print the verdict."""
    binary = await ensure_server_binary(Settings(), report)
    with TemporaryDirectory(prefix="perdure-benchmark-") as folder:
        homes = Path(folder)
        async with run_development_server(
            binary.path, homes / "server", port=0, ui_port=0
        ) as server:
            separate, batched = await rates(server.address, homes / "rates")
            peaks = {
                count: await asyncio.to_thread(peak, server.address, homes / str(count), count)
                for count in (SMALL, large)
            }
    for count, most in peaks.items():
        report(f"{count:,} items: {most / 2**20:.0f} MiB at most")
    ratio = statistics.median(b / s for b, s in zip(batched, separate, strict=True))
    return print_verdict(
        {
            "rate_ratio": Figure(ratio, 0.9, "at least"),
            "memory_ratio": Figure(peaks[large] / peaks[SMALL], 1.15, "at most"),
        },
        {
            "separate_per_second": separate,
            "items_per_second": batched,
            "peak_bytes": {str(count): most for count, most in peaks.items()},
        },
    )


def main(large: str = str(LARGE)) -> bool:
    """Run the benchmark; return whether the targets are reached."""
    return run_async(measure(int(large)))


if __name__ == "__main__":
    run_async(one_batch(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
