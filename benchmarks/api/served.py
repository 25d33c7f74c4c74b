"""The API of the benchmark: ``perdure api`` as a process, on a home that has a key."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from benchmarks.api import timed_api
from benchmarks.api.connection import Connection, Headers

PLUGIN_FILE: Final = Path(__file__).with_name("plugin.py")
_MEGABYTE: Final = 1024


@dataclass(frozen=True)
class ServedApi:
    """The API's process, as its callers see it.

    Attributes:
        host: Where it listens.
        port: And on which port.
        pid: The process.
        key: A key that may do everything.
        temporal_file: Where it writes how long its calls to Temporal took.
    """

    host: str
    port: int
    pid: int
    key: str
    temporal_file: Path

    @property
    def headers(self) -> Headers:
        """What tells the API who asks."""
        return {"Authorization": f"Bearer {self.key}"}

    @asynccontextmanager
    async def connected(self, headers: Headers | None = None) -> AsyncIterator[Connection]:
        """Give a connection that is kept open, with the key unless other headers are given."""
        sent = self.headers if headers is None else headers
        async with Connection.to(self.host, self.port, sent) as connection:
            yield connection

    def temporal_seconds(self) -> Mapping[str, float]:
        """Return the seconds that each start of a workflow took Temporal, by workflow id."""
        lines = self.temporal_file.read_text(encoding="utf-8").splitlines()
        return {run: float(seconds) for run, seconds in (line.split() for line in lines)}

    def memory(self) -> dict[str, float]:
        """Return the megabytes of memory that the process has resident, now and at most so far."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        fields = dict(line.split(":", 1) for line in status.splitlines())
        names = {"now": "VmRSS", "most": "VmHWM"}
        return {name: int(fields[of].split()[0]) / _MEGABYTE for name, of in names.items()}

    def processor_seconds(self) -> float:
        """Return the processor time that the process has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def serving(home: Path, temporal: str, key: str) -> AsyncIterator[ServedApi]:
    """Serve a home over a Temporal server as long as the block runs.

    Args:
        home: The home folder, whose stores have the key.
        temporal: The address of the Temporal server.
        key: The key.
    """
    times = home / "temporal-seconds"
    command = (
        *(sys.executable, "-m", timed_api.__name__, str(times)),
        *("api", "--port", "0", "--plugin", str(PLUGIN_FILE)),
    )
    environment = os.environ | {"PERDURE_HOME": str(home), "TEMPORAL_ADDRESS": temporal}
    environment.pop("PERDURE_DATABASE_URL", None)
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    try:
        # API  http://127.0.0.1:8000  (reference: …)
        place = urlsplit((await process.stdout.readline()).decode().split()[1])
        assert place.hostname is not None
        assert place.port is not None
        yield ServedApi(place.hostname, place.port, process.pid, key, times)
    finally:
        process.terminate()
        await process.wait()
