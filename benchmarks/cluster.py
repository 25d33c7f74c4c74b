"""The whole of ``deploy/compose.yaml`` under load, each service stopped and killed in turn.

Goals go in through nginx all the time. Each service that is to run always is stopped with SIGTERM,
and later killed with SIGKILL, is away for a few seconds, and comes back. At last Redis, and then
the bucket, are away for a minute.
"""

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.cluster_goals import Judgement, TracedGoals, write_changes
from benchmarks.verdict import Figure, print_verdict, report
from deploy.native.cluster import Cluster, run_cluster
from deploy.native.running_service import RunningService
from perdure.cli.runtime.event_loop import run_async

AT_ONCE: Final = 24
AWAY_SECONDS: Final = 3.0
BETWEEN_SECONDS: Final = 5.0
LONG_AWAY_SECONDS: Final = 60.0
LONG_AWAY: Final = ("redis", "objects")
END_SECONDS: Final = 300.0


async def break_each(cluster: Cluster) -> dict[str, float]:
    """Stop each service, then kill each, and have some away for long.

    Returns:
        How many seconds each took to be healthy again.
    """
    recovered = {}
    for way in ("stopped", "killed"):
        for name, running in cluster.services.items():
            if running.service.runs_once:
                continue
            report(f"{name} is {way}")
            await (running.stop() if way == "stopped" else running.kill())
            recovered[f"{name} {way}"] = await _come_back(running, AWAY_SECONDS)
    for name in LONG_AWAY:
        report(f"{name} is away for {LONG_AWAY_SECONDS:.0f} s")
        await cluster.services[name].kill()
        recovered[f"{name} long away"] = await _come_back(cluster.services[name], LONG_AWAY_SECONDS)
    return recovered


async def _come_back(running: RunningService, away_seconds: float) -> float:
    """Start a service again after so many seconds; return how many it took to be healthy."""
    await asyncio.sleep(away_seconds)
    began = time.monotonic()
    running.start()
    await running.until_healthy()
    seconds = time.monotonic() - began
    await asyncio.sleep(BETWEEN_SECONDS)
    return round(seconds, 1)


async def measure(home: Path) -> tuple[Judgement, dict[str, object]]:
    """Break every service under load; return how the goals ended, and what there is to know."""
    changes = write_changes(home)
    async with run_cluster(home, report, changes=[changes]) as cluster:
        goals = TracedGoals(cluster.url("nginx", 8000), cluster.api_key(), home / "traces")
        enough = asyncio.Event()
        began = time.monotonic()
        handing_in = asyncio.create_task(goals.hand_in(AT_ONCE, enough))
        recovered = await break_each(cluster)
        enough.set()
        report(f"{len(goals.runs)} goals; waiting for those under way")
        try:
            async with asyncio.timeout(END_SECONDS):
                await handing_in
        except TimeoutError:
            report("some goals have not ended")
        judgement = await goals.judge()
        seconds = time.monotonic() - began
    return judgement, {
        "seconds": round(seconds, 1),
        "goals": judgement.goals,
        "at_once": AT_ONCE,
        "faults": len(recovered),
        "healthy_again_s": recovered,
        "longest_start_s": round(goals.waited, 1),
        "steps_in_flight_done_again": judgement.repeated,
        "lost": dict(list(judgement.lost.items())[:5]),
        "twice": judgement.twice[:5],
    }


def main() -> bool:
    """Print whether every goal completed, and none twice."""
    with TemporaryDirectory(prefix="perdure-cluster-") as folder:
        judgement, details = run_async(measure(Path(folder)))
    figures = {
        "completed_share": Figure(judgement.completed / judgement.goals, 1.0, "at least"),
        "goals_lost": Figure(judgement.goals - judgement.completed, 0, "at most"),
        "done_twice": Figure(len(judgement.twice), 0, "at most"),
    }
    return print_verdict(figures, details)
