"""``perdure goals again``: a goal run again, from its start or from a step."""

import getpass
from typing import TYPE_CHECKING

import click

from perdure.cli.arguments.budget import budget_option, read_budget
from perdure.cli.arguments.json_input import read_json
from perdure.cli.backends.opening import run_with_backend
from perdure.cli.output.printing import print_json
from perdure.cli.runtime.errors import WrongInput, handle_errors
from perdure.cli.runtime.options import goal_argument, json_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend
    from perdure.models import Parameters


@click.command()
@goal_argument
@click.option(
    "--from-step",
    metavar="NAME",
    help="Take over what was finished before this step: its name, or NAME#NUMBER where several"
    " have it.",
)
@click.option("--description", help="What the agent is to achieve, if it is to be another.")
@click.option("--parameters", metavar="JSON", help="All parameters, if they are to be others.")
@budget_option
@click.option("--by", help="Who has it run again; your login name when not given.")
@json_option
@handle_errors
def again(
    goal: str,
    from_step: str | None,
    description: str | None,
    parameters: str | None,
    budgets: tuple[str, ...],
    by: str | None,
    as_json: bool,
) -> None:
    """Run a goal again, as it was or edited, as a new goal of its own.

    With --from-step, what the earlier run had finished before that step is not done and not paid
    again. Steps whose input is another by now are.
    """
    given, limits = _parameters(parameters), read_budget(budgets)

    async def run_again(backend: "Backend") -> None:
        workflow_id = await backend.find_goal(goal)
        async with backend.control() as control:
            rerun = await control.run_again(
                workflow_id,
                by=by or getpass.getuser(),
                from_step=from_step,
                description=description,
                parameters=given,
                budget=limits,
            )
            if not as_json:
                taken = f"  {rerun.taken_over} steps taken over" if from_step else ""
                click.echo(f"started  {rerun.workflow_id}{taken}")
            await control.watch_when_temporary([rerun.workflow_id], quiet=as_json)
        if as_json:
            print_json(rerun)

    run_with_backend(run_again, span="perdure goals again")


def _parameters(text: str | None) -> "Parameters | None":
    if text is None:
        return None
    value = read_json("--parameters", text)
    if not isinstance(value, dict):
        raise WrongInput('--parameters is no JSON object: write them as {"name": value}')
    return value
