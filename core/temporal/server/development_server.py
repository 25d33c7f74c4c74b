"""The embedded server: ``temporal server start-dev`` as a child process."""

import asyncio
import os
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from perdure.temporal.server.binary import ServerUnavailable
from perdure.temporal.server.ports import LOOPBACK, ServerPorts, choose_ports
from perdure.temporal.server.processes import start_process, stop_process
from perdure.temporal.server.server_log import ServerLog
from perdure.temporal.server.state import ServerState, read_schema
from perdure.temporal.server.state_lock import StateInUse, StateLock

PORT: Final = 7233
UI_PORT: Final = 8233

_READY_SECONDS: Final = 30.0
_LOCK_SECONDS: Final = 3.0  # a server that was killed a moment ago still holds its lock
_PROBE_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 0.05
_MAX_ATTEMPTS: Final = 5
_NAMESPACE: Final = "default"

# Measured on one goal of three activities: as it comes, the history service looks for work 20 times
# a second, which makes the goal wait seven times 50 ms; and each write waits for the disk.
_TUNED_OPTIONS: Final = (
    *("--sqlite-pragma", "journal_mode=WAL"),
    *("--sqlite-pragma", "synchronous=NORMAL"),
    *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=200"),
    *("--dynamic-config-value", "history.timerProcessorMaxPollRPS=200"),
)
# Of goals that wait for a worker, those of each tenant get their turn.
# Each of several partitions of a task queue would have an order of its own.
_FAIR_OPTIONS: Final = (
    *("--dynamic-config-value", "matching.enableFairness=true"),
    *("--dynamic-config-value", "matching.numTaskqueueReadPartitions=1"),
    *("--dynamic-config-value", "matching.numTaskqueueWritePartitions=1"),
)


class DevelopmentServerFailed(ServerUnavailable):
    """The embedded server could not be started, or ended by itself."""


class HomeInUse(DevelopmentServerFailed):
    """Another development server uses the home folder."""


class _PortTaken(DevelopmentServerFailed):
    """Another program took a port after it was chosen and before the server listened on it."""


@dataclass(frozen=True)
class DevelopmentServer:
    """A running server.

    Attributes:
        ports: Its ports.
        pid: Its process.
        log: The file that it writes its log to.
        notes: What people should know, such as a usual port that was taken; one sentence each.
    """

    ports: ServerPorts
    pid: int
    log: Path
    notes: tuple[str, ...]
    _process: Process = field(repr=False)
    _log: ServerLog = field(repr=False)

    @property
    def address(self) -> str:
        """``host:port`` for clients and workers."""
        return f"{LOOPBACK}:{self.ports.grpc}"

    @property
    def ui_url(self) -> str:
        """The address of its web UI."""
        return f"http://{LOOPBACK}:{self.ports.ui}"

    async def watch(self) -> None:
        """Wait for as long as the server runs.

        Raises:
            DevelopmentServerFailed: It ended by itself; the message has the end of its log.
        """
        status = await self._process.wait()
        raise DevelopmentServerFailed(
            f"the Temporal server at {self.address} ended with status {status}"
            f" ({self._log.last_error()}): start it again; its log is {self.log}"
        )

    async def stop(self) -> None:
        """End the server: by SIGTERM, and by SIGKILL after 5 s. A second call does nothing."""
        await stop_process(self._process)


@asynccontextmanager
async def run_development_server(
    binary: Path,
    home: Path | None = None,
    *,
    port: int = PORT,
    ui_port: int = UI_PORT,
    tuned: bool = True,
    version: str = "",
    while_starting: Callable[[], object] = lambda: None,
) -> AsyncIterator[DevelopmentServer]:
    """Run a development server for as long as the block runs.

    It listens on the loopback address only. On Linux it ends with the thread that runs this event
    loop even when the process is killed; anywhere, a server that outlived its process keeps its
    state locked.

    Args:
        binary: The ``temporal`` command.
        home: The folder that holds its state (``temporal.db``) and its log (``logs/temporal.log``);
            when not given, a temporary one, removed with the server.
        port: The port preferred for clients; another when it is taken, and any when 0.
        ui_port: The same for the web UI.
        tuned: Whether to set what makes goals quick; ``False`` for ``start-dev`` as it comes.
        version: The version of the command and its server; when not given, any is taken to fit the
            state in ``home``.
        while_starting: Called while the server's process comes up; again should it need another
            port. It may block.

    Yields:
        The server, once workflows can be started on it.

    Raises:
        HomeInUse: Another server uses ``home``.
        DevelopmentServerFailed: ``home`` cannot be written, holds the state of a version whose
            tables are others, or the server does not come up within 30 s.
    """
    with _state_folder(home) as folder, await _lock(folder) as lock:
        state = ServerState(folder)
        await _check_version(binary, state, version)
        options: tuple[str, ...] = _TUNED_OPTIONS if tuned else ()
        if tuned and not state.has_unfair_backlog():
            options += _FAIR_OPTIONS
        server = await _start(binary, state, lock, (port, ui_port), options, while_starting)
        try:
            state.mark_complete(version)
            lock.publish(server.address, server.pid)
            yield server
        finally:
            await server.stop()


