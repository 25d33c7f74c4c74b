"""Replays runs in a process of their own, which an agent's code may hang, end or kill.

The process may be one of another environment, which has another version of the plugin.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from perdure.cli.replays.protocol import LINE_BYTES, Answer, Request, encode, to_line
from perdure.schemas.replays.recording import Recording
from perdure.schemas.replays.replay import Replay

# How long the code of one run may take: nothing is executed, so that it has to compute only.
REPLAY_SECONDS: Final = 120.0
# … and the process until it has loaded the plugins, on a machine that is busy.
_START_SECONDS: Final = 120.0
# What another environment must not be given: what this one is made of.
OWN_VARIABLES: Final = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")

_START: Final = """
import json, sys
order = json.loads(sys.stdin.buffer.readline())
if order["path"] is not None:
    sys.path[:] = order["path"]
try:
    from perdure.entry_points import leave_out_damaged
    leave_out_damaged()
    from perdure.cli.replays.process_main import main
except ImportError as error:
    sys.exit(f"perdure: {error}")
main(order["plugin_files"])
"""

ReadContent = Callable[[str], Awaitable[bytes]]


class ReplayImpossible(Exception):
    """The process of a replay could not be started, or has no replay."""


class _ProcessLost(Exception):
    """The process has ended, or said nothing for too long."""


class ReplayProcess:
    """Replays runs one after the other with what an environment has installed.

    A process that was lost in one run is replaced for the next.

    Attributes:
        python: The interpreter of another environment; ``None`` for this one.
    """

    def __init__(self, python: Path | None, plugin_files: Sequence[Path]) -> None:
        self.python = python
        self._plugin_files = [str(path) for path in plugin_files]
        self._process: asyncio.subprocess.Process | None = None
        self._home: TemporaryDirectory[str] | None = None

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, python: Path | None, plugin_files: Sequence[Path]
    ) -> "AsyncIterator[ReplayProcess]":
        """Yield one whose process ends with the block."""
        process = cls(python, plugin_files)
        try:
            yield process
        finally:
            await process._end()

    async def replay(self, recording: Recording, read: ReadContent) -> Replay:
        """Replay a run.

        Args:
            recording: What is on record of it.
            read: Reads contents from the stores; raises :class:`LookupError`.

        Raises:
            ReplayImpossible: The process does not start.
        """
        process = await self._started()
        try:
            async with asyncio.timeout(REPLAY_SECONDS):
                return await self._replay(process, recording, read)
        except TimeoutError:
            await self._end()
            reason = f"it took longer than {REPLAY_SECONDS:g} s: see what it does outside of steps"
        except _ProcessLost as error:
            await self._end()
            reason = str(error)
        python = str(self.python or sys.executable)
        return Replay(
            end="lost", message=reason, first=f"the replay was lost: {reason}", python=python
        )

    async def _replay(
        self, process: asyncio.subprocess.Process, recording: Recording, read: ReadContent
    ) -> Replay:
        await _send(process, to_line(Request(recording=recording)))
        while (answer := await _next_answer(process)).replay is None:
            try:
                request = Request(content=encode(await read(answer.digest)))
            except LookupError as error:
                request = Request(reason=str(error.args[0] if error.args else error))
            await _send(process, to_line(request))
        return answer.replay

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is not None:
            return self._process
        python = str(self.python or sys.executable)
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *(python, "-P", "-c", _START),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=self._environment(),
                limit=LINE_BYTES,
                start_new_session=True,  # with whatever it starts, it is ended as a group
            )
        except OSError as error:
            raise ReplayImpossible(
                f"{python} cannot be run ({error.strerror or error}): name the python of an"
                " environment, such as old/bin/python"
            ) from error
        path = sys.path if self.python is None else None
        order = json.dumps({"path": path, "plugin_files": self._plugin_files})
        try:
            async with asyncio.timeout(_START_SECONDS):
                await _send(process, f"{order}\n".encode())
                await _next_answer(process)
        except (_ProcessLost, TimeoutError) as error:
            await self._end()
            raise ReplayImpossible(
                f"{python} did not start a replay ({str(error) or 'it took too long'}): it needs"
                " the agent's plugin and a Perdure that has perdure goals replay"
            ) from error
        return process

    def _environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        if self.python is not None:
            for name in OWN_VARIABLES:
                environment.pop(name, None)
            # In this one's home is written which agents this environment has.
            self._home = self._home or TemporaryDirectory(prefix="perdure-replay-")
            environment["PERDURE_HOME"] = self._home.name
        return environment

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        home, self._home = self._home, None
        if home is not None:
            await asyncio.to_thread(home.cleanup)


async def _send(process: asyncio.subprocess.Process, line: bytes) -> None:
    assert process.stdin is not None
    with suppress(OSError):  # it has ended, which its answer says
        process.stdin.write(line)
        await process.stdin.drain()


async def _next_answer(process: asyncio.subprocess.Process) -> Answer:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if line.endswith(b"\n"):
        with suppress(ValueError):
            return Answer.model_validate_json(line)
        raise _ProcessLost("it said what no replay says")
    status = await process.wait()
    if status < 0:
        with suppress(ValueError):
            raise _ProcessLost(f"its process was ended with {signal.Signals(-status).name}")
    raise _ProcessLost(f"its process ended with status {status}")
