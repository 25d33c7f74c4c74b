"""What is paid twice when a peer's process is killed with SIGKILL at a random step of a goal."""

import asyncio
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.running_program import Program, ProgramFailed, RunningProgram, running
from benchmarks.peers.served_program import LOGS, STEP_SECONDS, Place
from benchmarks.verdict import report

SEED = 16
STEPS = 20
SECONDS_A_STEP = 0.02
STARTING_SECONDS = 60.0
# Longer than pydantic-ai's longest timeout of an activity, after which Temporal tries it again.
RESUME_SECONDS = 100.0
AT_ONCE = 10


@dataclass(frozen=True)
class KillSizes:
    """How often is killed."""

    kills: int


@dataclass(frozen=True)
class Kill:
    """One kill.

    Attributes:
        at_step: The step that was under way.
        paid_again: How many executions of steps there were beyond one of each.
        resumed: Whether the goal went on by itself when the program was started again.
        seconds: From when the program was there again, or from when it was asked to go on, to the
            next step; ``None`` when there was none.
        finished: Whether all steps were executed in the end.
    """

    at_step: int
    paid_again: int
    resumed: bool
    seconds: float | None
    finished: bool


@dataclass(frozen=True)
class Kills:
    """All kills of a peer."""

    kills: list[Kill]

    @property
    def paid_again(self) -> int:
        """How many executions of steps there were beyond one of each, over all kills."""
        return sum(kill.paid_again for kill in self.kills)

    def as_json(self) -> dict[str, object]:
        """Return what is worth keeping."""
        seconds = [kill.seconds for kill in self.kills if kill.seconds is not None]
        return {
            "kills": len(self.kills),
            "steps_paid_again": self.paid_again,
            "resumed_by_itself": sum(kill.resumed for kill in self.kills),
            "finished": sum(kill.finished for kill in self.kills),
            "seconds_to_next_step_p50": round(statistics.median(seconds), 2) if seconds else None,
            "seconds_to_next_step_max": round(max(seconds), 2) if seconds else None,
        }


async def measure_kills(
    program: Program, folder: Path, temporal_address: str, sizes: KillSizes
) -> Kills:
    """Kill the program so often, each time at a random step of a goal in a new folder."""
    chances = random.Random(f"{SEED} {program.name}")
    drawn = [
        (chances.randrange(1, STEPS - 1), chances.uniform(0, SECONDS_A_STEP))
        for _ in range(sizes.kills)
    ]
    free = asyncio.Semaphore(1 if program.shares_queue else AT_ONCE)

    async def one(number: int, waiting: float) -> Kill:
        async with free:
            home = folder / f"{program.module}-{number}"
            return await _kill(program, home, temporal_address, *drawn[number], waiting)

    # Whether it goes on by itself, however late, the first kill shows.
    first = await one(0, RESUME_SECONDS)
    waiting = RESUME_SECONDS if first.resumed else 0.0
    rest = await asyncio.gather(*(one(number, waiting) for number in range(1, len(drawn))))
    found = Kills([first, *rest])
    report(f"{program.name}: {found.as_json()}")
    return found


async def _kill(
    program: Program, home: Path, address: str, step: int, into_step: float, waiting: float
) -> Kill:
    """Start a goal, kill the process in a step, start it again, and see how the goal goes on."""
    place, logs, goal = Place(home, address), home / "logs", f"killed-{home.name}"
    logs.mkdir(parents=True)
    log = logs / goal
    environment = {LOGS: str(logs), STEP_SECONDS: str(SECONDS_A_STEP)}
    async with running(program, place, environment) as killed:
        await killed.ask("start", goal=goal, steps=STEPS)
        if not await _until(lambda: len(_executed(log)) > step, STARTING_SECONDS):
            raise ProgramFailed(f"{program.name} did not come to step {step} of {goal}")
        await asyncio.sleep(into_step)
        killed.process.kill()
        await killed.process.wait()
    before = _executed(log)
    async with running(program, place, environment) as again:
        return await _follow(again, log, before, waiting)


async def _follow(again: RunningProgram, log: Path, before: list[int], waiting: float) -> Kill:
    started = time.perf_counter()

    def goes_on() -> bool:
        return len(_executed(log)) > len(before)

    resumed = await _until(goes_on, waiting)
    if not resumed:
        started = time.perf_counter()
        await again.ask("resume", goal=log.name, steps=STEPS)
        await _until(goes_on, waiting)
    seconds = time.perf_counter() - started if goes_on() else None
    finished = await _until(lambda: set(_executed(log)) == set(range(STEPS)), STARTING_SECONDS)
    executions = Counter(_executed(log))
    paid_again = sum(count - 1 for count in executions.values())
    return Kill(before[-1], paid_again, resumed, seconds, finished)


def _executed(log: Path) -> list[int]:
    """Return the steps that were executed, in order."""
    with suppress(FileNotFoundError):
        return [int(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return []


async def _until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds; return whether it does in time."""
    deadline = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > deadline:
            return False
        await asyncio.sleep(0.005)
    return True
