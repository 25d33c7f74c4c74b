"""How much a program that nobody here wrote may use, and what it came to."""

from enum import StrEnum
from typing import Final

from pydantic import Field

from perdure_code.facts import Fact

MEBIBYTE: Final = 1 << 20


class Limit(StrEnum):
    """Why a command was stopped; ``MACHINE``: the machine had next to no memory left."""

    TIME = "time"
    MEMORY = "memory"
    MACHINE = "machine"
    PROCESSES = "processes"
    DISK = "disk"
    OUTPUT = "output"


class Limits(Fact):
    """How much one command may use, all that it starts included.

    Attributes:
        seconds: Of wall-clock time.
        memory_bytes: Of memory, counted once where processes share it, files in ``/tmp`` included;
            no single process may reserve more either.
        processes: At one time, threads counted.
        disk_bytes: Written into the workspace, and as much again into ``/tmp``.
        output_bytes: Printed on both streams.
    """

    seconds: float = Field(default=120.0, gt=0)
    memory_bytes: int = Field(default=2048 * MEBIBYTE, gt=0)
    processes: int = Field(default=512, gt=0)
    disk_bytes: int = Field(default=1024 * MEBIBYTE, gt=0)
    output_bytes: int = Field(default=64 * MEBIBYTE, gt=0)

    def sentence(self, limit: Limit) -> str:
        """Say which limit stopped a command, and what to do next."""
        match limit:
            case Limit.TIME:
                amount, parameter = f"took longer than {self.seconds:g} s", "tests_timeout"
            case Limit.MEMORY:
                amount = f"used more than {self.memory_bytes // MEBIBYTE:,} MiB of memory"
                parameter = "memory_mb"
            case Limit.PROCESSES:
                amount = f"had more than {self.processes:,} processes and threads"
                parameter = "processes"
            case Limit.DISK:
                amount = f"wrote more than {self.disk_bytes // MEBIBYTE:,} MiB to the disk"
                parameter = "disk_mb"
            case Limit.MACHINE:
                return (
                    "it was stopped, because the worker's machine had next to no memory left: run"
                    " less there, or give it more"
                )
            case Limit.OUTPUT:
                amount = f"printed more than {self.output_bytes // MEBIBYTE:,} MiB"
                return f"it was stopped, because it {amount}: find what repeats in its output"
        return f"it was stopped, because it {amount}: raise the parameter {parameter!r}, or see why"


class CommandResult(Fact):
    """What a command in a sandbox came to.

    Attributes:
        status: Its exit status; 128 and the signal's number where a signal ended it, as a shell
            has it; ``None`` when it was stopped for a limit.
        output: What it printed on both streams: the beginning and the end of it, 64 KiB of each.
        limit: The limit that it was stopped for.
        seconds: How long it took.
        memory_bytes: The most memory that was seen in use.
        processes: The most processes and threads that were seen at one time.
        files: The files that were asked for, by the name in the sandbox's ``/results``, as far as
            they were written.
        files_missing: Those among them that were too large, or no plain files.
    """

    status: int | None
    output: str
    limit: Limit | None = None
    seconds: float
    memory_bytes: int = 0
    processes: int = 0
    files: dict[str, str] = Field(default_factory=dict)
    files_missing: tuple[str, ...] = ()

    @property
    def timed_out(self) -> bool:
        """Whether it took too long."""
        return self.limit is Limit.TIME
