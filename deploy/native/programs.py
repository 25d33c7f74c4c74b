"""The programs of this machine that stand for those of images, built where there are none."""

import asyncio
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from filelock import FileLock

from deploy.native.dockerfile import read_dockerfile
from deploy.native.go_programs import GoProgram, ensure_go_program, programs_folder
from perdure.settings import Settings
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.progress import Report

DEPLOY: Final = Path(__file__).parents[1]

_DEBIAN: Final = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


GO_PROGRAMS: Final = (
    GoProgram("temporal-server", "go.temporal.io/server/cmd/server@v1.29.1"),
    GoProgram("temporal-sql-tool", "go.temporal.io/server/cmd/tools/sql@v1.29.1"),
    GoProgram("ui-server", "github.com/temporalio/ui-server/v2/cmd/server@v2.45.0"),
    GoProgram("versitygw", "github.com/versity/versitygw/cmd/versitygw@v1.8.0"),
)


@dataclass(frozen=True)
class Image:
    """What an image brings beside its programs.

    Attributes:
        entrypoint: What starts a service that names no entrypoint of its own.
        environment: Its variables.
    """

    entrypoint: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


def read_image(reference: str) -> Image:
    """Return what the image of a service brings, by its name.

    Raises:
        KeyError: Nothing here stands for it.
    """
    images = {
        "perdure": _read_image(DEPLOY / "Dockerfile"),
        "postgres": Image((str(DEPLOY / "native/postgresql-entrypoint"),)),
        "redis": Image(),
        "temporalio/admin-tools": Image(),
        "temporalio/server": Image(),
        "temporalio/ui": Image(),
        "versity/versitygw": Image(),
        "nginx": Image(),
        "prom/prometheus": Image(),
    }
    return images[reference.rpartition(":")[0]]


def _read_image(dockerfile: Path) -> Image:
    stage = read_dockerfile(dockerfile)[-1]
    # Where programs are is another matter on this machine.
    environment = {name: value for name, value in stage.environment.items() if name != "PATH"}
    return Image(stage.entrypoint, environment)


def search_path(cache: Path) -> list[str]:
    """Return the folders in which programs of images are looked for, in this order."""
    postgresql = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    folders = [
        cache / "programs",
        Path(sys.executable).parent,
        DEPLOY / "docker",
        *postgresql[-1:],
    ]
    return [*map(str, folders), *_DEBIAN]


async def ensure_programs(settings: Settings, report: Report) -> None:
    """Build what is not there yet: Temporal's programs and the S3 server.

    Raises:
        CommandFailed: A build failed.
        ServerUnavailable: There is no way to the command line.
    """
    command_line = await ensure_server_binary(settings, report)
    for program in GO_PROGRAMS:
        await ensure_go_program(program, settings, report)
    folder = programs_folder(settings)
    with FileLock(folder / ".temporal.lock"):
        link = folder / "temporal"
        link.unlink(missing_ok=True)
        link.symlink_to(command_line.path)


def main() -> None:
    """Build what is missing."""
    asyncio.run(ensure_programs(Settings(), lambda line: print(line, flush=True)))


if __name__ == "__main__":
    main()
