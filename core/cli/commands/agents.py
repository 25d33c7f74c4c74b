"""``perdure agents``: what is installed and what each takes."""

import click

from perdure.cli.output.printing import print_json, print_table, say
from perdure.cli.runtime.command import command_errors, json_option
from perdure.cli.runtime.completion import complete_agents


@click.command()
@click.argument("agent", required=False, shell_complete=complete_agents)
@json_option
@command_errors
def agents(agent: str | None, as_json: bool) -> None:
    """List the installed agents, or show one with its parameters."""
    from perdure.agents.description import describe_agents
    from perdure.settings import Settings
    from perdure.temporal.installation import known_agents

    registry = known_agents(Settings())
    if agent is not None:
        registry.agent(agent)
    described = describe_agents(registry, only=agent)
    if as_json:
        print_json(described)
        return
    failed = sum(plugin.status == "failed" for plugin in registry.plugins)
    if failed:
        some = "1 plugin is" if failed == 1 else f"{failed} plugins are"
        say(f"{some} left out: perdure plugins says why")
    if not described.agents:
        click.echo("No agent is installed: install one, e.g. pip install perdure-research")
        return
    for item in described.agents:
        click.echo(f"{item.name}  {item.version}  ({item.distribution})")
        click.echo(f"  {item.description}")
        for example in item.examples:
            click.echo(f'  e.g. perdure run {item.name} "{example}"')
        if item.parameters:
            print_table(
                ["  parameter", "type", "default", "meaning"],
                [
                    [f"  {one.name}", one.type, one.default, one.description]
                    for one in item.parameters
                ],
            )
        click.echo("")
