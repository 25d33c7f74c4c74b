"""The command ``holdfast``."""

import click

from holdfast.cli.agents import agents
from holdfast.cli.api import api
from holdfast.cli.approvals import approvals
from holdfast.cli.dev import dev
from holdfast.cli.doctor import doctor
from holdfast.cli.goals import goals
from holdfast.cli.plugins import plugins
from holdfast.cli.run import run
from holdfast.cli.stdout import native_output_on_stderr
from holdfast.cli.testing import testing
from holdfast.cli.worker import worker


def _version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"holdfast {version('holdfast')}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_version,
    help="Show the version and exit.",
)
def holdfast() -> None:
    """Run AI agents that finish what they start.

    \b
    holdfast run analysis "Profile the sales" --param path=sales.csv
    holdfast dev                        server, API and worker in the foreground
    holdfast goals watch GOAL           follow a goal
    holdfast approvals                  see what goals ask people
    holdfast doctor                     see what is there and what is missing

    Shell completion: eval "$(_HOLDFAST_COMPLETE=bash_source holdfast)", likewise zsh and fish.
    """  # noqa: D301 -- \b keeps click from joining the lines


for command in (run, dev, worker, api, goals, approvals, agents, plugins, testing, doctor):
    holdfast.add_command(command)


def main() -> None:
    """Run the command line."""
    with native_output_on_stderr():
        holdfast(prog_name="holdfast")
