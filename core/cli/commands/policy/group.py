"""``perdure policy``: the group of its commands."""

import click

from perdure.cli.commands.policy.check import check
from perdure.cli.commands.policy.test import test


@click.group()
def policy() -> None:
    """Check the rules that PERDURE_POLICY names, and try them before they are in force."""


policy.add_command(check)
policy.add_command(test)
