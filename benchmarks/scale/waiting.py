"""``python -m benchmarks waiting [GOALS]``: goals that wait for days, or for an answer of people.

Half of them sleep, half ask. What each costs the worker in memory is measured from the first
thousand on: so many workflows the SDK keeps loaded, however many there are. Then everything is
stopped and started again: none may have been woken early or lost, and those that are answered end.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.scale.goals import start_all
from benchmarks.scale.installation import Installation, installed
from benchmarks.verdict import Figure, print_verdict, report
from perdure.cli.runtime.descriptors import allow_many_descriptors
from perdure.cli.runtime.event_loop import run_async
from perdure.client import AsyncClient
from perdure.models import GoalStatus
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.temporal.server.binary import ensure_server_binary

GOALS: Final = 100_000
FIRST: Final = 1_000
ANSWERED: Final = 100
BYTES_EACH: Final = 1_024.0
QUICK_SECONDS: Final = 10.0
_DAYS: Final = 3.0
_PATIENCE: Final = 3_600.0
_REST_SECONDS: Final = 20.0


@dataclass
class Parked:
    """What goals that wait have cost.

    Attributes:
        bytes_each: The worker's memory for each of them beyond the first thousand.
        seconds: Until all of them waited.
        quick_seconds: How long a goal that waits for nothing took then.
    """

    bytes_each: float
    seconds: float
    quick_seconds: float


async def measure(goals: int) -> bool:
    """Measure and print the verdict."""
    allow_many_descriptors()
    await ensure_server_binary(Settings(), report)
    with TemporaryDirectory(prefix="perdure-benchmark-") as folder:
        parked = await _park(Path(folder), goals)
        report(f"{goals:,} goals wait after {parked.seconds:.0f} s; everything is started again")
        kept, answered = await _start_again(Path(folder), goals)
    return print_verdict(
        {
            "worker_bytes_each": Figure(parked.bytes_each, BYTES_EACH, "at most"),
            "quick_goal_seconds": Figure(parked.quick_seconds, QUICK_SECONDS, "at most"),
            "waiting_after_restart": Figure(kept, goals, "at least"),
            "answered_and_completed": Figure(answered, min(ANSWERED, goals // 2), "at least"),
        },
        {"goals": goals, "seconds_until_all_waited": round(parked.seconds, 1)},
    )


async def _park(folder: Path, goals: int) -> Parked:
    async with (
        installed(folder, FIRST) as installation,
        open_stores(Settings(home=folder, database_url="")) as stores,
    ):
        began = time.monotonic()
        first = min(FIRST, goals)
        await _wait_for_all(installation, stores, range(first), first)
        before = int(installation.perdure.memory_info().rss)
        await _wait_for_all(installation, stores, range(first, goals), goals)
        seconds = time.monotonic() - began
        grown = int(installation.perdure.memory_info().rss) - before
        began = time.monotonic()
        quick = {"goal_id": "quick", "description": "Do nothing", "agent_type": "waiting"}
        await start_all(installation, [quick | {"parameters": {"seconds": 0}}])
        await _until(stores, lambda counts: counts.get(GoalStatus.COMPLETED, 0) == 1)
        return Parked(grown / max(goals - first, 1), seconds, time.monotonic() - began)


async def _wait_for_all(
    installation: Installation, stores: Stores, numbers: range, waiting: int
) -> None:
    """Hand in goals, and wait until so many wait in all."""
    await start_all(
        installation,
        (
            {
                "goal_id": f"parked-{number}",
                "description": "Wait",
                "agent_type": "parked",
                "parameters": {"days": _DAYS if number % 2 else 0},
            }
            for number in numbers
        ),
    )
    await _until(stores, lambda counts: counts.get(GoalStatus.WAITING, 0) == waiting)


async def _start_again(folder: Path, goals: int) -> tuple[int, int]:
    """Start everything again; how many goals wait as before, and how many of those asked ended."""
    async with (
        installed(folder, FIRST) as installation,
        open_stores(Settings(home=folder, database_url="")) as stores,
    ):
        await asyncio.sleep(_REST_SECONDS)  # in which one that is woken early would end
        counts = await stores.goals.counts()
        asked = await stores.approvals.list(limit=min(ANSWERED, goals // 2))
        await _answer(installation, [approval.approval_id for approval in asked])
        ended = 1 + len(asked)
        await _until(stores, lambda found: found.get(GoalStatus.COMPLETED, 0) >= ended)
        completed = (await stores.goals.counts()).get(GoalStatus.COMPLETED, 0) - 1
        return counts.get(GoalStatus.WAITING, 0), completed


async def _answer(installation: Installation, approvals: list[str]) -> None:
    async with AsyncClient(f"http://{installation.host}:{installation.port}") as client:
        for approval in approvals:
            await client.approvals.vote(approval, approved=True, by="benchmark")


async def _until(stores: Stores, is_so: Callable[[dict[GoalStatus, int]], bool]) -> None:
    async with asyncio.timeout(_PATIENCE):
        while not is_so(dict(await stores.goals.counts())):  # noqa: ASYNC110 -- workers end them
            await asyncio.sleep(0.5)


def main(goals: str = str(GOALS)) -> bool:
    """Run the benchmark; whether every target is reached."""
    return run_async(measure(int(goals)))
