"""``python -m benchmarks scale [GOALS [SECONDS]]``: goals by the thousand, all handed in at once.

Each takes 30 s in three steps, and none of them needs a processor for long; a tenth is followed by
a reader of its events. On the same embedded server, before them, as many workflows that people
write by hand with the SDK run: one activity of 30 s that heartbeats, started by the SDK's client.
"""

import asyncio
import json
import resource
import statistics
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.peak_memory import PeakMemory
from benchmarks.scale import by_hand
from benchmarks.scale.goals import HandedIn, hand_in
from benchmarks.scale.installation import Installation, installed
from benchmarks.verdict import Figure, print_verdict, report
from perdure.cli.runtime.descriptors import allow_many_descriptors
from perdure.cli.runtime.event_loop import run_async
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.server.binary import ensure_server_binary

GOALS: Final = 10_000
SECONDS: Final = 30.0
FOLLOWED_OF: Final = 10
MEGABYTES: Final = 3_000.0
_PATIENCE: Final = 1_800.0
_OWN_DESCRIPTORS: Final = 200


async def measure(goals: int, seconds: float) -> bool:
    """Measure and print the verdict."""
    followed = goals // FOLLOWED_OF
    _check_descriptors(followed)
    await ensure_server_binary(Settings(), report)
    with TemporaryDirectory(prefix="perdure-benchmark-") as folder:
        home = Path(folder)
        async with installed(home, goals) as installation:
            by_hand_seconds = await _run_by_hand(installation.temporal, goals, seconds)
            report(f"by hand: {by_hand_seconds}")
            memory = PeakMemory(installation.perdure.pid, every=0.5)
            used = installation.processor_seconds()
            found = await _hand_in(home, installation, goals, followed, seconds)
            more = installation.processor_seconds()
            most = memory.stop()
    processor = {name: round(more[name] - used[name], 1) for name in more}
    return _print(goals, followed, found, by_hand_seconds, most / 1e6, processor)


def _print(
    goals: int,
    followed: int,
    found: HandedIn,
    by_hand_seconds: dict[str, float],
    memory: float,
    processor: dict[str, float],
) -> bool:
    ordered = sorted(found.starts)
    return print_verdict(
        {
            "completed": Figure(found.ended["completed"], goals, "at least"),
            "followed_to_the_end": Figure(found.followed_to_the_end, followed, "at least"),
            "time_ratio": Figure(found.all / by_hand_seconds["all"], 1.0, "at most"),
            "memory_mb": Figure(memory, MEGABYTES, "at most"),
        },
        {
            "profile": "perdure dev: API and worker in one process, embedded server, SQLite",
            "goals": goals,
            "ended": dict(found.ended),
            "seconds": {"starts": round(found.starting, 1), "all": round(found.all, 1)},
            "by_hand_seconds": {name: round(value, 1) for name, value in by_hand_seconds.items()},
            "start_ms": {
                "p50": round(statistics.median(ordered) * 1000),
                "p99": round(ordered[len(ordered) * 99 // 100] * 1000),
            },
            "processor_seconds": processor,
        },
    )


async def _hand_in(
    home: Path, installation: Installation, goals: int, followed: int, seconds: float
) -> HandedIn:
    async with open_stores(Settings(home=home, database_url="")) as stores:
        found = await hand_in(installation, stores, goals, followed, seconds, _PATIENCE)
    report(
        f"{sum(found.ended.values()):,} of {goals:,} goals ended in {found.all:.1f} s,"
        f" all were started after {found.starting:.1f} s"
    )
    return found


async def _run_by_hand(address: str, goals: int, seconds: float) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", by_hand.__name__, address, str(goals), str(seconds)),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    taken: dict[str, float] = json.loads(printed)
    return taken


def _check_descriptors(followed: int) -> None:
    """Raise this process's limit of connections, and refuse to go on where it is too low."""
    allow_many_descriptors()
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != resource.RLIM_INFINITY and limit < followed + _OWN_DESCRIPTORS:
        raise SystemExit(
            f"{followed} readers need {followed + _OWN_DESCRIPTORS} open files, and this system"
            f" allows a process {limit}: have that limit raised (ulimit -Hn)"
        )


def main(goals: str = str(GOALS), seconds: str = str(SECONDS)) -> bool:
    """Run the benchmark; whether every target is reached."""
    return run_async(measure(int(goals), float(seconds)))
