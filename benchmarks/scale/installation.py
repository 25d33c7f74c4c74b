"""The installation of the benchmark: ``perdure dev`` as a process, with the server that it runs."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil

PLUGIN_FILE: Final = Path(__file__).with_name("plugin.py")
# With more of them at once than the processor gets through in the time that one takes, each takes
# longer and sends heartbeats all the while: the others wait for a slot, which costs nothing.
MOST_AT_ONCE: Final = 2_000


@dataclass(frozen=True)
class Installation:
    """What goals are handed in to.

    Attributes:
        host: Where the API listens.
        port: And on which port.
        temporal: The address of the Temporal server.
        perdure: The process that has the API and the worker.
        server: The Temporal server's process.
    """

    host: str
    port: int
    temporal: str
    perdure: psutil.Process
    server: psutil.Process

    def processor_seconds(self) -> dict[str, float]:
        """Return the processor time that each process has used so far."""
        processes = {"perdure": self.perdure, "server": self.server}
        times = {name: process.cpu_times() for name, process in processes.items()}
        return {name: used.user + used.system for name, used in times.items()}


@asynccontextmanager
async def installed(home: Path, goals: int) -> AsyncIterator[Installation]:
    """Run an installation as long as the block runs.

    Args:
        home: Its home folder.
        goals: How many goals it is to run, so many at once as are of use.
    """
    environment = os.environ | {
        "PERDURE_HOME": str(home),
        "PERDURE_PLUGIN_FILES": str(PLUGIN_FILE),
        "PERDURE_MAX_CONCURRENT_GOALS": str(min(goals, MOST_AT_ONCE)),
        # As the worker by hand has it.
        "PERDURE_MAX_CACHED_WORKFLOWS": str(goals),
    }
    for name in ("PERDURE_DATABASE_URL", "TEMPORAL_ADDRESS"):
        environment.pop(name, None)
    command = str(Path(sys.executable).with_name("perdure"))
    process = await asyncio.create_subprocess_exec(
        *(command, "dev", "--port", "0", "--temporal-port", "0", "--json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )
    assert process.stdout is not None
    try:
        said = await _document(process.stdout)
        reading = asyncio.create_task(_read_all(process.stdout))
        place = urlsplit(said["api_url"])
        assert place.hostname is not None
        assert place.port is not None
        perdure = psutil.Process(process.pid)
        (server,) = perdure.children()
        yield Installation(place.hostname, place.port, said["temporal_address"], perdure, server)
        reading.cancel()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _document(printed: asyncio.StreamReader) -> dict[str, str]:
    """Return the one JSON document that a command prints once it serves."""
    text = ""
    while line := (await printed.readline()).decode():
        text += line
        with suppress(ValueError):  # there is more of it
            document: dict[str, str] = json.loads(text)
            return document
    raise RuntimeError(f"the command ended, having printed {text!r}")


async def _read_all(printed: asyncio.StreamReader) -> None:
    # The SDK prints its warnings there: a pipe that is full would hold the process up.
    while await printed.read(65_536):
        continue
