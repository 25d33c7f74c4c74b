"""From the SIGKILL of a pool's worker to the next step of each goal that it was executing.

In the end all workers are killed at once, a few times over: then the next step waits until a new
process has started up, which takes as long as the machine is busy.
"""

import asyncio
import os
import signal
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.verdict import Figure, print_verdict, report
from perdure.agents import Goal
from perdure.agents.plugins.registry import installed_agents
from perdure.cli.runtime.event_loop import run_async
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.development_server import run_development_server
from perdure.temporal.worker.pool import Pool

PROCESSES = 3
GOALS = 12
KILLS = 40
KILLS_OF_ALL = 5
TARGET_SECONDS = 3.0

AGENT = """
import os, time
from pydantic import BaseModel
from perdure.agents import AgentSpec, Result, hookimpl

class Parameters(BaseModel):
    log: str
    end: str

def tick(log, number):
    with open(log, "a") as lines:
        lines.write(f"{time.time_ns()} {os.getpid()} {number}\\n")
    time.sleep(0.2)

async def steady(run, goal):
    number = 0
    while not os.path.exists(goal.parameters["end"]):
        await run.step("tick", tick, goal.parameters["log"], number)
        number += 1
    return Result(data={"ticks": number})

@hookimpl
def register_agents():
    return [AgentSpec(name="steady", description="Ticks.", agent=steady, parameters=Parameters)]
"""


@dataclass(frozen=True)
class Tick:
    """A step that began: when, in nanoseconds, in which process, and which one."""

    time: int
    pid: int
    number: int


def install_agent(folder: Path) -> None:
    """Install the agent's plugin into a folder, as pip would."""
    (folder / "perdure_steady.py").write_text(AGENT)
    information = folder / "perdure_steady-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: perdure-steady\nVersion: 1.0\n"
    )
    (information / "entry_points.txt").write_text("[perdure]\nsteady = perdure_steady\n")


def ticks(log: Path) -> list[Tick]:
    """Return the steps of a goal so far."""
    with suppress(FileNotFoundError):
        lines = log.read_text().splitlines()
        return [Tick(*map(int, line.split())) for line in lines if len(line.split()) == 3]
    return []


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    while not condition():  # noqa: ASYNC110 -- other processes bring it about
        await asyncio.sleep(0.02)


async def next_tick(log: Path, killed_at: int, dead: set[int]) -> float:
    """Wait for the first step of a goal after a kill; return the seconds until it."""

    def later() -> list[int]:
        return [one.time for one in ticks(log) if one.time > killed_at and one.pid not in dead]

    await until(lambda: bool(later()))
    return (min(later()) - killed_at) / 1e9


@asynccontextmanager
async def pool_of(settings: Settings, address: str) -> AsyncIterator[Pool]:
    """Run a pool as long as the block runs."""
    pool = Pool(await connect(address), settings, PROCESSES)
    ready = asyncio.Event()
    running = asyncio.create_task(pool.run(ready.set))
    try:
        await ready.wait()
        yield pool
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@dataclass(frozen=True)
class Measured:
    """Seconds from a kill to the next step, for each goal that it hit.

    Attributes:
        one: When one worker of a whole pool was killed.
        all: When all of its workers were killed at once.
        failed: How many goals failed.
    """

    one: list[float]
    all: list[float]
    failed: int


async def measure(home: Path) -> Measured:
    """Kill workers one after another, then all at once."""
    install_agent(home)
    sys.path.append(str(home))
    os.environ |= {"PYTHONPATH": str(home), "PERDURE_HOME": str(home / "state")}
    settings = Settings()
    binary = await ensure_server_binary(settings, report)
    one: list[float] = []
    every: list[float] = []
    async with (
        open_stores(settings) as stores,
        run_development_server(binary.path, settings.home, port=0) as server,
    ):
        os.environ["TEMPORAL_ADDRESS"] = server.address
        service = GoalService(await connect(server.address), stores, installed_agents())
        async with pool_of(settings, server.address) as pool:
            logs = [home / f"{number}.log" for number in range(GOALS)]
            end = home / "end"
            runs = [await service.start(_goal(log, end)) for log in logs]
            await until(lambda: all(ticks(log) for log in logs))
            for kill in range(KILLS):
                one += await _kill(pool, logs, f"kill {kill + 1}")
            for kill in range(KILLS_OF_ALL):
                every += await _kill(pool, logs, f"kill of all {kill + 1}", all_workers=True)
            end.touch()
            failed = 0
            for run in runs:
                async for _ in stores.events.follow(run):
                    pass
                failed += not (await stores.goals.get(run)).success
    return Measured(one, every, failed)


def _goal(log: Path, end: Path) -> Goal:
    parameters = {"log": str(log), "end": str(end)}
    return Goal(goal_id="steady", description="tick", agent_type="steady", parameters=parameters)


async def _kill(
    pool: Pool, logs: list[Path], name: str, *, all_workers: bool = False
) -> list[float]:
    """Kill the worker with the most goals, or all, and wait until each goal it had goes on."""
    # The pool is whole again: two deaths in a row are two cases of the second kind.
    await until(lambda: len(pool.working) == PROCESSES)
    busy = {log: ticks(log)[-1].pid for log in logs}
    living = set(pool.children.values())
    most = statistics.mode(pid for pid in busy.values() if pid in living)
    dead = living if all_workers else {most}
    theirs = [log for log, pid in busy.items() if pid in dead]
    killed_at = time.time_ns()
    for pid in dead:
        os.kill(pid, signal.SIGKILL)
    seconds = await asyncio.gather(*(next_tick(log, killed_at, dead) for log in theirs))
    report(f"{name}: {len(theirs)} goals, {max(seconds):.2f} s")
    return list(seconds)


def main() -> bool:
    """Print from SIGKILL to the next step, p50 and p99."""
    with TemporaryDirectory() as folder:
        measured = run_async(measure(Path(folder)))
    figures = {
        "recovery_p99_s": Figure(
            statistics.quantiles(measured.one, n=100)[98], TARGET_SECONDS, "at most"
        ),
        "goals_failed": Figure(measured.failed, 0, "at most"),
    }
    details: dict[str, object] = {
        "p50_s": round(statistics.median(measured.one), 3),
        "max_s": round(max(measured.one), 3),
        "kills": KILLS,
        "goals_interrupted": len(measured.one),
        "processes": PROCESSES,
        "all_killed_p50_s": round(statistics.median(measured.all), 3),
        "all_killed_max_s": round(max(measured.all), 3),
    }
    return print_verdict(figures, details)
