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

from benchmarks.verdict import Figure, print_verdict, report
from perdure.cli.runtime.event_loop import run_async
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.server.binary import ensure_server_binary
from tests.faults import effects, endpoint
from tests.faults.batch import Batch
from tests.faults.cluster import Cluster, run_cluster
from tests.faults.fault_injection import FaultInjector
from tests.faults.goals import Goals, Judgement, service_of

TARGET = 0.999


async def mix(
    cluster: Cluster, count: int, pause: float, patience: float, *, as_batch: bool
) -> tuple[Judgement, FaultInjector]:
    """Hand goals in under faults, until each fault came about and all goals have ended."""
    kind = Batch if as_batch else Goals
    injector = FaultInjector(cluster, cluster.seed)
    async with open_stores(cluster.settings) as stores:
        goals = kind(cluster, stores, await service_of(cluster, stores), cluster.seed)
        answering = asyncio.create_task(goals.answer_questions())
        injecting = asyncio.create_task(injector.inject(pause))

        def more() -> bool:
            if injecting.done():
                injecting.result()  # raises what kept a fault from coming about
            return not injector.has_injected_all

        try:
            await goals.hand_in(count, more=more)
        finally:
            injecting.cancel()
            await asyncio.gather(injecting, return_exceptions=True)
        report(f"{len(goals.started)} goals are handed in, and no further fault comes from outside")
        await injector.ensure_worker()
        await goals.end(patience, answering)
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
        return await goals.judge(), injector


def judge(judgement: Judgement, injector: FaultInjector, seed: int, seconds: float) -> bool:
    """Print the verdict, and return whether all of it holds."""
    healthy = judgement.goals - judgement.poisoned
    figures = {
        "completed": Figure(judgement.completed / max(1, healthy), TARGET, "at least"),
        "lost": Figure(len(judgement.lost), 0, "at most"),
        "twice": Figure(len(judgement.twice), 0, "at most"),
        "wrong_sums": Figure(len(judgement.wrong_sums), 0, "at most"),
    }
    details = {
        "seed": seed,
        "goals": judgement.goals,
        "dead_letters": judgement.poisoned,
        "seconds": round(seconds, 1),
        "faults": dict(injector.injected),
        "model_faults": dict(Counter(line.what for line in effects.lines("endpoint"))),
        "events": dict(judgement.events),
        "lost": dict(list(judgement.lost.items())[:20]),
        "twice": dict(list(judgement.twice.items())[:20]),
        "wrong_sums": judgement.wrong_sums[:20],
    }
    return print_verdict(figures, details)


async def measure(
    count: int,
    pause: float,
    patience: float,
    keep: Path | None,
    *,
    on_postgresql: bool,
    as_batch: bool,
) -> bool:
    """Run the mix and print the verdict."""
    seed = int(os.environ.get(endpoint.SEED) or secrets.randbelow(10**6))
    report(f"{endpoint.SEED}={seed}")
    binary = await ensure_server_binary(Settings(), report)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="perdure-faults-", ignore_cleanup_errors=True) as name:
        folder = keep or Path(name)
        running = run_cluster(folder, seed, binary.path, on_postgresql=on_postgresql)
        async with running as cluster:
            judgement, injector = await mix(cluster, count, pause, patience, as_batch=as_batch)
        return judge(judgement, injector, seed, time.monotonic() - began)


def main() -> None:
    """Read the command line and run; status 1 when a goal was lost or anything was done twice."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    counts = parser.add_mutually_exclusive_group()
    counts.add_argument("--goals", type=int, default=3000, help="how many goals at least")
    counts.add_argument("--batch", type=int, help="the same with one batch of at least so many")
    parser.add_argument("--pause", type=float, default=4.0, help="seconds between two faults")
    parser.add_argument("--patience", type=float, default=900.0, help="seconds for the last ones")
    parser.add_argument("--keep", type=Path, help="a new folder for everything; kept")
    parser.add_argument(
        "--database",
        choices=["sqlite", "postgresql"],
        default="sqlite",
        help="what the stores are in; PostgreSQL is killed every few seconds",
    )
    given = parser.parse_args()
    if given.keep is not None:
        given.keep.mkdir(parents=True)
    on_postgresql = given.database == "postgresql"
    good = run_async(
        measure(
            given.batch or given.goals,
            given.pause,
            given.patience,
            given.keep,
            on_postgresql=on_postgresql,
            as_batch=given.batch is not None,
        )
    )
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
