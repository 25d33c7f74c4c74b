"""Child processes that end with this one: on Ctrl-C, on an error, and when it is killed."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Final

STOP_SECONDS: Final = 5.0
_MAX_LINE_BYTES: Final = 1 << 20

# The kernel kills the child when the thread that started it ends, and a program can ask for that
# only for itself. A program in between asks and then becomes the child; subprocess's preexec_fn
# would do the same, but it runs Python between fork and exec, which can deadlock beside threads.
_PARENT_DEATH_WRAPPER: Final = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    os.kill(os.getpid(), signal.SIGKILL)
try:
    os.execv(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(error.strerror)
"""


class CommandFailed(Exception):
    """A command could not be started or ended with a status other than 0.

    The message is the end of its output.
    """


async def start_process(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    output: int | IO[bytes] = PIPE,
    keep_open: Sequence[int] = (),
) -> Process:
    """Start a program in a session of its own, so that the terminal's Ctrl-C does not reach it.

    On Linux the kernel kills it when the thread that runs this event loop ends, however it ends.

    Args:
        command: The program, by its path, and its arguments.
        environment: Its environment variables; ours when not given.
        output: Where its standard output and error go.
        keep_open: File descriptors that it inherits.

    Raises:
        OSError: It cannot be started.
    """
    if sys.platform == "linux":
        wrapper = (sys.executable, "-I", "-S", "-c", _PARENT_DEATH_WRAPPER, str(os.getpid()))
        command = (*wrapper, *command)
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=DEVNULL,
        stdout=output,
        stderr=STDOUT,
        env=environment,
        start_new_session=True,
        pass_fds=keep_open,
        limit=_MAX_LINE_BYTES,
    )


async def stop_process(process: Process, grace_seconds: float = STOP_SECONDS) -> None:
    """End a process that :func:`start_process` started, and what it started, and await its end.

    Args:
        process: What to end; nothing happens when it has ended.
        grace_seconds: Seconds from SIGTERM to SIGKILL.
    """
    if process.returncode is not None:
        return
    try:
        _signal_group(process, signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                await process.wait()
    finally:
        _signal_group(process, signal.SIGKILL)
        await process.wait()


def _signal_group(process: Process, number: signal.Signals) -> None:
    # A session's first process has the number of its group.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


async def run_command(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
    timeout_seconds: float | None = None,
    tail_lines: int = 20,
) -> str:
    """Run a program to its end; it is stopped when the caller is cancelled.

    Args:
        command: The program, by its path, and its arguments.
        environment: Its environment variables; ours when not given.
        on_line: Called with each line that it writes, at once.
        timeout_seconds: Seconds it may take; no limit when not given.
        tail_lines: How many of its last lines are returned.

    Returns:
        Its last lines.

    Raises:
        CommandFailed: It cannot be started, takes too long, or fails.
    """
    last: deque[str] = deque(maxlen=tail_lines)
    try:
        process = await start_process(command, environment=environment)
    except OSError as error:
        raise CommandFailed(error.strerror or str(error)) from error
    try:
        async with asyncio.timeout(timeout_seconds):
            assert process.stdout is not None
            async for line in process.stdout:
                text = line.decode(errors="replace").rstrip()
                last.append(text)
                if on_line is not None:
                    on_line(text)
            status = await process.wait()
    except TimeoutError as error:
        raise CommandFailed(f"it did not end within {timeout_seconds} s") from error
    finally:
        await stop_process(process)
    if status != 0:
        raise CommandFailed(last_lines(last) or f"it ended with status {status}")
    return "\n".join(last)


def last_lines(lines: Sequence[str] | deque[str], count: int = 3) -> str:
    """Return the last lines that are not empty as one line of at most 400 characters."""
    written = [line.strip() for line in lines if line.strip()]
    return " | ".join(written[-count:])[-400:]
