"""A fresh environment with what a repository declares to need.

Only wheels are installed, which are unpacked and not run: no code of a stranger's is executed
outside of the sandbox, neither a ``setup.py`` nor what an environment runs when Python starts.
"""

import asyncio
import platform
import re
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from perdure.agents import CompletedCommand, Run, StepFailed
from perdure_code.environments.declarations import Declarations
from perdure_code.environments.environment import Environment, EnvironmentKind
from perdure_code.environments.interpreters import (
    Interpreter,
    choose_interpreter,
    library_variables,
    prefix_mounts,
)
from perdure_code.sandbox.sandbox import Mount

_VERSION: Final = 1
_SECONDS: Final = 900.0
_MAX_TRIES: Final = 8
_SAID: Final = 200
_PIP: Final = ("-I", "-m", "pip", "--no-input", "--disable-pip-version-check")


class NotInstalled(Exception):
    """No environment could be made; the message says why."""


async def fresh_environment(run: Run, declared: Declarations, folder: Path) -> Environment:
    """Return an environment with what a repository declares, made in a folder.

    What was installed is kept, and found again by what is declared and the Python it is for.

    Args:
        run: The run that installs it; call this in a step of it.
        declared: What the repository declares.
        folder: Where it is made; it does not exist yet.

    Raises:
        NotInstalled: It cannot be made.
    """
    interpreter = choose_interpreter(declared)
    wanted = list(declared.requirements)
    if "pytest" not in declared.names:
        wanted.append("pytest")
    make = partial(_install, run, wanted, interpreter)
    key = [wanted, interpreter.version, sys.platform, platform.machine()]
    async with run.cache.file("environment", key, make, version=_VERSION) as kept:
        notes = await asyncio.to_thread(_unpack, kept, folder)
    await asyncio.to_thread(_make_environment, folder, interpreter)
    left_out = [f"{text!r} was not installed, as it is in no index" for text in declared.left_out]
    prefix = prefix_mounts(interpreter.prefix)
    return Environment(
        kind=EnvironmentKind.FRESH,
        python=str(folder / "bin" / "python"),
        mounts=(Mount(str(folder), str(folder)), *prefix),
        variables=library_variables(prefix),
        description="a fresh environment with what the repository declares",
        notes=(*notes, *left_out),
    )


async def _install(run: Run, wanted: Sequence[str], interpreter: Interpreter, target: Path) -> None:
    """Write an archive of wheels that are installed."""
    with tempfile.TemporaryDirectory(prefix="perdure-code-") as name:
        work = Path(name)
        notes = await _install_wheels(run, wanted, interpreter, work)
        await asyncio.to_thread(_pack, work / "packages", notes, target)


async def _install_wheels(
    run: Run, wanted: Sequence[str], interpreter: Interpreter, work: Path
) -> tuple[str, ...]:
    """Install wheels into ``packages``; what has no wheel is taken in another version, or not."""
    requirements = list(wanted)
    notes: dict[str, str] = {}
    for _ in range(_MAX_TRIES):
        (work / "requirements.txt").write_text("".join(f"{text}\n" for text in requirements))
        done = await _pip(run, interpreter, work)
        if done.returncode == 0:
            return tuple(notes.values())
        said = done.stderr
        missing = re.findall(r"No matching distribution found for (.+)", said)
        refused = [text for text in requirements if _is_same(text, missing)]
        if not refused:
            raise NotInstalled(_reason(said))
        for text in refused:
            requirements.remove(text)
            name = Requirement(text).name
            if name == text == "pytest":
                raise NotInstalled("there is no wheel of pytest for this Python")
            if name == text:
                notes[name] = f"there is no wheel of {name} for this Python: it was left out"
            else:
                requirements.append(name)
                notes[name] = f"there is no wheel of {text} for this Python: another was taken"
    raise NotInstalled("too much of it has no wheel")


async def _pip(run: Run, interpreter: Interpreter, work: Path) -> CompletedCommand:
    command: list[str] = [sys.executable, *_PIP, "install", "--only-binary", ":all:"]
    command += ["--target", "packages", "--upgrade", "--no-compile", "--no-warn-script-location"]
    if not interpreter.is_worker:
        command += ["--python-version", interpreter.version, "--implementation", "cp"]
    try:
        return await run.command(
            [*command, "--requirement", "requirements.txt"],
            name="install",
            cwd=work,
            timeout=_SECONDS,
            check=False,
        )
    except StepFailed as error:
        raise NotInstalled(str(error)) from error


def _is_same(text: str, missing: Sequence[str]) -> bool:
    names = {re.split(r"[\s<>=!~;\[(]", found.strip())[0].lower() for found in missing}
    return Requirement(text).name.lower() in names


def _reason(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    if any("No module named pip" in line for line in lines):
        return "the worker's Python has no pip: pip install pip there"
    line = (errors or lines or ["pip said nothing"])[-1]
    return line.removeprefix("ERROR:").strip()[:_SAID]


def _pack(packages: Path, notes: tuple[str, ...], target: Path) -> None:
    (packages / "perdure-notes.txt").write_text("\n".join(notes))
    with tarfile.open(target, "w") as archive:
        archive.add(packages, arcname="packages")


def _unpack(kept: Path, folder: Path) -> tuple[str, ...]:
    """Unpack what was installed, and return the notes that were made then."""
    folder.mkdir(parents=True)
    with tarfile.open(kept) as archive:
        # The first releases of Python 3.11 have no filter; what is in it was written here.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder)  # noqa: S202 -- likewise
    return tuple((folder / "packages" / "perdure-notes.txt").read_text().splitlines())


def _make_environment(folder: Path, interpreter: Interpreter) -> None:
    """Make a virtual environment of the packages, without running anything."""
    library = folder / "lib" / f"python{interpreter.version}"
    library.mkdir(parents=True)
    packages = library / "site-packages"
    (folder / "packages").rename(packages)
    programs = folder / "bin"
    if (packages / "bin").is_dir():
        (packages / "bin").rename(programs)
    programs.mkdir(exist_ok=True)
    for program in programs.iterdir():
        _change_interpreter(program, programs / "python")
    for name in ("python", "python3", f"python{interpreter.version}"):
        (programs / name).unlink(missing_ok=True)
        (programs / name).symlink_to(interpreter.path)
    (folder / "pyvenv.cfg").write_text(
        f"home = {interpreter.path.parent}\ninclude-system-site-packages = false\n"
        f"version = {interpreter.version}\n"
    )
    for made in (folder, *folder.rglob("*")):
        if not made.is_symlink():
            made.chmod(0o755 if made.is_dir() or made.parent == programs else 0o644)


def _change_interpreter(program: Path, python: Path) -> None:
    """Make a script that pip has written run on the environment's Python."""
    content = program.read_bytes()
    first, newline, rest = content.partition(b"\n")
    if newline and first.startswith(b"#!") and b"python" in first:
        program.write_bytes(f"#!{python}\n".encode() + rest)
