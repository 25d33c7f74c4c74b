"""From the SIGKILL of a pool's worker to the next step of each goal that it was executing."""

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

from benchmarks.verdict import Figure, print_verdict, tell
from holdfast.agents import Goal
from holdfast.agents.registry import installed_agents
from holdfast.cli.running import run_async
from holdfast.settings import Settings
from holdfast.stores import open_stores
from holdfast.stores.following import follow_events
from holdfast.temporal.connection import connect
from holdfast.temporal.development_server import run_development_server
from holdfast.temporal.goals import GoalService
from holdfast.temporal.pool import Pool
from holdfast.temporal.server_binary import ensure_server_binary

PROCESSES = 3
GOALS = 12
KILLS = 30
TARGET_SECONDS = 3.0

AGENT = """
import os, time
from pydantic import BaseModel
from holdfast.agents import AgentSpec, Result, hookimpl

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
    (folder / "holdfast_steady.py").write_text(AGENT)
    information = folder / "holdfast_steady-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: holdfast-steady\nVersion: 1.0\n"
    )
    (information / "entry_points.txt").write_text("[holdfast]\nsteady = holdfast_steady\n")


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


async def next_tick(log: Path, killed_at: int, dead: int) -> float:
    """Wait for the first step of a goal after a kill; return the seconds until it."""

    def later() -> list[int]:
        return [one.time for one in ticks(log) if one.time > killed_at and one.pid != dead]

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


async def measure(home: Path) -> tuple[list[float], int]:
    """Kill workers one after another; return the seconds of each goal, and how many failed."""
    install_agent(home)
    sys.path.append(str(home))
    os.environ |= {"PYTHONPATH": str(home), "HOLDFAST_HOME": str(home / "state")}
    settings = Settings()
    binary = await ensure_server_binary(settings, tell)
    seconds: list[float] = []
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
                seconds += await _kill_one(pool, logs, kill)
            end.touch()
            failed = 0
            for run in runs:
                async for _ in follow_events(stores, run):
                    pass
                failed += not (await stores.goals.get(run)).success
    return seconds, failed


def _goal(log: Path, end: Path) -> Goal:
    parameters = {"log": str(log), "end": str(end)}
    return Goal(goal_id="steady", description="tick", agent_type="steady", parameters=parameters)


async def _kill_one(pool: Pool, logs: list[Path], kill: int) -> list[float]:
    """Kill the worker with the most goals, and wait until each of them goes on and all work."""
    await until(lambda: len(pool.children) == PROCESSES)
    last = {log: ticks(log)[-1] for log in logs}
    pids = [tick.pid for tick in last.values() if time.time_ns() - tick.time < 1_000_000_000]
    dead = statistics.mode(pids) if pids else next(iter(pool.children.values()))
    theirs = [log for log, tick in last.items() if tick.pid == dead]
    killed_at = time.time_ns()
    os.kill(dead, signal.SIGKILL)
    seconds = await asyncio.gather(*(next_tick(log, killed_at, dead) for log in theirs))
    tell(f"kill {kill + 1}: {len(theirs)} goals, {max(seconds, default=0):.2f} s")
    return list(seconds)


def main() -> bool:
    """Print from SIGKILL to the next step, p50 and p99."""
    with TemporaryDirectory() as folder:
        seconds, failed = run_async(measure(Path(folder)))
    cuts = statistics.quantiles(seconds, n=100)
    figures = {
        "recovery_p99_s": Figure(cuts[98], TARGET_SECONDS, "at most"),
        "goals_failed": Figure(failed, 0, "at most"),
    }
    details: dict[str, object] = {
        "p50_s": round(statistics.median(seconds), 3),
        "max_s": round(max(seconds), 3),
        "kills": KILLS,
        "goals_interrupted": len(seconds),
        "processes": PROCESSES,
    }
    return print_verdict(figures, details)
