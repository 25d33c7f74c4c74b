"""``perdure policy test``: what rules say of a goal, and of what its agent may do, tried dry."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli.output.printing import print_json, print_table
from perdure.cli.runtime.errors import WrongInput, handle_errors
from perdure.cli.runtime.options import json_option
from perdure.cli.runtime.server_choice import this_machine_only

if TYPE_CHECKING:
    from perdure.policy.trial import TrialOutcome


@click.command()
@click.argument("rules", type=click.Path(path_type=Path))
@click.option(
    "--against",
    "goal_file",
    type=click.Path(path_type=Path),
    required=True,
    help="A goal as for POST /api/execute-goal, with acts, at, spent and tenant to try it with.",
)
@json_option
@handle_errors
@this_machine_only
def test(rules: Path, goal_file: Path, as_json: bool) -> None:
    """Show which rule decides what, without starting anything.

    \b
    {"goal_id": "g", "description": "Refund", "agent_type": "support", "tenant": "acme",
     "at": "2026-03-02T22:00:00+01:00", "spent": 0.4,
     "acts": [{"tool": "refund", "parameters": {"amount": 250}}, {"step": "search"}]}

    """  # noqa: D301 -- \b keeps click from joining the lines
    from perdure.policy.reading import load_policy
    from perdure.policy.trial import read_trial, try_policy

    policy = load_policy(rules)
    assert policy is not None
    try:
        text = goal_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongInput(f"{goal_file} cannot be read ({error}): give a file of JSON") from error
    outcomes = try_policy(policy, read_trial(text, source=str(goal_file)))
    if as_json:
        print_json({"policy": policy.source, "decisions": [one.as_json() for one in outcomes]})
    else:
        print_table(["about", "outcome", "rule", "because"], [_row(one) for one in outcomes])


def _row(outcome: "TrialOutcome") -> list[str]:
    rules = ", ".join(f"{rule.name} (line {line})" for rule, line in outcome.deciding)
    return [
        outcome.subject.sentence,
        outcome.verdict.outcome,
        rules or "none: the default",
        outcome.terms,
    ]
