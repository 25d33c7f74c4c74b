"""``perdure plugins``: the installed plugins, their status, and the commands for authors."""

import dataclasses

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.commands.plugins.check import check
from perdure.cli.commands.plugins.disable import disable, enable
from perdure.cli.commands.plugins.new import new
from perdure.cli.output.printing import print_json, print_table, styled_status
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import json_option


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
@handle_errors
def plugins(context: click.Context, as_json: bool) -> None:
    """List the installed plugins: status, agents, hooks, why one failed, what to change in one."""
    if context.invoked_subcommand is None:
        _list(as_json)


plugins.add_command(check)
plugins.add_command(disable)
plugins.add_command(enable)
plugins.add_command(new)


def _list(as_json: bool) -> None:
    from perdure.agents.plugins.hooks.printable import shortened

    installed = run_with_backend(lambda backend: backend.plugins())
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
                shortened(plugin.agents),
                ", ".join(plugin.hooks),
            ]
            for plugin in installed
        ],
    )
    # Below the table: a sentence does not fit into a column.
    for plugin in installed:
        name = f"{plugin.distribution} {plugin.version}".rstrip()
        if plugin.reason:
            click.echo(f"{name}, {styled_status(plugin.status)}: {plugin.reason}")
        for warning in plugin.warnings:
            click.echo(f"{name}, {styled_status('warning')}: {warning}")
