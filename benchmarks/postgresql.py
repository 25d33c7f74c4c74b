"""``python -m benchmarks postgresql [GOALS]``: goals a second where everything is on PostgreSQL.

Temporal's cluster server and PostgreSQL run as ``deploy/compose.yaml`` has them. A goal of ours
takes three steps that do nothing; the one that people write by hand with the SDK is three
activities that do nothing, on the same server, in turns. Then thousands of ours are handed in at
once.
"""

import asyncio
import itertools
import statistics
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.overhead import GOALS_AT_ONCE, RunOne, ours, rate, written_by_hand
from benchmarks.sizing.count import history_writes
from benchmarks.verdict import Figure, print_verdict, report
from deploy.native.cluster import run_cluster
from perdure.agents import Goal, Result, Run
from perdure.cli.runtime.event_loop import run_async
from perdure.models import GoalStatus
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.temporal.client.connection import TemporalUnavailable

GOALS: Final = 10_000
ROUNDS: Final = 3
GOALS_A_ROUND: Final = 600
STEPS: Final = 3
_WARM_UP: Final = 50
_HANDED_IN_AT_ONCE: Final = 200


async def steps(run: Run, _goal: Goal) -> Result:
    """Be an agent of three steps that do nothing."""
    for number in range(STEPS):
        await run.step("look", str, number)
    return Result()


async def _rates(
    runs: dict[str, RunOne], numbers: "itertools.count[int]", metrics: str
) -> tuple[dict[str, float], dict[str, float]]:
    """Return goals a second of each, and how often the server writes a goal's record."""
    rates: dict[str, list[float]] = {name: [] for name in runs}
    writes = dict.fromkeys(runs, 0.0)
    for _ in range(ROUNDS):
        for name, run_one in runs.items():
            before = await history_writes(metrics)
            rates[name].append(await rate(run_one, numbers, GOALS_A_ROUND))
            writes[name] += await history_writes(metrics) - before
    goals = ROUNDS * GOALS_A_ROUND
    return (
        {name: statistics.median(found) for name, found in rates.items()},
        {name: count / goals for name, count in writes.items()},
    )


async def _all_at_once(
    run_one: RunOne, numbers: "itertools.count[int]", stores: Stores, goals: int
) -> tuple[int, float]:
    """Hand in so many goals as fast as they are taken; how many completed, and in what time."""
    before = (await stores.goals.counts()).get(GoalStatus.COMPLETED, 0)
    began = time.monotonic()
    free = asyncio.Semaphore(_HANDED_IN_AT_ONCE)

    async def one(number: int) -> None:
        async with free:
            while True:
                # As whoever gets a 503 does.
                with suppress(TemporalUnavailable):
                    return await run_one(number)

    await asyncio.gather(*(one(next(numbers)) for _ in range(goals)))
    seconds = time.monotonic() - began
    return (await stores.goals.counts())[GoalStatus.COMPLETED] - before, seconds


async def measure(home: Path, goals: int) -> bool:
    """Measure and print the verdict."""
    numbers = itertools.count()
    async with run_cluster(home, report, services=["temporal-namespace"]) as cluster:
        addresses = cluster.installation.addresses()
        temporal = f"{addresses['temporal']}:7233"
        settings = Settings(home=home / "perdure", database_url=cluster.database_url())
        async with (
            ours(temporal, settings, steps) as our_goal,
            written_by_hand(temporal) as goal_by_hand,
        ):
            runs = {"ours": our_goal, "by hand": goal_by_hand}
            for run_one in runs.values():
                await rate(run_one, numbers, _WARM_UP)
            metrics = cluster.url("temporal", 9090) + "/metrics"
            rates, writes = await _rates(runs, numbers, metrics)
            report(f"goals/s with {GOALS_AT_ONCE} in flight: {rates}")
            async with open_stores(settings) as stores:
                completed, seconds = await _all_at_once(our_goal, numbers, stores, goals)
    return print_verdict(
        {
            "rate_ratio": Figure(rates["ours"] / rates["by hand"], 1.3, "at least"),
            "history_writes_ratio": Figure(writes["ours"] / writes["by hand"], 1.0, "at most"),
            "completed": Figure(completed, goals, "at least"),
        },
        {
            "profile": "Temporal's cluster server and PostgreSQL of deploy/compose.yaml",
            "goals_per_second": {name: round(value, 1) for name, value in rates.items()},
            "history_writes_a_goal": {name: round(value, 1) for name, value in writes.items()},
            "all_at_once": {
                "goals": goals,
                "seconds": round(seconds, 1),
                "goals_per_second": round(goals / seconds, 1),
            },
        },
    )


def main(goals: str = str(GOALS)) -> bool:
    """Run the benchmark; whether every target is reached."""
    with TemporaryDirectory(prefix="perdure-benchmark-") as folder:
        return run_async(measure(Path(folder), int(goals)))
