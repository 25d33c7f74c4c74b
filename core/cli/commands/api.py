"""``perdure api``: the HTTP API alone, for a Temporal server that runs elsewhere."""

import logging
from collections.abc import Awaitable
from pathlib import Path
from typing import Final

import click

from perdure.cli.output.printing import print_json
from perdure.cli.runtime.command_settings import settings_with_files
from perdure.cli.runtime.descriptors import allow_many_descriptors
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.event_loop import run_async, until_stopped
from perdure.cli.runtime.logs import report
from perdure.cli.runtime.measuring import installation_exported, measured
from perdure.cli.runtime.options import json_option, plugin_option
from perdure.cli.runtime.server_choice import this_machine_only

# How long the API waits for Temporal before it serves without: see claim_when_up.
_CLAIM_SECONDS: Final = 1.0


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="The port.  [default: 8000]")
@click.option("--new-key", is_flag=True, help="Make a key for PERDURE_API_KEYS and exit.")
@plugin_option
@json_option
@handle_errors
@this_machine_only
def api(port: int | None, new_key: bool, plugin_files: tuple[Path, ...], as_json: bool) -> None:
    """Serve the HTTP API until Ctrl-C or SIGTERM.

    Waits for the database while it does not answer. While Temporal does not, goals can be read, and
    a request to start or stop one is answered with 503.

    Listens on PERDURE_HOST, 127.0.0.1 unless set otherwise; any other address needs a key, which
    perdure keys create makes.
    """
    if new_key:
        _print_new_key(as_json)
        return
    allow_many_descriptors()
    run_async(_serve(port, plugin_files, as_json), log_level=logging.INFO, traced=True)


def _print_new_key(as_json: bool) -> None:
    from perdure.api.keys import new_key

    key, digest = new_key()
    if as_json:
        print_json({"key": key, "digest": digest})
        return
    click.echo(f"key     {key}   (give it to the caller; it is shown only now)")
    click.echo(f"digest  {digest}   (add it to PERDURE_API_KEYS)")


async def _serve(port: int | None, plugin_files: tuple[Path, ...], as_json: bool) -> None:
    import asyncio

    from perdure.agents.plugins.file_watch import watch_files
    from perdure.api.access.address import check_address
    from perdure.api.server import listen, serve
    from perdure.policy.watching import watch_policy
    from perdure.stores import open_stores
    from perdure.telemetry.metrics import recording
    from perdure.temporal.client.agent_pools import AgentPools
    from perdure.temporal.client.connection import connect
    from perdure.temporal.client.goal_service import GoalService
    from perdure.temporal.client.namespace import claim_when_up
    from perdure.temporal.installation import (
        installation_address,
        load_agents,
        uses_own_server,
    )
    from perdure.web.site import create_site

    settings = settings_with_files(plugin_files)
    policy = watch_policy(settings.policy)
    await check_address(settings, report)
    listener = listen(settings.host, settings.port if port is None else port)
    async with measured(), open_stores(settings, report) as stores:
        if policy is not None:
            recording.policy(policy.is_refused)
        # Lazy: the API comes up, and answers 503, while Temporal is away.
        client = await connect(installation_address(settings.home, lasting=True), lazy=True)
        embedded = uses_own_server(settings.home, client)
        claiming = asyncio.create_task(
            claim_when_up(client, stores, settings, report, embedded=embedded)
        )
        await asyncio.wait([claiming], timeout=_CLAIM_SECONDS)
        if claiming.done():
            await claiming
        registry = load_agents(settings)
        # A key is for goals, and for no file that was not handed in.
        pools = AgentPools(settings.agent_pools, of_plugins=not embedded)
        roots = settings.file_roots or ()
        service = GoalService(client, stores, registry, roots, pools, policy)
        await stores.trail.record_settings("api", settings.given())
        app = create_site(service, settings)
        async with (
            serve(app, listener, settings) as url,
            installation_exported(app.state.read_metrics),
        ):
            if as_json:
                print_json({"api_url": url})
            else:
                click.echo(f"API  {url}  (reference: {url}/docs)")
            await until_stopped(_all_of(claiming, watch_files(registry, settings)))
            report("stopping")


async def _all_of(*watched: Awaitable[None]) -> None:
    """Wait for all of what must go on, or the first that raises."""
    import asyncio

    await asyncio.gather(*watched)
