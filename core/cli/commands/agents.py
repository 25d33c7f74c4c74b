"""``perdure agents``: the installed agents and their parameters."""

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.output.printing import print_json, print_message, print_table
from perdure.cli.runtime.completion import complete_agents
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import json_option


@click.command()
@click.argument("agent", required=False, shell_complete=complete_agents)
@json_option
@handle_errors
def agents(agent: str | None, as_json: bool) -> None:
    """List the installed agents, or show one with its parameters."""
    agent_list = run_with_backend(lambda backend: backend.agents(agent))
    if as_json:
        print_json(agent_list)
        return
    failed = sum(plugin.status == "failed" for plugin in agent_list.unavailable_plugins)
    if failed:
        count = "1 plugin is" if failed == 1 else f"{failed} plugins are"
        print_message(f"{count} left out: perdure plugins says why")
    for plugin in agent_list.unavailable_plugins:
        if plugin.status == "disabled":
            print_message(f"{plugin.distribution} {plugin.version} is left out: {plugin.reason}")
    if not agent_list.agents:
        click.echo("No agent is installed: install one, e.g. pip install perdure-research")
        return
    for item in agent_list.agents:
        click.echo(f"{item.name}  {item.version}  ({item.distribution})")
        click.echo(f"  {item.description}")
        for example in item.examples:
            click.echo(f'  e.g. perdure run {item.name} "{example}"')
        if item.parameters:
            print_table(
                ["  parameter", "type", "default", "meaning"],
                [
                    [f"  {field.name}", field.type, field.default, field.description]
                    for field in item.parameters
                ],
            )
        click.echo("")
