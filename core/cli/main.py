"""The command ``perdure``."""

import click

from perdure.cli.commands.agents import agents
from perdure.cli.commands.api import api
from perdure.cli.commands.approvals import approvals
from perdure.cli.commands.dev import dev
from perdure.cli.commands.doctor import doctor
from perdure.cli.commands.goals.group import goals
from perdure.cli.commands.plugins.group import plugins
from perdure.cli.commands.run import run
from perdure.cli.commands.testing import testing
from perdure.cli.commands.worker import worker
from perdure.cli.output.stdout import native_output_on_stderr
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
def perdure() -> None:
    """Run AI agents that finish what they start.

    \b
    perdure run analysis "Profile the sales" --param path=sales.csv
    perdure dev                        server, API and worker in the foreground
    perdure goals watch GOAL           follow a goal
    perdure approvals                  see what goals ask people
    perdure doctor                     see what is there and what is missing

    Shell completion: eval "$(_PERDURE_COMPLETE=bash_source perdure)", likewise zsh and fish.
    """  # noqa: D301 -- \b keeps click from joining the lines


for command in (run, dev, worker, api, goals, approvals, agents, plugins, testing, doctor):
    perdure.add_command(command)


def main() -> None:
    """Run the command line."""
    with native_output_on_stderr():
        perdure(prog_name="perdure")
