"""How long ``perdure dev`` takes until goals can be handed in, and what each process weighs."""

import asyncio
import json
import os
import signal
import statistics
import sys
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.verdict import Figure, print_verdict, report
from perdure.cli.runtime.event_loop import run_async
from perdure.settings import Settings
from perdure.temporal.installation import read_installation
from perdure.temporal.server.binary import ensure_server_binary

RUNS = 5


def is_ready(api_url: str) -> bool:
    """Return whether the API says that goals can be handed in."""
    with urllib.request.urlopen(f"{api_url}/readyz", timeout=5) as answer:
        ready: bool = json.load(answer)["ready"]
        return ready


def resident_megabytes(pid: int) -> float:
    """Return a process's resident memory in MB, 0 where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0.0
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024 / 1e6


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


async def start_once(home: Path) -> tuple[float, dict[str, float]]:
    """Return the seconds from start to readiness, and the memory of each process in MB."""
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "perdure.cli", "dev", "--port", "0", "--temporal-port", "0"),
        env=os.environ | {"PERDURE_HOME": str(home)},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        while (running := read_installation(home)) is None or running.pid != process.pid:
            if process.returncode is not None:
                raise RuntimeError(f"perdure dev ended with status {process.returncode}")
            await asyncio.sleep(0.01)
        while not await asyncio.to_thread(is_ready, running.api_url):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        seconds = time.perf_counter() - started
        server = children(process.pid)
        memory = {"API and worker": resident_megabytes(process.pid)}
        memory |= {"Temporal server": sum(map(resident_megabytes, server))}
        return seconds, memory
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def measure() -> bool:
    """Measure and print the verdict."""
    await ensure_server_binary(Settings(), report)
    taken: list[float] = []
    memory: dict[str, float] = {}
    with TemporaryDirectory(prefix="perdure-benchmark-") as folder:
        for number in range(RUNS):
            seconds, memory = await start_once(Path(folder) / str(number))
            report(f"ready in {seconds:.2f} s on an empty home")
            taken.append(seconds)
    return print_verdict(
        {"ready_seconds": Figure(statistics.median(taken), 6.0, "at most")},
        {"memory_mb": {name: round(value, 1) for name, value in memory.items()}},
    )


def main() -> bool:
    """Run the benchmark; whether every target is reached."""
    return run_async(measure())
