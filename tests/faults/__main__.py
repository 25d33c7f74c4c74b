"""``python -m tests.faults``: goals under a mix of faults; one line of JSON says how they ended.

``PERDURE_FAULT_SEED`` repeats the choices of an earlier run, whose seed it has printed.
"""

import argparse
import asyncio
import os
import secrets
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.verdict import Figure, print_verdict, tell
from perdure.cli.runtime.command import run_async
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.server.binary import ensure_server_binary
from tests.faults import effects, endpoint
from tests.faults.goals import Goals, Judged, service_of
from tests.faults.mischief import Mischief
from tests.faults.world import World, world

TARGET = 0.999


async def mix(there: World, count: int, pause: float, patience: float) -> tuple[Judged, Mischief]:
    """Hand goals in under faults, until each fault came about and all goals have ended."""
    mischief = Mischief(there, there.seed)
    async with open_stores(there.settings) as stores:
        goals = Goals(there, stores, await service_of(there, stores), there.seed)
        attending = asyncio.create_task(goals.attend())
        harming = asyncio.create_task(mischief.go_on(pause))

        def more() -> bool:
            if harming.done():
                harming.result()  # raises what kept a fault from coming about
            return not mischief.has_done_all

        try:
            await goals.hand_in(count, more=more)
        finally:
            harming.cancel()
            await asyncio.gather(harming, return_exceptions=True)
        tell(f"{len(goals.started)} goals are handed in, and no further fault comes from outside")
        await mischief.see_that_somebody_works()
        await goals.end(patience, attending)
        attending.cancel()
        await asyncio.gather(attending, return_exceptions=True)
        return await goals.judge(), mischief


def judge(judged: Judged, mischief: Mischief, seed: int, seconds: float) -> bool:
    """Print the verdict, and return whether all of it holds."""
    healthy = judged.goals - judged.poisoned
    figures = {
        "completed": Figure(judged.completed / max(1, healthy), TARGET, "at least"),
        "lost": Figure(len(judged.lost), 0, "at most"),
        "twice": Figure(len(judged.twice), 0, "at most"),
    }
    details = {
        "seed": seed,
        "goals": judged.goals,
        "dead_letters": judged.poisoned,
        "seconds": round(seconds, 1),
        "faults": dict(mischief.done),
        "model_faults": dict(Counter(line.what for line in effects.lines("endpoint"))),
        "events": dict(judged.told),
        "lost": dict(list(judged.lost.items())[:20]),
        "twice": dict(list(judged.twice.items())[:20]),
    }
    return print_verdict(figures, details)


async def measure(count: int, pause: float, patience: float, keep: Path | None) -> bool:
    """Run the mix and print the verdict."""
    seed = int(os.environ.get(endpoint.SEED) or secrets.randbelow(10**6))
    tell(f"{endpoint.SEED}={seed}")
    binary = await ensure_server_binary(Settings(), tell)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="perdure-faults-", ignore_cleanup_errors=True) as name:
        folder = keep or Path(name)
        async with world(folder, seed, binary.path) as there:
            judged, mischief = await mix(there, count, pause, patience)
        return judge(judged, mischief, seed, time.monotonic() - began)


def main() -> None:
    """Read the command line and run; status 1 when a goal was lost or anything was done twice."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--goals", type=int, default=3000, help="how many goals at least")
    parser.add_argument("--pause", type=float, default=4.0, help="seconds between two faults")
    parser.add_argument("--patience", type=float, default=900.0, help="seconds for the last ones")
    parser.add_argument("--keep", type=Path, help="a new folder for everything; kept")
    given = parser.parse_args()
    if given.keep is not None:
        given.keep.mkdir(parents=True)
    good = run_async(measure(given.goals, given.pause, given.patience, given.keep))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
