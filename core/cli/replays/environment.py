"""Throw-away environments with another version of a plugin, for its replay."""

import asyncio
import os
import shutil
import sys
import sysconfig
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement

from perdure.cli.output.event_text import one_line
from perdure.cli.replays.process import OWN_VARIABLES, ReplayImpossible

INSTALL_SECONDS: Final = 600.0
_NETWORK_SECONDS: Final = 15
_REASON_CHARACTERS: Final = 300


def requirement(text: str) -> str:
    """Return a version to replay with, such as ``perdure-analysis==1.2``.

    Raises:
        ReplayImpossible: It is none.
    """
    try:
        return str(Requirement(text))
    except InvalidRequirement as error:
        raise ReplayImpossible(
            f"{text!r} names no version of a plugin ({str(error).partition(chr(10))[0]}): write it"
            " like perdure-analysis==1.2"
        ) from error


@asynccontextmanager
async def environment_with(version: str) -> AsyncIterator[Path]:
    """Yield the interpreter of an environment that has a version of a plugin, and then remove it.

    What the plugin needs besides is taken from this environment, and installed where it needs other
    versions.

    Args:
        version: The plugin's distribution and version, as pip takes them.

    Raises:
        ReplayImpossible: It cannot be installed, as without a network.
    """
    wanted = requirement(version)
    with TemporaryDirectory(prefix="perdure-with-") as folder:
        python = await asyncio.to_thread(_expected_python, Path(folder))
        made = await _run([sys.executable, "-m", "venv", "--without-pip", folder])
        if made is None:
            await asyncio.to_thread(_share_packages, Path(folder))
            made = await _run(_install_command(python, wanted))
        if made is not None:
            raise ReplayImpossible(
                f"no environment with {wanted} could be made ({made}): see that the package index"
                " can be reached and has it, or make one and name it with --python"
            )
        yield python


def _expected_python(folder: Path) -> Path:
    return folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"


def _share_packages(folder: Path) -> None:
    """Have an environment see what this one has, behind what it has itself."""
    places = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    own = sysconfig.get_paths()["purelib"]
    file = Path(places["purelib"]) / "of-perdure.pth"
    file.write_text(f"import site; site.addsitedir({own!r})\n", encoding="utf-8")


def _install_command(python: Path, wanted: str) -> Sequence[str]:
    pip = [sys.executable, "-m", "pip"]
    uv = shutil.which("uv")
    if uv is not None and not _has_pip():
        return [uv, "pip", "install", "--quiet", "--python", str(python), wanted]
    return [
        *(*pip, "--python", str(python), "install", "--quiet", "--disable-pip-version-check"),
        *("--no-input", "--retries", "1", "--timeout", str(_NETWORK_SECONDS), wanted),
    ]


def _has_pip() -> bool:
    from importlib.util import find_spec

    return find_spec("pip") is not None


async def _run(command: Sequence[str]) -> str | None:
    """Run a command; return why it failed, and ``None`` if it did not."""
    environment = {name: os.environ[name] for name in os.environ if name not in OWN_VARIABLES}
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(INSTALL_SECONDS):
            printed, _ = await process.communicate()
    except TimeoutError:
        return f"it took longer than {INSTALL_SECONDS:g} s"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == 0:
        return None
    lines = [line for line in printed.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error:")] or lines[-2:]
    said = "; ".join(errors) or f"status {process.returncode}"
    return one_line(said)[:_REASON_CHARACTERS]
