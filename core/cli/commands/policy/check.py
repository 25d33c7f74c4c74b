"""``perdure policy check``: whether a file of rules is valid, and which rules can never match."""

import sys
from pathlib import Path
from typing import Any

import click

from perdure.cli.output.printing import print_json, print_message, print_text
from perdure.cli.runtime.command_settings import settings_with_files
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import json_option, plugin_option
from perdure.cli.runtime.server_choice import this_machine_only


@click.command()
@click.argument("rules", type=click.Path(path_type=Path))
@plugin_option
@json_option
@handle_errors
@this_machine_only
def check(rules: Path, plugin_files: tuple[Path, ...], as_json: bool) -> None:
    """Check a file of rules against the agents installed here.

    Status 1 when it is not valid, or when one of its rules can never match or change anything.
    """
    from perdure.policy.checking import findings
    from perdure.policy.errors import PolicyInvalid
    from perdure.policy.reading import load_policy

    try:
        policy = load_policy(rules)
    except PolicyInvalid as invalid:
        if as_json:
            print_json({"valid": False, "problems": list(invalid.problems), "findings": []})
        for problem in () if as_json else invalid.problems:
            print_message(f"perdure: {problem}")
        sys.exit(1)
    assert policy is not None
    found = findings(policy, _parameters_of_agents(plugin_files))
    if as_json:
        listed = [finding._asdict() for finding in found]
        print_json({"valid": True, "problems": [], "findings": listed})
    else:
        for finding in found:
            print_text(f"rule {finding.rule!r}: {finding.sentence}")
        if not found:
            click.echo(
                f"{rules}: {len(policy.rules)} rules, default {policy.default}: nothing to mend"
            )
    sys.exit(1 if found else 0)


def _parameters_of_agents(plugin_files: tuple[Path, ...]) -> dict[str, dict[str, Any] | None]:
    from perdure.temporal.installation import load_agents

    registry = load_agents(settings_with_files(plugin_files))
    return {
        name: None if agent.spec.parameters is None else agent.spec.parameters.model_json_schema()
        for name, agent in registry.agents.items()
    }
