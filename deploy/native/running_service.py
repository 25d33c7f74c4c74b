"""A service that runs: its program, whether it is healthy, and that it comes back when it dies."""

import asyncio
import json
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Final

from deploy.native.compose_file import Service
from deploy.native.sandbox import (
    Installation,
    SandboxCommand,
    probe_command,
    service_command,
)
from perdure.temporal.server.processes import start_process

_RESTART_SECONDS: Final = 1.0
_OUTPUT_LINES: Final = 5


class ServiceFailed(Exception):
    """A service that others need did not get as far as they need it."""


class RunningService:
    """One service of a cluster.

    Attributes:
        name: Which one.
        service: What the compose file says of it.
        healthy: Set while its health check succeeds.
        started: Set while its program runs.
        starts: How often its program has been started.
    """

    def __init__(
        self, installation: Installation, name: str, report: Callable[[str], None]
    ) -> None:
        self.name = name
        self.service: Service = installation.file.services[name]
        self.healthy = asyncio.Event()
        self.started = asyncio.Event()
        self.starts = 0
        self._installation = installation
        self._report = report
        self._status: int | None = None
        self._pidfd: int | None = None
        self._wanted = False
        self._supervision: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start it, and again whenever it ends, as its restart policy says."""
        self._wanted = True
        self._status = None
        self._supervision = asyncio.create_task(self._supervise(), name=self.name)

    async def stop(self) -> None:
        """End it with its stop signal, and after its grace period with SIGKILL."""
        self._wanted = False
        self.signal(signal.Signals[self.service.stop_signal])
        await self._wait_for_end(self.service.stop_grace_period)

    async def kill(self) -> None:
        """End it with SIGKILL, and leave it ended."""
        self._wanted = False
        await self._wait_for_end(0)

    def signal(self, number: signal.Signals) -> None:
        """Send its program a signal; nothing happens when it does not run."""
        if self._pidfd is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    async def until_completed(self) -> None:
        """Wait until it has ended.

        Raises:
            ServiceFailed: It ended with a status other than 0.
        """
        assert self._supervision is not None
        await asyncio.shield(self._supervision)
        if self._status != 0:
            raise ServiceFailed(f"{self.name} ended with status {self._status}: {self.last_output}")

    async def until_healthy(self) -> None:
        """Wait until its health check succeeds.

        Raises:
            ServiceFailed: It does not within its start period and so many tries.
        """
        check = self.service.healthcheck
        assert check is not None
        seconds = check.start_period + check.retries * (check.interval + check.timeout)
        try:
            async with asyncio.timeout(seconds):
                await self.healthy.wait()
        except TimeoutError:
            raise ServiceFailed(
                f"{self.name} was not healthy within {seconds:.0f} s: {self.last_output}"
            ) from None

    @property
    def last_output(self) -> str:
        """The last lines that it has written."""
        with suppress(OSError):
            text = self._installation.log(self.name).read_text(errors="replace")
            return " | ".join(text.splitlines()[-_OUTPUT_LINES:])
        return ""

    async def _wait_for_end(self, seconds: float) -> None:
        if self._supervision is None:
            return
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(self._supervision)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self._supervision

    async def _supervise(self) -> None:
        checking = asyncio.create_task(self._check()) if self.service.healthcheck else None
        try:
            while self._wanted:
                self._status = await self._run_once()
                self.healthy.clear()
                if self.service.runs_once or not self._wanted:
                    return
                self._report(f"{self.name} ended with status {self._status} and is started again")
                await asyncio.sleep(_RESTART_SECONDS)
        finally:
            if checking is not None:
                checking.cancel()
                await asyncio.gather(checking, return_exceptions=True)

    async def _run_once(self) -> int:
        """Run the program to its end and return its status."""
        read, write = os.pipe()
        command = service_command(self._installation, self.name, write)
        with self._installation.log(self.name).open("ab") as log:
            process = await start_in_sandbox(command, log)
        self.starts += 1
        try:
            text = await asyncio.to_thread(_read_all, read)
            with suppress(ProcessLookupError, ValueError):
                self._pidfd = os.pidfd_open(json.loads(text)["child-pid"])
                self.started.set()
            if not self._wanted:  # it was stopped while it was being started
                self.signal(signal.SIGKILL)
            return await process.wait()
        finally:
            if process.returncode is None:  # this task is cancelled
                process.kill()
                await process.wait()
            self.started.clear()
            if self._pidfd is not None:
                os.close(self._pidfd)
                self._pidfd = None

    async def _check(self) -> None:
        check = self.service.healthcheck
        assert check is not None
        failures = 0
        while True:
            if self.started.is_set() and await _succeeds(
                probe_command(self._installation, self.name), check.timeout
            ):
                failures = 0
                self.healthy.set()
            else:
                failures += 1
                if failures >= check.retries:
                    self.healthy.clear()
            await asyncio.sleep(check.interval if self.healthy.is_set() else check.start_interval)


async def start_in_sandbox(command: SandboxCommand, output: int | IO[bytes]) -> Process:
    """Start a command, and close what only its sandbox reads.

    Args:
        command: Which one.
        output: Where what it writes goes.
    """
    try:
        return await start_process(
            command.arguments,
            environment=command.environment,
            output=output,
            keep_open=command.keep_open,
        )
    finally:
        for descriptor in command.keep_open:
            os.close(descriptor)


async def _succeeds(command: SandboxCommand, seconds: float) -> bool:
    """Run a command and return whether it ends with status 0 in time."""
    process = await start_in_sandbox(command, DEVNULL)
    try:
        async with asyncio.timeout(seconds):
            return await process.wait() == 0
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _read_all(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        return file.read()
