"""What a journaled step costs, on SQLite that survives a power cut, through the run of an agent.

First one run alone, step by step; then a thousand runs at once, while the longest time that the
event loop does not come round is taken. Beside both: the same with a journal in memory, which is
what the step costs without its durability.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.verdict import Figure, print_verdict, report
from perdure.activities.execution_context import ExecutionContext
from perdure.agents import Goal, Run
from perdure.agents.model_calls.circuit_breaker import CIRCUIT_BREAKERS
from perdure.cli.runtime.event_loop import freeze_heap, run_async
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.database.fencing import Claim

WARM_UP = 50
STEPS = 1_000
RUNS_AT_ONCE = 1_000
STEPS_OF_EACH = 10
LOOK_SECONDS = 0.005


async def nothing(number: int) -> int:
    """Be a step that does nothing."""
    return number


@asynccontextmanager
async def stored_run(stores: Stores, settings: Settings, name: str) -> AsyncIterator[Run]:
    """Give a run over the stores, as a worker gives it to an agent."""
    goal = Goal(goal_id=name, description="journal", agent_type="nothing")
    now = datetime.now(UTC)
    await stores.goals.create(goal, name, now)
    claim = Claim(name, "benchmark", 1, now)
    claim, is_retry = await stores.executions.start(claim, None, {})
    context = ExecutionContext(stores, claim, CIRCUIT_BREAKERS, is_retry=is_retry)
    yield context.run(goal, settings)
    await context.close()


async def each(run: Run, count: int) -> list[float]:
    """Return the seconds that each of some steps takes."""
    taken = []
    for number in range(count):
        began = time.perf_counter()
        await run.step("nothing", nothing, number)
        taken.append(time.perf_counter() - began)
    return taken


async def replay(stores: Stores, settings: Settings, name: str, count: int) -> float:
    """Return the seconds that a later execution takes over the finished steps of a run."""
    now = datetime.now(UTC)
    claim, _ = await stores.executions.start(Claim(name, "benchmark", 2, now), None, {})
    goal = Goal(goal_id=name, description="journal", agent_type="nothing")
    run = ExecutionContext(stores, claim, CIRCUIT_BREAKERS, is_retry=True).run(goal, settings)
    began = time.perf_counter()
    await each(run, count)
    return time.perf_counter() - began


class LoopLag:
    """The longest time between two rounds of the event loop, beyond what was asked for."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(LOOK_SECONDS)
            self.longest = max(self.longest, time.perf_counter() - began - LOOK_SECONDS)


async def crowd(stores: Stores, settings: Settings) -> tuple[float, float]:
    """Return steps a second of a thousand runs at once, and the event loop's longest gap."""
    ready, go = asyncio.Semaphore(0), asyncio.Event()

    async def one(number: int) -> None:
        async with stored_run(stores, settings, f"crowd-{number}") as run:
            ready.release()
            await go.wait()
            await each(run, STEPS_OF_EACH)

    runs = [asyncio.create_task(one(number)) for number in range(RUNS_AT_ONCE)]
    for _ in runs:
        await ready.acquire()
    lag = LoopLag()
    watching = asyncio.create_task(lag.watch())
    began = time.perf_counter()
    go.set()
    await asyncio.gather(*runs)
    seconds = time.perf_counter() - began
    watching.cancel()
    return RUNS_AT_ONCE * STEPS_OF_EACH / seconds, lag.longest


async def measure() -> bool:
    """Measure and print the verdict."""
    freeze_heap()  # as a worker does
    in_memory = Run(Goal(goal_id="memory", description="journal", agent_type="nothing"))
    await each(in_memory, WARM_UP)
    without = statistics.median(await each(in_memory, STEPS))
    with TemporaryDirectory(prefix="perdure-benchmark-") as folder:
        settings = Settings(home=Path(folder), database_url="")
        async with open_stores(settings) as stores:
            async with stored_run(stores, settings, "alone") as run:
                await each(run, WARM_UP)
                taken = sorted(await each(run, STEPS))
            is_retry = await replay(stores, settings, "alone", WARM_UP + STEPS)
            rate, gap = await crowd(stores, settings)
    p50, p99 = statistics.median(taken) * 1000, taken[len(taken) * 99 // 100] * 1000
    report(
        f"a step: {p50:.2f} ms at the median, {p99:.2f} ms p99; in memory {without * 1000:.2f} ms"
    )
    report(f"{RUNS_AT_ONCE:,} runs: {rate:,.0f} steps/s, longest gap {gap * 1000:.0f} ms")
    return print_verdict(
        {
            "step_p50_ms": Figure(p50, 2, "at most"),
            "loop_gap_ms": Figure(gap * 1000, 100, "at most"),
        },
        {
            "step_p99_ms": round(p99, 3),
            "in_memory_p50_ms": round(without * 1000, 3),
            "replay_ms": round(is_retry * 1000, 2),
            "replayed_steps": WARM_UP + STEPS,
            "runs_at_once": RUNS_AT_ONCE,
            "steps_per_second": round(rate, 1),
        },
    )


def main() -> bool:
    """Run the benchmark; whether every target is reached."""
    return run_async(measure())
