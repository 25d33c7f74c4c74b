"""``python -m tests.faults.network_cut``: a worker's network is cut under load; one line of JSON.

Goals run at a pool of workers beside the server, and at a worker in a network of its own. That one
is cut off for a minute while it has goals: what it has begun goes on elsewhere, nothing that it
goes on with meanwhile counts, and once the network is mended it works again. The stores stay within
reach, so that a worker which is cut off could do harm. It runs in namespaces of its own::

    unshare --map-root-user --net python -m tests.faults.network_cut
"""

import argparse
import asyncio
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.verdict import Figure, print_verdict, report
from perdure.cli.runtime.event_loop import run_async
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.temporal.server.binary import ensure_server_binary
from tests.faults import effects, endpoint
from tests.faults.__main__ import TARGET
from tests.faults.cluster import Cluster, run_cluster
from tests.faults.goals import Goals, Judgement, service_of
from tests.faults.network import enable_loopback
from tests.support.until import until_async

PATIENCE_SECONDS = 300.0


class Cut:
    """One cut of a worker's network.

    Attributes:
        held: How many goals the worker had when it was cut off.
        done_meanwhile: How many effects its agents had before they were stopped.
        back_seconds: How long after the network was mended it had the next one.
    """

    def __init__(self, cluster: Cluster, stores: Stores) -> None:
        assert cluster.network is not None
        assert cluster.single is not None
        self.held = 0
        self.done_meanwhile = 0
        self.back_seconds = 0.0
        self._network = cluster.network
        self._worker = cluster.single
        # An agent kills its process, which is then replaced.
        self._pids: set[int] = set()
        self._stores = stores

    async def make(self, seconds: float) -> None:
        """Cut the network off once the worker has work, mend it, and wait until it works again."""
        await until_async(self._is_busy, "the worker's first goals", PATIENCE_SECONDS)
        self.held = await self._goals_held()
        before = await self._effects()
        await self._network.cut()
        report(f"the worker is cut off with {self.held} goals")
        await asyncio.sleep(seconds)
        after = await self._effects()
        self.done_meanwhile = after - before
        await self._network.mend()
        mended = time.monotonic()
        report("the network is mended")

        async def works_again() -> bool:
            return await self._effects() > after

        await until_async(works_again, "work of the worker", PATIENCE_SECONDS)
        self.back_seconds = time.monotonic() - mended

    async def _is_busy(self) -> bool:
        worked = await self._effects()
        return worked > 0 and await self._goals_held() > 0

    async def _goals_held(self) -> int:
        workers = await self._stores.workers.list()
        pids = {str(pid) for pid in self._all_pids()}
        return sum(one.used for one in workers if one.identity.partition("@")[0] in pids)

    async def _effects(self) -> int:
        """Return how many effects the agents of the worker have had."""
        return await asyncio.to_thread(_effects_of, self._all_pids())

    def _all_pids(self) -> set[int]:
        self._pids |= {worker.pid for worker in self._worker.workers()}
        return self._pids


def _effects_of(pids: set[int]) -> int:
    """Return how many effects some processes have had."""
    runs = [path.name for path in (effects.folder() / "effects").iterdir()]
    return sum(line.pid in pids for run in runs for line in effects.lines(run))


async def mix(cluster: Cluster, count: int, seconds: float) -> tuple[Judgement, Cut]:
    """Hand goals in while the network is cut, until all of them have ended."""
    async with open_stores(cluster.settings) as stores:
        goals = Goals(cluster, stores, await service_of(cluster, stores), cluster.seed)
        cut = Cut(cluster, stores)
        answering = asyncio.create_task(goals.answer_questions())
        cutting = asyncio.create_task(cut.make(seconds))
        try:
            await goals.hand_in(count, more=lambda: not cutting.done())
            await cutting
        finally:
            cutting.cancel()
            await asyncio.gather(cutting, return_exceptions=True)
        report(f"{len(goals.started)} goals are handed in")
        await goals.end(PATIENCE_SECONDS, answering)
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
        return await goals.judge(), cut


async def measure(count: int, seconds: float, keep: Path | None) -> bool:
    """Run it, print the verdict, and return whether all of it holds."""
    seed = int(os.environ.get(endpoint.SEED) or secrets.randbelow(10**6))
    report(f"{endpoint.SEED}={seed}")
    await enable_loopback()
    binary = await ensure_server_binary(Settings(), report)
    with tempfile.TemporaryDirectory(prefix="perdure-faults-", ignore_cleanup_errors=True) as name:
        folder = keep or Path(name)
        async with run_cluster(folder, seed, binary.path, in_network=True) as cluster:
            judgement, cut = await mix(cluster, count, seconds)
    healthy = judgement.goals - judgement.poisoned
    figures = {
        "completed": Figure(judgement.completed / max(1, healthy), TARGET, "at least"),
        "lost": Figure(len(judgement.lost), 0, "at most"),
        "twice": Figure(len(judgement.twice), 0, "at most"),
        "held": Figure(cut.held, 1, "at least"),
    }
    details = {
        "seed": seed,
        "goals": judgement.goals,
        "dead_letters": judgement.poisoned,
        "cut_seconds": seconds,
        "back_seconds": round(cut.back_seconds, 1),
        "done_meanwhile": cut.done_meanwhile,
        "lost": dict(list(judgement.lost.items())[:20]),
        "twice": dict(list(judgement.twice.items())[:20]),
    }
    return print_verdict(figures, details)


def main() -> None:
    """Read the command line and run; status 1 when a goal was lost or anything was done twice."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.network_cut", description=__doc__)
    parser.add_argument("--goals", type=int, default=400, help="how many goals at least")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the network is cut")
    parser.add_argument("--keep", type=Path, help="a new folder for everything; kept")
    given = parser.parse_args()
    if given.keep is not None:
        given.keep.mkdir(parents=True)
    good = run_async(measure(given.goals, given.seconds, given.keep))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
