"""A command's process, as the worker sees it: started, waited for and ended by its supervisor."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

from perdure.agents.commands.command import Command
from perdure.agents.commands.errors import not_started
from perdure.agents.steps.errors import TransientError
from perdure.redaction import environment_for_programs

# From SIGTERM to SIGKILL; a cancelled agent is waited for two seconds longer.
GRACE_SECONDS: Final = 3.0
# One that the kernel holds, or that became another user's, is given up after this.
KILL_SECONDS: Final = 5.0
_SUPERVISOR: Final = Path(__file__).with_name("supervisor.py")
_POLL_SECONDS: Final = 0.005


class CommandProcess:
    """A command that has been started.

    Attributes:
        pid: Its process id, which is its group's as well.
        stdout: Its standard output.
        stderr: Its standard error.
        was_abandoned: Whether it is ended because its run has ended.
    """

    def __init__(
        self,
        name: str,
        supervisor: "subprocess.Popen[bytes]",
        channel: socket.socket,
        stdout: asyncio.StreamReader,
        stderr: asyncio.StreamReader,
        reports: asyncio.StreamReader,
    ) -> None:
        self.pid: int | None = None
        self.stdout = stdout
        self.stderr = stderr
        self.was_abandoned = False
        self._name = name
        self._supervisor = supervisor
        self._channel = channel
        self._reports = reports

    def request_end(self) -> None:
        """Have the supervisor end it, and all that it has started; return at once."""
        _request_end(self._channel)

    async def started(self, command: Command) -> None:
        """Wait until it has been started.

        Raises:
            PermanentError: It cannot be started.
            TransientError: It could not be started now.
        """
        report = await self._next_report()
        if "failed" in report:
            raise not_started(command, report["failed"], report["errno"])
        self.pid = report["pid"]

    async def wait(self) -> int | None:
        """Wait until nothing of it runs any more, and return its exit status.

        Returns:
            Negative for a signal; ``None`` when it could not be ended, as one that became another
            user's.

        Raises:
            TransientError: Its supervisor was killed; it is killed then, too.
        """
        status: int | None = (await self._next_report())["status"]
        return status

    async def end(self) -> None:
        """Request its end, and wait until nothing of it runs any more."""
        await _end(self._supervisor, self._channel)

    async def _next_report(self) -> dict[str, Any]:
        line = await self._reports.readline()
        if not line:
            if self.pid is not None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)
            raise TransientError(
                f"command {self._name!r} was killed, because the process that supervised it was:"
                " see the system's log, as for a lack of memory"
            )
        report: dict[str, Any] = json.loads(line)
        return report


@asynccontextmanager
async def start_command(command: Command) -> AsyncIterator[CommandProcess]:
    """Start a command for as long as the block runs; after it nothing of the command runs.

    Raises:
        PermanentError: It cannot be started.
        TransientError: It could not be started now.
    """
    async with AsyncExitStack() as stack:
        stdin = await _file_with(command.input, stack)
        channel, theirs = socket.socketpair()
        stack.callback(channel.close)
        with theirs:
            supervisor = _start_supervisor(command, stdin, theirs)
        stack.push_async_callback(_end, supervisor, channel)
        assert supervisor.stdout is not None
        assert supervisor.stderr is not None
        stdout = await _reader(supervisor.stdout, stack)
        stderr = await _reader(supervisor.stderr, stack)
        reports, writer = await asyncio.open_unix_connection(sock=channel)
        stack.callback(writer.close)
        process = CommandProcess(command.name, supervisor, channel, stdout, stderr, reports)
        writer.write(_specification(command))
        await process.started(command)
        yield process


def _start_supervisor(
    command: Command, stdin: IO[bytes] | int, channel: socket.socket
) -> "subprocess.Popen[bytes]":
    # Not by asyncio, which kills a process that its event loop leaves: this one has to end others.
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(_SUPERVISOR), str(channel.fileno())],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[channel.fileno()],
            start_new_session=True,
        )
    except OSError as error:
        raise TransientError(
            f"command {command.name!r} could not be started ({error.strerror}): the worker's"
            " machine lacks memory, processes or open files"
        ) from None


def _request_end(channel: socket.socket) -> None:
    # Closing it would not do: a process that the worker has forked may hold it open.
    with suppress(OSError):
        channel.shutdown(socket.SHUT_WR)


async def _end(supervisor: "subprocess.Popen[bytes]", channel: socket.socket) -> None:
    _request_end(channel)
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE_SECONDS + KILL_SECONDS + 1):
            while supervisor.poll() is None:  # noqa: ASYNC110 -- it is no process of asyncio
                await asyncio.sleep(_POLL_SECONDS)


def _specification(command: Command) -> bytes:
    document = {
        "args": command.args,
        "env": environment_for_programs() if command.env is None else dict(command.env),
        "cwd": command.cwd,
        "memory": command.memory,
        "grace_seconds": GRACE_SECONDS,
        "kill_seconds": KILL_SECONDS,
        "parent": os.getpid(),
    }
    return json.dumps(document).encode() + b"\n"


async def _file_with(content: bytes | None, stack: AsyncExitStack) -> IO[bytes] | int:
    """Return a file that a command reads its input from: one without a name, or none at all."""
    if content is None:
        return subprocess.DEVNULL

    def write() -> IO[bytes]:
        file = tempfile.TemporaryFile()  # noqa: SIM115 -- the stack closes it
        file.write(content)
        file.seek(0)
        return file

    file = await asyncio.to_thread(write)
    stack.callback(file.close)
    return file


async def _reader(pipe: IO[bytes], stack: AsyncExitStack) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
    stack.callback(transport.close)
    return reader
