"""The command ``perdure``."""

import click

from perdure.cli.commands.agents import agents
from perdure.cli.commands.api import api
from perdure.cli.commands.approvals import approvals
from perdure.cli.commands.audit.group import audit
from perdure.cli.commands.backup import backup, restore
from perdure.cli.commands.batch.group import batch
from perdure.cli.commands.dev import dev
from perdure.cli.commands.doctor import doctor
from perdure.cli.commands.encryption.group import encryption
from perdure.cli.commands.goals.group import goals
from perdure.cli.commands.keys import keys
from perdure.cli.commands.plugins.group import plugins
from perdure.cli.commands.policy.group import policy
from perdure.cli.commands.run import run
from perdure.cli.commands.schedules.group import schedules
from perdure.cli.commands.testing import testing
from perdure.cli.commands.top import top
from perdure.cli.commands.usage import usage
from perdure.cli.commands.worker import worker
from perdure.cli.commands.workers import workers
from perdure.cli.output.stdout import native_output_on_stderr
from perdure.cli.runtime.plugin_leftovers import plugin_leftovers_left_behind
from perdure.cli.runtime.server_choice import choose_server, server_options
from perdure.entry_points import leave_out_damaged
from perdure.version import core_version


def _print_version(context: click.Context, _: click.Parameter, is_set: bool) -> None:
    if is_set and not context.resilient_parsing:
        click.echo(f"perdure {core_version()}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Show the version and exit.",
)
@server_options
def perdure(server: str | None, key: str | None) -> None:
    """Run AI agents that finish what they start.

    \b
    perdure run analysis "Profile the sales" --param path=sales.csv
    perdure batch run document --over 'invoices/*.pdf' -d "Find the total"
    perdure dev                        server, API and worker in the foreground
    perdure goals watch GOAL           follow a goal
    perdure schedules list             see what is started by the clock
    perdure top                        watch goals, agents, spending and workers
    perdure approvals                  see what goals ask people
    perdure doctor                     see what is there and what is missing

    Shell completion: eval "$(_PERDURE_COMPLETE=bash_source perdure)", likewise zsh and fish.
    """  # noqa: D301 -- \b keeps click from joining the lines
    choose_server(server, key)


for command in (
    run, dev, worker, api, goals, schedules, top, approvals, agents, plugins, workers, usage, keys,
    encryption, audit, policy, backup, restore, testing, doctor, batch,
):  # fmt: skip
    perdure.add_command(command)


def main() -> None:
    """Run the command line."""
    leave_out_damaged()
    with plugin_leftovers_left_behind(), native_output_on_stderr():
        perdure(prog_name="perdure")
