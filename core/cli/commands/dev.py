"""``perdure dev``: server, API and worker in the foreground."""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli.output.printing import print_json, print_message
from perdure.cli.runtime.connections import settings_with_files
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.event_loop import run_async, until_stopped
from perdure.cli.runtime.options import json_option, plugin_option

if TYPE_CHECKING:
    import socket

    from perdure.agents.plugins.registry import AgentRegistry
    from perdure.temporal.installation import RunningInstallation

_INSTALL_HINT = ": install one, e.g. pip install perdure-research"


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="The API's port.  [default: 8000]")
@click.option(
    "--temporal-port",
    type=click.IntRange(0, 65535),
    default=7233,
    show_default=True,
    help="The Temporal server's port.",
)
@plugin_option
@json_option
@handle_errors
def dev(
    port: int | None, temporal_port: int, plugin_files: tuple[Path, ...], as_json: bool
) -> None:
    """Run the Temporal server, the API and a worker until Ctrl-C.

    Goals, results and the server's state survive a restart: they are kept under PERDURE_HOME. A
    port that is in use is replaced by a free one, which is shown; 0 stands for any free port.
    """
    run_async(_dev(port, temporal_port, plugin_files, as_json), log_level=logging.INFO)


async def _dev(
    port: int | None, temporal_port: int, plugin_files: tuple[Path, ...], as_json: bool
) -> None:
    from perdure.api.app import check_address, create_app
    from perdure.api.server import serve
    from perdure.temporal.installation import RunningInstallation, plugin_files_of, published
    from perdure.temporal.session import embedded_session

    settings = settings_with_files(plugin_files)
    check_address(settings)
    async with embedded_session(settings, print_message, port=temporal_port) as session:
        assert session.server is not None
        for message in (*session.server.notes, *_plugin_failures(session.registry)):
            print_message(message)
        app = create_app(session.service, settings)
        listener = _listen_on_free_port(settings.host, settings.port if port is None else port)
        async with serve(app, listener, settings) as url:
            running = RunningInstallation(
                pid=os.getpid(),
                temporal_address=session.server.address,
                api_url=url,
                ui_url=session.server.ui_url,
                plugin_files=plugin_files_of(session.registry),
            )
            with published(settings.home, running, session.registry):
                if as_json:
                    sources = {"plugin_files": {"__all__": {"source"}}}
                    print_json(running.model_dump(mode="json", exclude=sources))
                else:
                    _print_addresses(running, session.registry)
                await until_stopped(session.server.watch())
                print_message("stopping")


def _plugin_failures(registry: "AgentRegistry") -> list[str]:
    return [
        (
            f"{plugin.module} cannot be loaded: {plugin.reason}"
            if plugin.is_file
            else plugin.failure_message
        )
        for plugin in registry.plugins
        if plugin.status == "failed"
    ]


def _listen_on_free_port(host: str, port: int) -> "socket.socket":
    from perdure.api.server import AddressInUse, listen

    try:
        return listen(host, port)
    except AddressInUse:
        listener = listen(host, 0)
        print_message(f"port {port} is taken, so the API listens on {listener.getsockname()[1]}")
        return listener


def _print_addresses(running: "RunningInstallation", registry: "AgentRegistry") -> None:
    agents = len(registry.agents)
    click.echo(f"API       {running.api_url}  (reference: {running.api_url}/docs)")
    click.echo(f"Temporal  {running.temporal_address}  (pages: {running.ui_url})")
    click.echo(f"Agents    {agents} installed" + ("" if agents else _INSTALL_HINT))
    for plugin in registry.plugins:
        if plugin.is_file:
            contributed = ", ".join(plugin.agents) or "nothing"
            click.echo(f"File      {plugin.module} brings {contributed}, anew when it changes")
    click.echo("Ready. Ctrl-C stops everything; goals under way go on at the next start.")
