"""``python -m deploy.native``: the services of ``compose.yaml`` on this machine, until Ctrl-C."""

import asyncio
import sys
from pathlib import Path

from deploy.native.cluster import run_cluster
from deploy.native.compose_file import ComposeFileRefused
from deploy.native.programs import DEPLOY
from deploy.native.running_service import ServiceFailed
from perdure.cli.runtime.event_loop import run_async, until_stopped
from perdure.temporal.server.binary import ServerUnavailable
from perdure.temporal.server.processes import CommandFailed

HOME = DEPLOY.parent / "build" / "cluster"


def _report(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


async def _run() -> None:
    async with run_cluster(HOME, _report) as cluster:
        key = HOME / "secrets" / "api-key"
        lines = (
            f"API            {cluster.url('nginx', 8000)}  (key: {_shown(key)})",
            f"Temporal       {cluster.url('temporal-ui', 8080)}",
            f"Prometheus     {cluster.url('prometheus', 9090)}",
            f"Logs           {_shown(HOME / 'logs')}",
            "Ctrl-C ends it; what it holds stays in " + _shown(HOME),
        )
        print(*lines, sep="\n", flush=True)
        await until_stopped()
        _report("stopping")


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def main() -> None:
    """Run the cluster."""
    try:
        run_async(_run())
    except (
        CommandFailed,
        ComposeFileRefused,
        ServerUnavailable,
        ServiceFailed,
    ) as error:
        sys.exit(f"make cluster: {error}")
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)


if __name__ == "__main__":
    main()
