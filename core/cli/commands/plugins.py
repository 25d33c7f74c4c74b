"""``perdure plugins``: what is installed, what of it works, and what its authors need."""

import dataclasses

import click

from perdure.cli.commands.plugins_check import check
from perdure.cli.commands.plugins_new import new
from perdure.cli.output.printing import mark, print_json, print_table
from perdure.cli.runtime.command import command_errors, json_option


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
@command_errors
def plugins(context: click.Context, as_json: bool) -> None:
    """List the installed plugins: status, agents, hooks, why one failed, what to change in one."""
    if context.invoked_subcommand is None:
        _list(as_json)


plugins.add_command(check)
plugins.add_command(new)


def _list(as_json: bool) -> None:
    from perdure.settings import Settings
    from perdure.temporal.installation import known_agents

    installed = known_agents(Settings()).plugins
    if as_json:
        print_json({"plugins": [dataclasses.asdict(plugin) for plugin in installed]})
        return
    if not installed:
        click.echo("No plugin is installed: install one, e.g. pip install perdure-research")
        return
    print_table(
        ["distribution", "version", "status", "agents", "hooks"],
        [
            [
                plugin.distribution,
                plugin.version,
                plugin.status,
                ", ".join(plugin.agents),
                ", ".join(plugin.hooks),
            ]
            for plugin in installed
        ],
    )
    # Below the table: a sentence has no room in a column.
    for plugin in installed:
        name = f"{plugin.distribution} {plugin.version}".rstrip()
        if plugin.reason:
            click.echo(f"{name}, {mark(plugin.status)}: {plugin.reason}")
        for warning in plugin.warnings:
            click.echo(f"{name}, {mark('warning')}: {warning}")
