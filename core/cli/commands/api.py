"""``perdure api``: the HTTP API alone, for a Temporal server that runs elsewhere."""

import logging

import click

from perdure.cli.output.printing import print_json, print_message
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.event_loop import run_async, until_stopped
from perdure.cli.runtime.options import json_option


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="The port.  [default: 8000]")
@click.option("--new-key", is_flag=True, help="Make an API key, print it, and exit.")
@json_option
@handle_errors
def api(port: int | None, new_key: bool, as_json: bool) -> None:
    """Serve the HTTP API until Ctrl-C or SIGTERM.

    Listens on PERDURE_HOST, 127.0.0.1 unless set otherwise; any other address needs
    PERDURE_API_KEYS.
    """
    if new_key:
        _print_new_key(as_json)
        return
    run_async(_serve(port, as_json), log_level=logging.INFO)


def _print_new_key(as_json: bool) -> None:
    from perdure.api.keys import new_key

    key, digest = new_key()
    if as_json:
        print_json({"key": key, "digest": digest})
        return
    click.echo(f"key     {key}   (give it to the caller; it is shown only now)")
    click.echo(f"digest  {digest}   (add it to PERDURE_API_KEYS)")


async def _serve(port: int | None, as_json: bool) -> None:
    from perdure.agents.plugins.file_watch import watch_files
    from perdure.api.app import check_address, create_app
    from perdure.api.server import listen, serve
    from perdure.settings import Settings
    from perdure.stores import open_stores
    from perdure.temporal.client.connection import connect
    from perdure.temporal.client.goal_service import GoalService
    from perdure.temporal.installation import installation_address, load_agents

    settings = Settings()
    check_address(settings)
    listener = listen(settings.host, settings.port if port is None else port)
    async with open_stores(settings) as stores:
        # Lazy: the API comes up, and answers 503, while Temporal is away.
        client = await connect(installation_address(settings.home), lazy=True)
        registry = load_agents(settings)
        app = create_app(GoalService(client, stores, registry), settings)
        async with serve(app, listener, settings) as url:
            if as_json:
                print_json({"api_url": url})
            else:
                click.echo(f"API  {url}  (reference: {url}/docs)")
            await until_stopped(watch_files(registry, settings))
            print_message("stopping")
