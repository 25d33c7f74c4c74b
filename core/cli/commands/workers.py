"""``perdure workers``: the worker processes, and how busy they are."""

from typing import TYPE_CHECKING

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.output.printing import print_json, print_table
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import json_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend


@click.command()
@json_option
@handle_errors
def workers(as_json: bool) -> None:
    """List the workers: whether each is alive, its slots in use, its version and its agents."""

    async def print_workers(backend: "Backend") -> None:
        from perdure.agents.plugins.hooks.printable import shortened

        found = await backend.workers()
        if as_json:
            print_json({"workers": [worker.model_dump(mode="json") for worker in found]})
            return
        if not found:
            click.echo("No worker runs: start one with perdure worker, or all with perdure dev")
            return
        print_table(
            ["worker", "pool", "status", "slots", "version", "build", "started", "seen", "agents"],
            [
                [
                    worker.identity,
                    worker.pool,
                    "alive" if worker.alive else "lost",
                    f"{worker.used} of {worker.slots}",
                    worker.version,
                    worker.build_id,
                    f"{worker.started_at.astimezone():%Y-%m-%d %H:%M:%S}",
                    f"{worker.seen_at.astimezone():%Y-%m-%d %H:%M:%S}",
                    shortened(sorted(worker.agents)),
                ]
                for worker in found
            ],
        )

    run_with_backend(print_workers)