@contextmanager
def _state_folder(home: Path | None) -> Iterator[Path]:
    if home is None:
        with TemporaryDirectory(prefix="perdure-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    else:
        yield home


async def _lock(folder: Path) -> StateLock:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            return StateLock(folder / "temporal.lock")
        except OSError as error:
            raise _cannot_write(folder, error) from error
        except StateInUse as error:
            if time.monotonic() > deadline:
                raise HomeInUse(
                    f"{folder} is in use by {error}: stop that one, or set PERDURE_HOME to another"
                    " folder"
                ) from error
        await asyncio.sleep(_POLL_SECONDS)


async def _check_version(binary: Path, state: ServerState, version: str) -> None:
    """Refuse the state of another version of the server, unless its tables are the same.

    The server lays out a new file, and changes nothing in one that is there.
    """
    made_by = state.made_by()
    if made_by is None or not version or made_by == version:
        return
    with TemporaryDirectory(prefix="perdure-", ignore_cleanup_errors=True) as folder:
        async with run_development_server(binary, Path(folder), port=0, ui_port=0):
            expected = read_schema(ServerState(Path(folder)).database)
    if read_schema(state.database) != expected:
        raise DevelopmentServerFailed(
            f"{state.database} was made by Temporal {made_by}, and Temporal {version} has other"
            f" tables: put Temporal {made_by.partition(' ')[0]} on PATH, or move the file away, and"
            " perdure goals retry GOAL then picks up each goal under way from its journal"
        )


def _cannot_write(folder: Path, error: OSError) -> DevelopmentServerFailed:
    return DevelopmentServerFailed(
        f"the Temporal server cannot keep its state in {folder} ({error.strerror or error}): make"
        " the folder writable or set PERDURE_HOME to another one"
    )


async def _start(
    binary: Path,
    state: ServerState,
    lock: StateLock,
    preferred: tuple[int, int],
    options: tuple[str, ...],
    while_starting: Callable[[], object],
) -> DevelopmentServer:
    for attempt in range(_MAX_ATTEMPTS):
        ports = choose_ports(*preferred)
        try:
            return await _start_once(binary, state, lock, ports, preferred, options, while_starting)
        except _PortTaken:
            if attempt == _MAX_ATTEMPTS - 1:
                raise
    raise AssertionError("not reached")


async def _start_once(
    binary: Path,
    state: ServerState,
    lock: StateLock,
    ports: ServerPorts,
    preferred: tuple[int, int],
    options: tuple[str, ...],
    while_starting: Callable[[], object],
) -> DevelopmentServer:
    command = _command(binary, state.database, ports, options)
    try:
        state.prepare()
        log = ServerLog(state.folder / "logs" / "temporal.log")
        with log.open() as output:
            process = await start_process(
                command, environment=_environment(), output=output, keep_open=[lock.descriptor]
            )
    except OSError as error:
        raise _cannot_write(state.folder, error) from error
    try:
        while_starting()
        await _until_ready(process, ports, log)
    except BaseException:
        await stop_process(process)
        raise
    notes = _notes(ports, preferred)
    return DevelopmentServer(ports, process.pid, log.path, notes, process, log)


def _command(
    binary: Path, database: Path, ports: ServerPorts, options: tuple[str, ...]
) -> list[str]:
    return [
        *(str(binary), "server", "start-dev"),
        *("--db-filename", str(database)),
        *("--ip", LOOPBACK),
        *("--port", str(ports.grpc)),
        *("--ui-port", str(ports.ui)),
        *("--http-port", str(ports.http)),
        *("--metrics-port", str(ports.metrics)),
        *("--log-level", "error"),
        *options,
    ]


def _environment() -> dict[str, str]:
    # Settings meant for clients; the command would read some of them as its own options.
    return {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}


def _notes(ports: ServerPorts, preferred: tuple[int, int]) -> tuple[str, ...]:
    listeners = (
        ("Temporal server", preferred[0], ports.grpc),
        ("Temporal web UI", preferred[1], ports.ui),
    )
    return tuple(
        f"port {usual} is taken, so the {listener} uses {port}"
        for listener, usual, port in listeners
        if usual not in {0, port}
    )


async def _until_ready(process: Process, ports: ServerPorts, log: ServerLog) -> None:
    try:
        async with asyncio.timeout(_READY_SECONDS):
            while not await _is_ready(ports):
                _raise_if_ended(process, log)
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError as error:
        raise DevelopmentServerFailed(
            f"the Temporal server did not answer within {_READY_SECONDS:.0f} s"
            f" ({log.last_error()}): its log is {log.path}"
        ) from error
    _raise_if_ended(process, log)


def _raise_if_ended(process: Process, log: ServerLog) -> None:
    if process.returncode is None:
        return
    kind = _PortTaken if log.contains("address already in use") else DevelopmentServerFailed
    raise kind(
        f"the Temporal server ended with status {process.returncode} while starting"
        f" ({log.last_error()}): its log is {log.path}"
    )


async def _is_ready(ports: ServerPorts) -> bool:
    """Return whether workflows can be started on the server.

    It is asked through its HTTP API, on a port that was chosen at random: another server might have
    taken the gRPC port before ours. "No such workflow" is a response of the service that stores
    workflows, and so it comes only when that works too.
    """
    status = await _http_status(ports.http, f"/api/v1/namespaces/{_NAMESPACE}/workflows/none")
    if status != 404 or await _http_status(ports.ui, "/") is None:
        return False
    return await _answers_grpc(ports.grpc)


async def _http_status(port: int, path: str) -> int | None:
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\nHost: {LOOPBACK}\r\n\r\n".encode())
                return int((await reader.readline()).split()[1])
            finally:
                writer.close()
    except (OSError, TimeoutError, IndexError, ValueError):
        return None


async def _answers_grpc(port: int) -> bool:
    from temporalio.service import ConnectConfig, RPCError, ServiceClient

    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            client = await ServiceClient.connect(ConnectConfig(target_host=f"{LOOPBACK}:{port}"))
            return await client.check_health()
    except (RPCError, RuntimeError, TimeoutError):
        return False
