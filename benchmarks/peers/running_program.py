"""A peer's program as a process, and how to ask it for goals."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.environments import environment_of
from benchmarks.peers.served_program import Place
from perdure.settings import Settings

ROOT: Final = Path(__file__).parents[2]
PROGRAMS: Final = Path(__file__).parent / "programs"


@dataclass(frozen=True)
class Program:
    """A peer's program, ready to be started.

    Attributes:
        name: The peer's name for people.
        module: The program's module in :mod:`benchmarks.peers.programs`.
        shares_queue: Whether all of its processes take goals from one task queue of the server, so
            that two installations of it cannot be compared at once.
    """

    name: str
    module: str
    shares_queue: bool = False

    @property
    def requirements(self) -> list[str]:
        """The exact versions of its environment; none for what this environment has."""
        pinned = PROGRAMS / f"{self.module}.txt"
        return pinned.read_text(encoding="utf-8").split() if pinned.exists() else []

    def python(self) -> Path:
        """Return the Python that it runs in, installed when it is first asked for."""
        if not self.requirements:
            return Path(sys.executable)
        return environment_of(self.requirements, Settings().cache / "peers", self.module)


class ProgramFailed(Exception):
    """A peer's program ended before it had answered."""


@dataclass(frozen=True)
class RunningProgram:
    """A peer's program that runs."""

    program: Program
    process: Process

    async def ask(self, do: str, **details: object) -> Any:
        """Ask for something and return the answer.

        Raises:
            ProgramFailed: It has ended.
        """
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **details}).encode() + b"\n")
        return await self.answer()

    async def answer(self) -> Any:
        """Return the next answer."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            status = await self.process.wait()
            raise ProgramFailed(f"the program of {self.program.name} ended with status {status}")
        return json.loads(line)


@asynccontextmanager
async def running(
    program: Program, place: Place, environment: Mapping[str, str] | None = None
) -> AsyncIterator[RunningProgram]:
    """Run a peer's program for as long as the block runs; it is ready when this yields."""
    place.folder.mkdir(parents=True, exist_ok=True)
    # The programs are found below the current folder, which a safe path would leave out.
    own = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    process = await asyncio.create_subprocess_exec(
        *(program.python(), "-m", f"benchmarks.peers.programs.{program.module}"),
        *(place.folder, place.temporal_address),
        stdin=PIPE,
        stdout=PIPE,
        cwd=ROOT,
        env=own | dict(environment or {}),
        limit=2**24,
    )
    try:
        started = RunningProgram(program, process)
        await started.answer()
        yield started
    finally:
        await _end(process)


async def _end(process: Process) -> None:
    if process.returncode is None:
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()
