"""``perdure worker``: run goals for a Temporal server that runs elsewhere."""

import logging
import os
import threading
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli.output.printing import print_json
from perdure.cli.runtime.command_settings import settings_with_files
from perdure.cli.runtime.descriptors import allow_many_descriptors
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.event_loop import exit_after, run_async, until_stopped
from perdure.cli.runtime.logs import report
from perdure.cli.runtime.measuring import measured, metrics_sent, metrics_served
from perdure.cli.runtime.options import json_option, plugin_option
from perdure.cli.runtime.server_choice import this_machine_only

if TYPE_CHECKING:
    import asyncio

    from temporalio.client import Client

    from perdure.settings import Settings
    from perdure.telemetry.metrics.families import Family

_NOT_SERVED = {"metrics_address": None}


@click.command()
@click.option(
    "--processes",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="How many worker processes to run; one that dies is replaced, its goals go on at once.",
)
@click.option(
    "--pool",
    metavar="NAME",
    help="The pool that this worker belongs to: it runs the goals of that pool, and no others.",
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
@plugin_option
@json_option
@handle_errors
@this_machine_only
def worker(
    processes: int,
    pool: str | None,
    build_id: str | None,
    make_current: bool,
    supervised: bool,
    plugin_files: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Run goals until Ctrl-C or SIGTERM.

    Connects to TEMPORAL_ADDRESS, or to the server of a running perdure dev, and waits for it, and
    for the database, while it does not answer. When it stops, agents reach the end of a step; their
    goals go on at another worker.
    """
    from perdure.policy.reading import load_policy

    # In the environment, where a pool's workers find them too.
    if pool is not None:
        os.environ["PERDURE_POOL"] = pool
    settings = settings_with_files(plugin_files)
    load_policy(settings.policy)  # before it waits for anything
    if build_id is not None:
        os.environ["PERDURE_BUILD_ID"] = build_id
    if make_current:
        os.environ["PERDURE_MAKE_CURRENT"] = "true"
    if plugin_files:
        os.environ["PERDURE_PLUGIN_FILES"] = ",".join(map(str, settings.plugin_files))
    allow_many_descriptors()
    if processes > 1:
        run_async(_run_pool(processes, as_json), log_level=logging.INFO)
    else:
        run_async(_run_one(supervised, as_json), log_level=logging.INFO, traced=True)


async def _run_one(supervised: bool, as_json: bool) -> None:
    from perdure.agents.plugins.hooks.printable import shortened
    from perdure.messages import task_queue
    from perdure.settings import Settings
    from perdure.stores import open_stores
    from perdure.temporal.client.agent_pools import AgentPools
    from perdure.temporal.client.namespace import claim_namespace
    from perdure.temporal.installation import load_agents, uses_own_server
    from perdure.temporal.worker.run_worker import log_failed_plugins, run_worker

    settings = Settings()
    queue = task_queue(settings.pool)
    shutdown_seconds = settings.drain_seconds + 5
    supervisor: int | None = None
    supervision: Coroutine[object, object, None] | None = None
    if supervised:
        # Before any plugin is loaded: it might read the pipe, or start a process that inherits it.
        supervisor = _take_supervisor_pipe()
        # From now on, and not only once it works: it may wait long for Temporal.
        ended = _watch_supervisor(supervisor, shutdown_seconds)
        supervision = _wait_for(ended)
    registry = load_agents(settings)
    log_failed_plugins(registry)
    async with (
        AsyncExitStack() as stack,
        measured() as instruments,
        open_stores(settings, report) as stores,
        metrics_served(
            # One of a pool sends them to the supervisor instead.
            settings if supervisor is None else settings.model_copy(update=_NOT_SERVED),
            stores,
            instruments.families,
        ) as metrics_url,
    ):
        client = await _connect(settings)
        embedded = uses_own_server(settings.home, client)
        await claim_namespace(client, stores, settings, report, embedded=embedded)
        pools = AgentPools(settings.agent_pools, of_plugins=not embedded)
        async with run_worker(client, stores, registry, settings, pools):
            address = client.service_client.config.target_host
            agents = sorted(registry.agents)
            if supervisor is not None:
                with suppress(OSError):  # the supervisor has ended, and the worker drains at once
                    os.write(supervisor, b"\n")
                if settings.metrics_address is not None:
                    # Until the worker has drained.
                    await stack.enter_async_context(metrics_sent(supervisor, instruments.families))
            elif as_json:
                document = {"address": address, "task_queue": queue, "agents": agents}
                print_json(document | _metrics_field(metrics_url))
            else:
                click.echo(f"Working on {queue} at {address}: {shortened(agents) or 'none'}")
                _print_metrics_url(metrics_url)
            await until_stopped(supervision, shutdown_seconds=shutdown_seconds)
            report("stopping")


async def _run_pool(processes: int, as_json: bool) -> None:
    from perdure.messages import task_queue
    from perdure.settings import Settings
    from perdure.stores import open_stores
    from perdure.telemetry.metrics.families import added_up
    from perdure.temporal.client.namespace import claim_namespace
    from perdure.temporal.installation import uses_own_server
    from perdure.temporal.worker.pool import KILL_AFTER_SECONDS, Pool

    settings = Settings()
    queue = task_queue(settings.pool)
    # Here too: workers that refuse the namespace would be replaced again and again.
    async with measured() as instruments, open_stores(settings, report) as stores:
        client = await _connect(settings)
        address = client.service_client.config.target_host
        embedded = uses_own_server(settings.home, client)
        await claim_namespace(client, stores, settings, report, embedded=embedded)
        pool = Pool(client, settings, processes)

        def families() -> "list[Family]":
            return added_up([instruments.families(), pool.metrics.families()])

        async with metrics_served(settings, stores, families) as metrics_url:

            def ready() -> None:
                pids = [pool.children[place] for place in sorted(pool.children)]
                if as_json:
                    document = {"address": address, "task_queue": queue, "processes": pids}
                    print_json(document | _metrics_field(metrics_url))
                else:
                    click.echo(f"Working on {queue} at {address} with {processes} processes")
                    _print_metrics_url(metrics_url)

            shutdown_seconds = settings.drain_seconds + KILL_AFTER_SECONDS + 5
            await until_stopped(pool.run(ready), shutdown_seconds=shutdown_seconds)


def _metrics_field(url: str | None) -> dict[str, object]:
    return {} if url is None else {"metrics": url}


def _print_metrics_url(url: str | None) -> None:
    if url is not None:
        click.echo(f"Metrics at {url}")


async def _connect(settings: "Settings") -> "Client":
    """Connect to Temporal once it answers; another perdure dev may start meanwhile."""
    from perdure.temporal.client.connection import connect_when_up
    from perdure.temporal.installation import installation_address

    def address() -> str | None:
        return installation_address(settings.home, lasting=True)

    return await connect_when_up(address, report)


def _take_supervisor_pipe() -> int:
    """Take the pipe from the supervisor off standard input, and give agents an empty one."""
    pipe = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return pipe


def _watch_supervisor(supervisor: int, shutdown_seconds: float) -> "asyncio.Event":
    """Return an event that is set when the supervisor has ended, which closes the pipe."""
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
    return ended


async def _wait_for(event: "asyncio.Event") -> None:
    await event.wait()
