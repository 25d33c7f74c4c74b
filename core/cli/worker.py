"""``holdfast worker``: run goals for a Temporal server that runs elsewhere."""

import logging

import click

from holdfast.cli.output import print_json, say
from holdfast.cli.running import command_errors, json_option, run_async, until_stopped


@click.command()
@json_option
@command_errors
def worker(as_json: bool) -> None:
    """Run goals until Ctrl-C or SIGTERM.

    Connects where TEMPORAL_ADDRESS says, or to the server of a running holdfast dev.
    """
    run_async(_worker(as_json), log_level=logging.INFO)


async def _worker(as_json: bool) -> None:
    from holdfast.activities.observing import observe
    from holdfast.agents.registry import installed_agents
    from holdfast.models import TASK_QUEUE
    from holdfast.settings import Settings
    from holdfast.stores import open_stores
    from holdfast.temporal.connection import connect
    from holdfast.temporal.running import known_address
    from holdfast.temporal.worker import build_worker

    settings = Settings()
    registry = installed_agents()
    async with open_stores(settings) as stores:
        client = await connect(known_address(settings.home))
        async with (
            observe(stores.events, registry.observers),
            build_worker(client, stores, registry, settings),
        ):
            address = client.service_client.config.target_host
            agents = sorted(registry.agents)
            if as_json:
                print_json({"address": address, "task_queue": TASK_QUEUE, "agents": agents})
            else:
                click.echo(f"Working on {TASK_QUEUE} at {address}: {', '.join(agents) or 'none'}")
            await until_stopped()
            say("stopping")
