"""The installation of the benchmark: ``perdure api`` and ``perdure worker`` as processes."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil

PLUGIN_FILE: Final = Path(__file__).with_name("plugin.py")
_SAMPLED_EVERY: Final = 0.5


@dataclass(frozen=True)
class Installation:
    """What goals are handed in to.

    Attributes:
        host: Where the API listens.
        port: And on which port.
        processes: Its processes, by their name.
    """

    host: str
    port: int
    processes: Mapping[str, psutil.Process]

    def processor_seconds(self) -> dict[str, float]:
        """Return the processor time that each process has used so far, with its children."""
        found = {}
        for name, process in self.processes.items():
            times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
            found[name] = round(sum(time.user + time.system for time in times), 1)
        return found

    def memory(self) -> int:
        """Return the bytes that all processes have resident together.

        What several of them share is counted for each: the figure is never too small for that.
        """
        family = [
            each
            for process in self.processes.values()
            for each in (process, *process.children(recursive=True))
        ]
        return sum(int(each.memory_info().rss) for each in family)


class Sampling:
    """The most memory that an installation has taken at once.

    Attributes:
        most: Bytes.
    """

    def __init__(self, installation: Installation) -> None:
        self.most = 0
        self._installation = installation

    async def run(self) -> None:
        """Look at it until cancelled."""
        while True:
            self.most = max(self.most, self._installation.memory())
            await asyncio.sleep(_SAMPLED_EVERY)


@asynccontextmanager
async def installed(
    home: Path, temporal: str, server_pid: int, goals: int, workers: int
) -> AsyncIterator[Installation]:
    """Run an API, and workers, on a Temporal server as long as the block runs.

    Args:
        home: The home folder of both.
        temporal: The address of the server.
        server_pid: Its process.
        goals: How many goals all workers are to run at once.
        workers: How many worker processes.
    """
    environment = os.environ | {
        "PERDURE_HOME": str(home),
        "TEMPORAL_ADDRESS": temporal,
        "PERDURE_PLUGIN_FILES": str(PLUGIN_FILE),
        "PERDURE_MAX_CONCURRENT_GOALS": str(-(-goals // workers)),
    }
    environment.pop("PERDURE_DATABASE_URL", None)
    async with AsyncExitStack() as stack:
        api, said = await stack.enter_async_context(_serving("api", environment, "--port", "0"))
        worker, _ = await stack.enter_async_context(
            _serving("worker", environment, "--processes", str(workers))
        )
        place = urlsplit(said["api_url"])
        assert place.hostname is not None
        assert place.port is not None
        pids = {"server": server_pid, "api": api, "worker": worker}
        processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        yield Installation(place.hostname, place.port, processes)


@asynccontextmanager
async def _serving(
    command: str, environment: Mapping[str, str], *options: str
) -> AsyncIterator[tuple[int, dict[str, str]]]:
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("perdure")), command, *options, "--json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )
    assert process.stdout is not None
    try:
        yield process.pid, json.loads(await _document(process.stdout))
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _document(printed: asyncio.StreamReader) -> str:
    """Return the one JSON document that a command prints once it serves."""
    text = ""
    while not text.rstrip().endswith("}"):
        line = (await printed.readline()).decode()
        if not line:
            raise RuntimeError(f"the command ended, having printed {text!r}")
        text += line
    return text
