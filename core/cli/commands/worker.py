"""``perdure worker``: run goals for a Temporal server that runs elsewhere."""

import logging
import os
import threading
from contextlib import suppress

import click

from perdure.cli.output.printing import print_json, print_message
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.event_loop import exit_after, run_async, until_stopped
from perdure.cli.runtime.options import json_option


@click.command()
@click.option(
    "--processes",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="How many worker processes to run; one that dies is replaced, its goals go on at once.",
)
@click.option(
    "--build-id",
    help="The version of what this worker runs: Temporal then knows workers of each version apart.",
)
@click.option(
    "--make-current",
    is_flag=True,
    help="Let this version get the goals from now on, in place of the one that is current.",
)
@click.option("--supervised", is_flag=True, hidden=True)
@json_option
@handle_errors
def worker(
    processes: int, build_id: str | None, make_current: bool, supervised: bool, as_json: bool
) -> None:
    """Run goals until Ctrl-C or SIGTERM.

    Connects to TEMPORAL_ADDRESS, or to the server of a running perdure dev. When it stops, agents
    reach the end of a step; their goals go on at another worker.
    """
    # In the environment, where a pool's workers find them too.
    if build_id is not None:
        os.environ["PERDURE_BUILD_ID"] = build_id
    if make_current:
        os.environ["PERDURE_MAKE_CURRENT"] = "true"
    if processes > 1:
        run_async(_run_pool(processes, as_json), log_level=logging.INFO)
    else:
        run_async(_run_one(supervised, as_json), log_level=logging.INFO)


async def _run_one(supervised: bool, as_json: bool) -> None:
    from perdure.messages import TASK_QUEUE
    from perdure.settings import Settings
    from perdure.stores import open_stores
    from perdure.temporal.client.connection import connect
    from perdure.temporal.installation import installation_address, load_agents
    from perdure.temporal.worker.run_worker import log_failed_plugins, run_worker

    settings = Settings()
    # Before any plugin is loaded: it might read the pipe, or start a process that inherits it.
    supervisor = _take_supervisor_pipe() if supervised else None
    registry = load_agents(settings)
    log_failed_plugins(registry)
    async with open_stores(settings) as stores:
        client = await connect(installation_address(settings.home))
        async with run_worker(client, stores, registry, settings):
            address = client.service_client.config.target_host
            agents = sorted(registry.agents)
            if supervisor is not None:
                with suppress(OSError):  # the supervisor has ended, and the worker drains at once
                    os.write(supervisor, b"\n")
            elif as_json:
                print_json({"address": address, "task_queue": TASK_QUEUE, "agents": agents})
            else:
                click.echo(f"Working on {TASK_QUEUE} at {address}: {', '.join(agents) or 'none'}")
            shutdown_seconds = settings.drain_seconds + 5
            watched = (
                None if supervisor is None else _until_supervisor_ends(supervisor, shutdown_seconds)
            )
            await until_stopped(watched, shutdown_seconds=shutdown_seconds)
            print_message("stopping")


async def _run_pool(processes: int, as_json: bool) -> None:
    from perdure.messages import TASK_QUEUE
    from perdure.settings import Settings
    from perdure.temporal.client.connection import connect
    from perdure.temporal.installation import installation_address
    from perdure.temporal.worker.pool import KILL_AFTER_SECONDS, Pool

    settings = Settings()
    client = await connect(installation_address(settings.home))
    address = client.service_client.config.target_host
    pool = Pool(client, settings, processes)

    def ready() -> None:
        pids = [pool.children[place] for place in sorted(pool.children)]
        if as_json:
            print_json({"address": address, "task_queue": TASK_QUEUE, "processes": pids})
        else:
            click.echo(f"Working on {TASK_QUEUE} at {address} with {processes} processes")

    shutdown_seconds = settings.drain_seconds + KILL_AFTER_SECONDS + 5
    await until_stopped(pool.run(ready), shutdown_seconds=shutdown_seconds)


def _take_supervisor_pipe() -> int:
    """Take the pipe from the supervisor off standard input, and give agents an empty one."""
    pipe = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return pipe


async def _until_supervisor_ends(supervisor: int, shutdown_seconds: float) -> None:
    """Return when the supervisor has ended, which closes the pipe."""
    import asyncio

    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def read() -> None:
        with suppress(OSError):
            while os.read(supervisor, 1):
                continue
        # In this thread: an agent that blocks the loop would keep the process alive for ever.
        exit_after(shutdown_seconds)
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=read, name="supervisor", daemon=True).start()
    await ended.wait()
