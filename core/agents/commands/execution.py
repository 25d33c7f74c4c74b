"""The execution of a command: its output read and shown meanwhile, its limits kept."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from perdure.agents.commands.command import Command
from perdure.agents.commands.completed_command import CompletedCommand
from perdure.agents.commands.errors import abandoned, failed, timed_out
from perdure.agents.commands.output import CommandOutput
from perdure.agents.commands.process import CommandProcess, start_command

# A process that could not be ended may hold the output open for ever.
OUTPUT_SECONDS: Final = 2.0
_ACTIVE_SECONDS: Final = 0.25


class CommandExecutions:
    """Executes the commands of one execution of a run."""

    def __init__(
        self, emit: Callable[[str, str], Awaitable[None]], keep_active: Callable[[], None]
    ) -> None:
        """Prepare to execute commands.

        Args:
            emit: Emits the next piece of a stream, ``stdout`` or ``stderr``.
            keep_active: Called several times a second while a command that has a time limit runs.
        """
        self._emit = emit
        self._keep_active = keep_active
        self._running: set[CommandProcess] = set()

    async def execute(self, command: Command) -> CompletedCommand:
        """Run a command to its end; nothing that it has started runs when this returns or raises.

        Raises:
            PermanentError: It cannot be started.
            TransientError: It could not be started now, or its supervisor was killed.
            CommandFailed: It took too long, or ended with a status other than 0.
        """
        started = time.monotonic()
        output = CommandOutput()
        async with start_command(command) as process:
            self._running.add(process)
            try:
                status = await self._run(process, output, command.timeout)
            finally:
                self._running.discard(process)
        stdout, stderr = output.stdout.text(), output.stderr.text()
        if process.was_abandoned:
            raise abandoned(command)
        if status is None:
            raise timed_out(command, stdout, stderr)
        if status != 0 and command.check:
            raise failed(command, status, stdout, stderr)
        return CompletedCommand(
            returncode=status,
            stdout=stdout,
            stderr=stderr,
            stdout_cut=output.stdout.is_cut,
            stderr_cut=output.stderr.is_cut,
            seconds=round(time.monotonic() - started, 3),
        )

    def abandon(self) -> None:
        """Have every command that still runs ended, because the run has ended; return at once."""
        for process in self._running:
            process.was_abandoned = True
            process.request_end()

    async def _run(
        self, process: CommandProcess, output: CommandOutput, seconds: float | None
    ) -> int | None:
        """Return a command's exit status; ``None`` when it took too long."""
        showing = asyncio.create_task(output.show(self._emit))
        reading = [
            asyncio.create_task(output.stdout.read(process.stdout)),
            asyncio.create_task(output.stderr.read(process.stderr)),
        ]
        try:
            status = await self._wait(process, showing, seconds)
            await process.end()
            await asyncio.wait(reading, timeout=OUTPUT_SECONDS)
            output.finish()
            await showing
        except BaseException:
            # Read meanwhile: a command that cannot write what it has to say does not end.
            await process.end()
            raise
        finally:
            for task in (showing, *reading):
                task.cancel()
        return status

    async def _wait(
        self, process: CommandProcess, showing: "asyncio.Task[None]", seconds: float | None
    ) -> int | None:
        waiting = asyncio.create_task(process.wait())
        deadline = None if seconds is None else time.monotonic() + seconds
        try:
            while True:
                pause = None if deadline is None else max(0, deadline - time.monotonic())
                await asyncio.wait(
                    {waiting, showing},
                    timeout=None if pause is None else min(pause, _ACTIVE_SECONDS),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if waiting.done():
                    return waiting.result()
                if showing.done():
                    showing.result()  # raises what kept it from being shown
                if deadline is not None:
                    if time.monotonic() >= deadline:
                        return None
                    self._keep_active()
        finally:
            waiting.cancel()
            await asyncio.wait({waiting})
