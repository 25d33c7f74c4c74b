"""Lists, searches, counts and sums over ten thousand goals, over HTTP with a key."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from benchmarks.api.served import ServedApi
from benchmarks.api.stored_goals import CALLERS, NOW, run_of
from benchmarks.verdict import report

ROUNDS: Final = 40
_COMMAND_ROUNDS: Final = 5
# What is asked, each by its name in the details.
QUERIES: Final[Mapping[str, tuple[str, dict[str, str]]]] = {
    "all": ("/api/goals", {}),
    "status": ("/api/goals", {"status": "failed"}),
    "agent, since": (
        "/api/goals",
        {"agent_type": "code", "since": (NOW - timedelta(days=7)).isoformat()},
    ),
    "a word that all have": ("/api/goals", {"search": "goal"}),
    "two words that many have": ("/api/goals", {"search": "w1 w2"}),
    "the beginning of many words": ("/api/goals", {"search": "w1", "status": "running"}),
    "a goal id": ("/api/goals", {"search": "number-777"}),
    "the beginning of a workflow id": ("/api/goals", {"search": run_of(777)[:-16]}),
    "a word that none has": ("/api/goals", {"search": "nothing"}),
    "words, status, agent, not delegated": (
        "/api/goals",
        {"search": "w3 w5", "status": "failed", "agent_type": "code", "delegated": "false"},
    ),
    "who started it": ("/api/goals", {"started_by": CALLERS[3]}),
    "who started it, none did": ("/api/goals", {"started_by": "nobody"}),
    "who started it, words": ("/api/goals", {"started_by": CALLERS[3], "search": "w1"}),
    "counts": ("/api/goals/counts", {}),
    "counts of a caller": ("/api/goals/counts", {"started_by": CALLERS[3]}),
    "counts of a day": (
        "/api/goals/counts",
        {"ended_since": (NOW - timedelta(days=1)).isoformat()},
    ),
}
# All of a month is added up.
SUMS: Final[Mapping[str, tuple[str, dict[str, str]]]] = {
    f"usage by {by}": (
        "/api/usage",
        {"by": by, "since": (NOW - timedelta(days=30)).isoformat()},
    )
    for by in ("day", "agent", "key", "tenant")
}


async def medians(
    api: ServedApi, queries: Mapping[str, tuple[str, dict[str, str]]]
) -> dict[str, float]:
    """Return the median milliseconds of each query, asked in turns by one caller."""
    taken: dict[str, list[float]] = {name: [] for name in queries}
    async with api.connected() as connection:
        for _ in range(ROUNDS):
            for name, (path, query) in queries.items():
                began = time.perf_counter()
                answer = await connection.get(f"{path}?{urlencode(query)}")
                taken[name].append((time.perf_counter() - began) * 1_000)
                answer.json()
    found = {name: statistics.median(milliseconds) for name, milliseconds in taken.items()}
    for name, milliseconds in found.items():
        report(f"{milliseconds:7.1f} ms  {name}")
    return found


def command_seconds(home: Path, *arguments: str) -> float:
    """Return the median seconds that a command takes, as a process."""
    command = (sys.executable, "-m", "perdure.cli", *arguments)
    environment = os.environ | {"PERDURE_HOME": str(home)}
    taken = []
    for _ in range(_COMMAND_ROUNDS):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=environment)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)
