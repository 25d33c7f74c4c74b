"""What a goal costs beyond its agent: ours against three activities written by hand.

Both run on the same server, goal by goal in turns, in one process, each with its own client; then
the one written by hand runs on the server as it comes, without our settings.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import handwritten_goal
from benchmarks.verdict import Figure, print_verdict, report
from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.agents.plugins.loading.load_plugin import LoadedPlugin
from perdure.agents.plugins.registry import AgentRegistry
from perdure.cli.runtime.event_loop import run_async
from perdure.schemas.plugins import Plugin
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.development_server import run_development_server
from perdure.temporal.worker.worker import build_worker

WARM_UP = 10
GOALS = 100
GOALS_AT_ONCE = 50
GOALS_FOR_RATE = 150
RATE_ROUNDS = 3

Taken = dict[str, list[float]]

RunOne = Callable[[int], Awaitable[None]]
AgentFunction = Callable[[Run, Goal], Awaitable[Result]]


async def nothing(_run: Run, _goal: Goal) -> Result:
    """Be an agent that does nothing."""
    return Result()


@asynccontextmanager
async def ours(
    address: str, settings: Settings, agent: AgentFunction = nothing
) -> AsyncIterator[RunOne]:
    """Give a function that runs one goal of ours to its end.

    Args:
        address: Of the Temporal server.
        settings: Where the stores are.
        agent: What the goal is given to.
    """
    spec = AgentSpec(name="nothing", description="Does nothing.", agent=agent)
    plugin = Plugin("benchmark", "1", "benchmark", "loaded", agents=("nothing",))
    registry = AgentRegistry.from_loaded({plugin: LoadedPlugin((), (spec,), ())}, [])
    client = await connect(address)
    async with open_stores(settings) as stores:
        service = GoalService(client, stores, registry)

        async def run_one(number: int) -> None:
            goal = Goal(goal_id=str(number), description="nothing", agent_type="nothing")
            workflow_id = await service.start(goal)
            await client.get_workflow_handle(workflow_id).result()

        async with build_worker(client, stores, registry, settings):
            yield run_one


@asynccontextmanager
async def written_by_hand(address: str) -> AsyncIterator[RunOne]:
    """Give a function that runs one goal written by hand to its end."""
    client = await connect(address)
    async with handwritten_goal.worker(client):
        yield lambda number: handwritten_goal.run_one(client, number)


async def latencies(run_one: RunOne, numbers: "itertools.count[int]", count: int) -> list[float]:
    """Return the seconds that each of some goals takes, one at a time."""
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        await run_one(next(numbers))
        taken.append(time.perf_counter() - started)
    return taken


async def rate(run_one: RunOne, numbers: "itertools.count[int]", count: int) -> float:
    """Return goals a second with 50 in flight."""
    free = asyncio.Semaphore(GOALS_AT_ONCE)

    async def one() -> None:
        async with free:
            await run_one(next(numbers))

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(count)))
    return count / (time.perf_counter() - started)


async def on_the_tuned_server(binary: Path, home: Path) -> tuple[Taken, Taken]:
    """Return seconds a goal, and goals a second, of both in turns on one server of ours."""
    numbers = itertools.count()
    async with (
        run_development_server(binary, home / "tuned", port=0, ui_port=0) as server,
        ours(server.address, Settings(home=home / "ours", database_url="")) as our_goal,
        written_by_hand(server.address) as goal_by_hand,
    ):
        runs = {"ours": our_goal, "by hand": goal_by_hand}
        for run_one in runs.values():
            await latencies(run_one, numbers, WARM_UP)
        taken: Taken = {name: [] for name in runs}
        for number in range(GOALS):
            # One goal of each in turn, and who goes first changes: none has the warmer server.
            for name in list(runs) if number % 2 else list(reversed(runs)):
                taken[name] += await latencies(runs[name], numbers, 1)
        rates: Taken = {name: [] for name in runs}
        for _ in range(RATE_ROUNDS):
            for name, found in rates.items():
                found.append(await rate(runs[name], numbers, GOALS_FOR_RATE))
    return taken, rates


async def on_the_stock_server(binary: Path, home: Path) -> list[float]:
    """Return seconds a goal by hand on the server as it comes, alone on the machine like ours."""
    numbers = itertools.count()
    async with (
        run_development_server(binary, home / "stock", port=0, ui_port=0, tuned=False) as server,
        written_by_hand(server.address) as goal_by_hand,
    ):
        await latencies(goal_by_hand, numbers, WARM_UP)
        return await latencies(goal_by_hand, numbers, GOALS // 2)


async def measure() -> bool:
    """Measure and print the verdict."""
    binary = await ensure_server_binary(Settings(), report)
    with TemporaryDirectory(prefix="perdure-benchmark-") as folder:
        taken, rates = await on_the_tuned_server(binary.path, Path(folder))
        taken["by hand, stock server"] = await on_the_stock_server(binary.path, Path(folder))
    p50 = {name: statistics.median(seconds) for name, seconds in taken.items()}
    per_second = {name: statistics.median(found) for name, found in rates.items()}
    for name, seconds in p50.items():
        report(f"{name}: {seconds * 1000:.1f} ms a goal, one at a time (median)")
    for name, value in per_second.items():
        report(f"{name}: {value:.1f} goals/s with {GOALS_AT_ONCE} in flight")
    return print_verdict(
        {
            "latency_ratio": Figure(p50["ours"] / p50["by hand"], 0.6, "at most"),
            "rate_ratio": Figure(per_second["ours"] / per_second["by hand"], 2, "at least"),
            "stock_latency_ratio": Figure(
                p50["ours"] / p50["by hand, stock server"], 0.12, "at most"
            ),
        },
        {
            "p50_ms": {name: round(seconds * 1000, 2) for name, seconds in p50.items()},
            "goals_per_second": {name: round(value, 1) for name, value in per_second.items()},
        },
    )


def main() -> bool:
    """Run the benchmark; whether every target is reached."""
    return run_async(measure())
