"""``perdure dev``: server, API and worker in the foreground."""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    import socket

    from perdure.agents.plugins.registry import AgentRegistry
    from perdure.settings import Settings
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
@this_machine_only
def dev(
    port: int | None, temporal_port: int, plugin_files: tuple[Path, ...], as_json: bool
) -> None:
    """Run the Temporal server, the API and a worker until Ctrl-C.

    Goals, results and the server's state survive a restart: they are kept under PERDURE_HOME. A
    port that is in use is replaced by a free one, which is shown; 0 stands for any free port.
    """
    allow_many_descriptors()
    run_async(_dev(port, temporal_port, plugin_files, as_json), log_level=logging.INFO, traced=True)


async def _dev(
    port: int | None, temporal_port: int, plugin_files: tuple[Path, ...], as_json: bool
) -> None:
    from perdure.agents.plugins.trial.survey import survey_beforehand

    settings = settings_with_files(plugin_files)
    # The imports of what follows take a second, and the trial has a process of its own.
    with survey_beforehand(settings):
        await _serve(settings, port, temporal_port, as_json)


async def _serve(settings: "Settings", port: int | None, temporal_port: int, as_json: bool) -> None:
    from perdure.api.access.address import check_address
    from perdure.api.server import serve
    from perdure.policy.watching import watch_policy
    from perdure.temporal.client.goal_service import GoalService
    from perdure.temporal.installation import RunningInstallation, plugin_files_of, published
    from perdure.temporal.session import embedded_session
    from perdure.web.site import create_site

    await check_address(settings, report)
    await _until_home_is_free(settings)
    async with measured(), embedded_session(settings, report, port=temporal_port) as session:
        assert session.server is not None
        for message in (*session.server.notes, *_plugin_failures(session.registry)):
            report(message)
        roots = settings.file_roots or (Path.cwd(),)
        service = GoalService(
            session.client,
            session.stores,
            session.registry,
            roots,
            session.pools,
            watch_policy(settings.policy),
        )
        app = create_site(service, settings)
        listener = _listen_on_free_port(settings.host, settings.port if port is None else port)
        async with (
            serve(app, listener, settings) as url,
            installation_exported(app.state.read_metrics),
        ):
            running = RunningInstallation(
                pid=os.getpid(),
                temporal_address=session.server.address,
                api_url=url,
                ui_url=session.server.ui_url,
                plugin_files=plugin_files_of(session.registry),
            )
            with published(settings.home, running, session.registry):
                if as_json:
                    sources = {"plugin_files": {"__all__": {"source", "claims"}}}
                    print_json(running.model_dump(mode="json", exclude=sources))
                else:
                    _print_addresses(running, session.registry)
                await until_stopped(session.server.watch())
                report("stopping")


async def _until_home_is_free(settings: "Settings") -> None:
    """Wait while a command that follows a goal has the server of this home."""
    from perdure.temporal.installation import read_installation
    from perdure.temporal.session import until_installation_ends

    running = read_installation(settings.home)
    if running is not None and running.command == "run":
        report(
            f"a goal runs on the server of {settings.home} (process {running.pid}): this starts"
            " when it has ended"
        )
        await until_installation_ends(settings.home, running)


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
        report(f"port {port} is taken, so the API listens on {listener.getsockname()[1]}")
        return listener


def _print_addresses(running: "RunningInstallation", registry: "AgentRegistry") -> None:
    from perdure.agents.plugins.hooks.printable import shortened

    agents = len(registry.agents)
    click.echo(f"API       {running.api_url}  (reference: {running.api_url}/docs)")
    click.echo(f"Temporal  {running.temporal_address}  (pages: {running.ui_url})")
    click.echo(f"Agents    {agents} installed" + ("" if agents else _INSTALL_HINT))
    for plugin in registry.plugins:
        if plugin.is_file:
            contributed = shortened(plugin.agents) or "nothing"
            click.echo(f"File      {plugin.module} brings {contributed}, anew when it changes")
    click.echo("Ready. Ctrl-C stops everything; goals under way go on at the next start.")
