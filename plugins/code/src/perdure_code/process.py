"""Running somebody else's program: with a time limit, its last output kept, all of it ended."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_KEPT_BYTES: Final = 65_536
_CHUNK: Final = 65_536
_AFTERMATH_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended.

    Attributes:
        status: Its exit status; negative for a signal; ``None`` when it was stopped for taking too
            long.
        output: The last 64 KiB that it printed, on either stream.
        seconds: How long it took.
    """

    status: int | None
    output: str
    seconds: float


async def run_program(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], seconds: float
) -> Ended:
    """Run a program to its end, and end whatever it started too.

    The program and its children are a process group of their own. The group is killed when the
    time is up, when this coroutine is cancelled, and when the program has ended but left children.

    Args:
        command: The program and its arguments.
        folder: Its working directory.
        environment: Its whole environment.
        seconds: How long it may take.
    """
    started = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    kept = bytearray()
    reading = asyncio.create_task(_read(process, kept))
    status: int | None = None
    try:
        with contextlib.suppress(TimeoutError):
            status = await asyncio.wait_for(process.wait(), seconds)
    finally:
        _kill_group(process.pid)
        await process.wait()
        # A child that fled into a session of its own may hold the pipe open for ever.
        await asyncio.wait([reading], timeout=_AFTERMATH_SECONDS)
        reading.cancel()
    output = kept.decode("utf-8", errors="replace")
    return Ended(status, output, round(time.monotonic() - started, 3))


async def _read(process: asyncio.subprocess.Process, kept: bytearray) -> None:
    if process.stdout is None:
        return
    while chunk := await process.stdout.read(_CHUNK):
        kept += chunk
        del kept[:-_KEPT_BYTES]


def _kill_group(group: int) -> None:
    if sys.platform == "win32":
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
