"""What another tenant's goals wait for while one tenant has ten thousand waiting.

With ``python -m benchmarks fairness`` one tenant hands in ten thousand goals, of which only so many
may run at once; then another hands in goals, one after another, and the time is taken from each
start to its first step. The same goals were handed in before, while there was nothing else.
``FAIRNESS_GOALS`` says how many wait, for a shorter run.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.verdict import Figure, print_verdict, report
from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.agents.plugins.registry import AgentRegistry, InstalledAgent
from perdure.cli.runtime.event_loop import run_async
from perdure.models import GoalStatus
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.development_server import run_development_server
from perdure.temporal.worker.run_worker import run_worker

WAITING = 10_000
LIMIT = 50
MEASURED = 200
WARM_UP = 20
AT_ONCE = 50
TARGET_RATIO = 2.0

first_steps: dict[str, asyncio.Future[float]] = {}


async def look(goal_id: str) -> None:
    """Take the time of a goal's first step."""
    first_steps[goal_id].set_result(time.perf_counter())


async def quick(run: Run, goal: Goal) -> Result:
    """Execute one step."""
    await run.step("look", look, goal.goal_id)
    return Result()


async def long(run: Run, goal: Goal) -> Result:
    """Hold a slot for as long as the benchmark goes on."""
    await run.progress(0, f"{goal.goal_id} has begun")
    await asyncio.sleep(3_600)
    return Result()


def agents() -> AgentRegistry:
    """Return the agents."""
    specs = [
        AgentSpec(name="quick", description="One step.", agent=quick),
        AgentSpec(name="long", description="Goes on for ever.", agent=long),
    ]
    found = {spec.name: InstalledAgent(spec, "benchmark", "1.0") for spec in specs}
    return AgentRegistry(agents=found)


async def seconds_to_first_step(service: GoalService, name: str, goals: int) -> list[float]:
    """Hand goals in one after another; return the seconds from each start to its first step."""
    taken = []
    for number in range(goals):
        goal_id = f"{name}-{number}"
        first = first_steps[goal_id] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await service.start(Goal(goal_id=goal_id, description="x", agent_type="quick"))
        taken.append(await first - began)
        await asyncio.sleep(0.02)  # its end is nobody else's delay
    return taken


async def hand_in(service: GoalService, goals: int) -> None:
    """Hand in the goals of the tenant that has many."""
    numbers = iter(range(goals))

    async def some() -> None:
        for number in numbers:
            goal = Goal(goal_id=f"many-{number}", description="x", agent_type="long")
            await service.start(goal)

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


async def until_waiting(stores: Stores, goals: int) -> None:
    """Wait until so many of them wait."""
    while True:
        counts = await stores.goals.counts(agent_type="long")
        if counts.get(GoalStatus.WAITING, 0) >= goals:
            return
        await asyncio.sleep(0.5)


async def measure(home: Path, waiting: int) -> tuple[list[float], list[float], float]:
    """Return the times on the idle system, those beside the waiting goals, and their hand-in's."""
    binary = await ensure_server_binary(Settings(), report)
    # Nothing of what still runs in the end is waited for.
    settings = Settings(home=home, concurrent_goals=f"tenant={LIMIT}", drain_seconds=0)
    registry = agents()
    async with (
        run_development_server(binary.path, home, port=0, ui_port=0) as server,
        open_stores(settings) as stores,
    ):
        client = await connect(server.address)
        async with run_worker(client, stores, registry, settings):
            service = GoalService(client, stores, registry)
            other = service.of("other")
            await seconds_to_first_step(other, "warm-up", WARM_UP)
            idle = await seconds_to_first_step(other, "idle", MEASURED)
            report(f"idle: p95 {p95(idle) * 1000:.1f} ms")
            began = time.perf_counter()
            await hand_in(service.of("many"), waiting + LIMIT)
            await until_waiting(stores, waiting)
            taken = time.perf_counter() - began
            report(f"{waiting:,} goals wait, handed in within {taken:.0f} s")
            beside = await seconds_to_first_step(other, "beside", MEASURED)
            report(f"beside them: p95 {p95(beside) * 1000:.1f} ms")
            return idle, beside, taken


def p95(seconds: Sequence[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(seconds, n=20)[-1]


def main() -> bool:
    """Run the benchmark; whether every target is reached."""
    waiting = int(os.environ.get("FAIRNESS_GOALS", WAITING))
    with TemporaryDirectory(prefix="perdure-benchmark-") as folder:
        idle, beside, taken = run_async(measure(Path(folder), waiting))
    return print_verdict(
        {"p95_ratio": Figure(p95(beside) / p95(idle), TARGET_RATIO, "at most")},
        {
            "goals_waiting": waiting,
            "goals_running": LIMIT,
            "hand_in_seconds": round(taken, 1),
            "milliseconds": {
                name: {
                    "p50": round(statistics.median(times) * 1000, 1),
                    "p95": round(p95(times) * 1000, 1),
                }
                for name, times in (("idle", idle), ("beside", beside))
            },
        },
    )
