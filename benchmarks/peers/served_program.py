"""What the programs of all peers have in common: they run goals as lines on stdin ask for.

It uses nothing but the standard library: each program runs in an environment of its own. A line is
JSON and is answered by a line of JSON; the program ends when stdin does. What a library prints goes
to stderr.
"""

import argparse
import asyncio
import itertools
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

LOGS = "PEER_LOGS"
STEP_SECONDS = "PEER_STEP_SECONDS"


@dataclass(frozen=True)
class Place:
    """Where a program works.

    Attributes:
        folder: The folder of its state, which it finds again when it is started anew.
        temporal_address: The Temporal server, for those that use one.
    """

    folder: Path
    temporal_address: str


RunGoal = Callable[[str, int], Awaitable[None]]


@dataclass(frozen=True)
class Peer:
    """A running program.

    Attributes:
        run_goal: Runs a goal of an id and a number of steps to its end.
        resume: Asks for a goal, of which a dead process had a part, to go on; ``None`` when there
            is no such thing to ask for.
    """

    run_goal: RunGoal
    resume: RunGoal | None = None


async def one_step(goal: str, number: int) -> int:
    """Be a step: nothing, or a line in a log and a short time where steps are counted."""
    if folder := os.environ.get(LOGS):
        with (Path(folder) / goal).open("a", encoding="utf-8") as log:
            log.write(f"{number}\n")
        await asyncio.sleep(float(os.environ[STEP_SECONDS]))
    return number


def serve(
    opened: Callable[[Place], AbstractAsyncContextManager[Peer]],
    run: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run,
) -> None:
    """Open a peer's program at the place that the command line names, and answer stdin."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("temporal_address")
    given = parser.parse_args()
    with _answers() as answers:
        run(_serve(opened(Place(given.folder, given.temporal_address)), answers))


@contextmanager
def _answers() -> Iterator[TextIO]:
    """Keep stdout for answers, and give all others stderr."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        yield answers


async def _serve(opened: AbstractAsyncContextManager[Peer], answers: TextIO) -> None:
    def answer(value: object) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    async with opened as peer:
        numbers = itertools.count()
        prefix = f"goal-{time.time_ns()}"
        started: set[asyncio.Task[None]] = set()

        async def next_goal(steps: int) -> None:
            await peer.run_goal(f"{prefix}-{next(numbers)}", steps)

        answer("ready")
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked = json.loads(line)
            match asked["do"]:
                case "one at a time":
                    answer(await _one_at_a_time(next_goal, asked["goals"], asked["steps"]))
                case "at once":
                    answer(await _at_once(next_goal, **asked))
                case "start":
                    run = peer.run_goal(asked["goal"], asked["steps"])
                    started.add(asyncio.ensure_future(run))
                    answer("started")
                case "resume":
                    if peer.resume is not None:
                        await peer.resume(asked["goal"], asked["steps"])
                    answer("resumed" if peer.resume else "cannot be asked for")


async def _one_at_a_time(
    run: Callable[[int], Awaitable[None]], goals: int, steps: int
) -> list[float]:
    """Return the seconds of each goal."""
    seconds = []
    for _ in range(goals):
        began = time.perf_counter()
        await run(steps)
        seconds.append(time.perf_counter() - began)
    return seconds


async def _at_once(
    run: Callable[[int], Awaitable[None]], goals: int, steps: int, in_flight: int, **_: Any
) -> float:
    """Return goals a second with some in flight."""
    free = asyncio.Semaphore(in_flight)

    async def one() -> None:
        async with free:
            await run(steps)

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(goals)))
    return goals / (time.perf_counter() - began)
