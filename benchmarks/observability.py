"""What it costs to be observed: a step with metrics and traces, and how many series there are.

Steps of one run over SQLite that survives a power cut, in pairs of turns: one with nothing
recorded, one with everything, whose spans go to a collector over HTTP while the next steps are
executed. What counts is the median of what the pairs differ by: a disk or a processor that is slow
for a while is so for both turns of a pair, or spoils few of them.
"""

import os
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.journal import each, stored_run
from benchmarks.verdict import Figure, print_verdict, report
from perdure.agents import Goal, Run
from perdure.cli.runtime.event_loop import run_async
from perdure.models import FailureKind
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.telemetry.metrics import recording
from perdure.telemetry.traces import process as traces
from perdure.telemetry.traces.recording import execution

WARM_UP: Final = 50
PAIRS: Final = 16
STEPS_A_TURN: Final = 400
# Twice a turn or more, so that its steps share the processor with the export of their spans; a
# worker exports every second, which is fewer requests for as many spans.
EXPORT_MILLISECONDS: Final = 200
GOALS: Final = 10_000
TENANTS: Final = 50
AGENTS: Final = 8
STATUSES: Final = ("completed", "failed", "cancelled", "terminated")


class _Collector(BaseHTTPRequestHandler):
    """Takes whatever comes."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read a request, and accept it."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def _collect(port: Connection) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Collector)
    port.send(server.server_address[1])
    server.serve_forever()


@contextmanager
def collector() -> Iterator[None]:
    """Have spans go to a collector in a process of its own, as long as the block runs."""
    context = get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    serving = context.Process(target=_collect, args=(sending,), daemon=True)
    serving.start()
    endpoint = f"http://127.0.0.1:{receiving.recv()}"
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": str(EXPORT_MILLISECONDS),
    }
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]
        serving.terminate()
        serving.join()


async def with_nothing(run: Run) -> float:
    """Return the median seconds of a step with nothing recorded."""
    recording.stop()
    return statistics.median(await each(run, STEPS_A_TURN))


async def with_everything(run: Run, turn: int) -> float:
    """Return the median seconds of a step with everything recorded."""
    goal = Goal(goal_id="alone", description="observability", agent_type="nothing")
    recording.start()
    assert traces.start()
    try:
        with (
            execution(goal, "alone", "run", turn + 1, 1),
            recording.of_goal("nothing", "default"),
        ):
            taken = await each(run, STEPS_A_TURN)
        if traces.dropped_spans():
            sys.exit("spans were lost: the collector of the benchmark did not take them")
        return statistics.median(taken)
    finally:
        traces.stop()


async def in_pairs(run: Run) -> list[tuple[float, float]]:
    """Return the median seconds of a step with nothing recorded and with everything, by pair."""
    await each(run, WARM_UP)
    await with_everything(run, 0)
    pairs = []
    for turn in range(PAIRS):
        if turn % 2:
            on = await with_everything(run, turn + 1)
            pairs.append((await with_nothing(run), on))
        else:
            off = await with_nothing(run)
            pairs.append((off, await with_everything(run, turn + 1)))
    return pairs


def series_of_many_goals() -> int:
    """Return how many series a process has after ten thousand goals of fifty tenants."""
    recording.stop()
    own = recording.start()
    kinds = list(FailureKind)
    for number in range(GOALS):
        agent, tenant = f"agent-{number % AGENTS}", f"tenant-{number % TENANTS}"
        with recording.of_goal(agent, tenant):
            recording.execution_begun(0.1, is_retry=False)
            recording.step("completed")
            recording.step("failed")
            recording.step("journal")
            recording.model_asked("openai", f"model-{number % AGENTS}", 1.0, 0.5, 100, 10)
            recording.spent(0.01, "kept")
            recording.spent(0.01, "thrown-away")
            recording.spent(0.01, "saved")
            with recording.store_operation("read"), recording.store_operation("write"):
                pass
            recording.execution_ended(1.0, kinds[number % len(kinds)].value)
        recording.goal_ended(agent, tenant, STATUSES[number % len(STATUSES)], 2.0)
    return sum(len(family.samples) for family in own.families())


async def measure() -> bool:
    """Measure and print the verdict."""
    with TemporaryDirectory(prefix="perdure-benchmark-") as folder:
        settings = Settings(home=Path(folder), database_url="")
        async with open_stores(settings) as stores, stored_run(stores, settings, "alone") as run:
            with collector():
                pairs = await in_pairs(run)
    series = series_of_many_goals()
    recording.stop()
    off, on = (statistics.median(taken) for taken in zip(*pairs, strict=True))
    more = statistics.median(on - off for off, on in pairs) * 1000
    report(f"a step: {off * 1000:.3f} ms, recorded {on * 1000:.3f} ms, which is {more:.3f} ms more")
    report(f"{series} series after {GOALS:,} goals of {TENANTS} tenants")
    return print_verdict(
        {
            "step_more_p50_ms": Figure(more, 0.15, "at most"),
            "series": Figure(series, 300, "at most"),
        },
        {"step_off_p50_ms": round(off * 1000, 3), "step_on_p50_ms": round(on * 1000, 3)},
    )


def main() -> bool:
    """Run the benchmark; return whether every target holds."""
    return run_async(measure())
