"""``perdure agents``: the installed agents and their parameters."""

import click

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
    from perdure.agents.description import describe_agents
    from perdure.settings import Settings
    from perdure.temporal.installation import load_agents

    registry = load_agents(Settings())
    if agent is not None:
        registry.agent(agent)
    agent_list = describe_agents(registry, only=agent)
    if as_json:
        print_json(agent_list)
        return
    failed = sum(plugin.status == "failed" for plugin in registry.plugins)
    if failed:
        count = "1 plugin is" if failed == 1 else f"{failed} plugins are"
        print_message(f"{count} left out: perdure plugins says why")
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
