"""``perdure plugins check``: a verdict on a plugin, before strangers install it."""

import dataclasses
import sys

import click

from perdure.cli.output.printing import print_json, print_table
from perdure.cli.runtime.command import command_errors, json_option


@click.command()
@click.argument("plugin", metavar="PATH|NAME")
@json_option
@command_errors
def check(plugin: str, as_json: bool) -> None:
    """Check a plugin; status 1 when something fails.

    PATH is the folder of a project that is installed here: its tests are run too, the contract in
    them, and that once more in another process. NAME is an installed distribution.
    """
    from perdure.testing.checks.checking import check_plugin

    verdicts = list(check_plugin(plugin))
    broken = any(one.verdict == "failed" for one in verdicts)
    if as_json:
        print_json({"checks": [dataclasses.asdict(one) for one in verdicts], "ok": not broken})
    else:
        print_table(
            ["check", "verdict", "what was seen"],
            [[one.check, one.verdict, one.sentence] for one in verdicts],
        )
    sys.exit(1 if broken else 0)
