"""``perdure encryption``: the group of its commands."""

import click

from perdure.cli.commands.encryption.reseal import reseal
from perdure.cli.commands.encryption.show import show


@click.group()
def encryption() -> None:
    """See which keys of PERDURE_ENCRYPTION_KEYS are still needed, and be rid of old ones."""


encryption.add_command(show)
encryption.add_command(reseal)
