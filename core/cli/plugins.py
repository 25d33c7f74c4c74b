"""``holdfast plugins``: what is installed, what of it works, and why the rest does not."""

import dataclasses

import click

from holdfast.cli.output import print_json, print_table
from holdfast.cli.running import command_errors, json_option


@click.command()
@json_option
@command_errors
def plugins(as_json: bool) -> None:
    """List the installed plugins with status, hooks and, where one failed, the reason."""
    from holdfast.agents.registry import installed_agents

    installed = installed_agents().plugins
    if as_json:
        print_json({"plugins": [dataclasses.asdict(plugin) for plugin in installed]})
        return
    if not installed:
        click.echo("No plugin is installed: install one, e.g. pip install holdfast-research")
        return
    print_table(
        ["distribution", "version", "status", "agents", "hooks", "reason"],
        [
            [
                plugin.distribution,
                plugin.version,
                plugin.status,
                ", ".join(plugin.agents),
                ", ".join(plugin.hooks),
                plugin.reason,
            ]
            for plugin in installed
        ],
    )
