"""``perdure plugins check``: checks of a plugin before it is published."""

import dataclasses
import sys

import click

from perdure.cli.output.printing import print_json, print_table
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import json_option
from perdure.cli.runtime.server_choice import this_machine_only


@click.command()
@click.argument("plugin", metavar="PATH|NAME")
@json_option
@handle_errors
@this_machine_only
def check(plugin: str, as_json: bool) -> None:
    """Check a plugin; status 1 when something fails.

    PATH is the folder of a project that is installed here: its tests are run too, the contract in
    them, and that once more in another process. NAME is an installed distribution.
    """
    from perdure.testing.checks.plugin import check_plugin

    verdicts = list(check_plugin(plugin))
    failed = any(verdict.verdict == "failed" for verdict in verdicts)
    if as_json:
        print_json(
            {"checks": [dataclasses.asdict(verdict) for verdict in verdicts], "ok": not failed}
        )
    else:
        print_table(
            ["check", "verdict", "what was seen"],
            [[verdict.check, verdict.verdict, verdict.sentence] for verdict in verdicts],
        )
    sys.exit(1 if failed else 0)
