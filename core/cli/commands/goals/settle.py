"""``perdure goals settle``: what a person has found out about a step of unknown outcome."""

import getpass
from typing import TYPE_CHECKING

import click

from perdure.cli.arguments.json_input import read_json
from perdure.cli.backends.opening import run_with_backend
from perdure.cli.output.printing import print_json, print_text
from perdure.cli.runtime.errors import WrongInput, handle_errors
from perdure.cli.runtime.options import goal_argument, json_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend


@click.command()
@goal_argument
@click.option(
    "--step",
    required=True,
    metavar="NAME",
    help="Its name; NAME#NUMBER, or the key that perdure goals show prints, where several have it.",
)
@click.option("--done", metavar="VALUE", help="It took effect, and returned this, as JSON.")
@click.option("--not-done", is_flag=True, help="It took no effect: it is executed again.")
@click.option("--by", help="Who says so; your login name when not given.")
@json_option
@handle_errors
def settle(
    goal: str, step: str, done: str | None, not_done: bool, by: str | None, as_json: bool
) -> None:
    """Say whether a step took effect that was marked once and was cut off.

    perdure goals retry then picks the goal up. No server needs to run.
    """
    if (done is not None) == not_done:
        raise WrongInput("say what you found: --done with what the step returned, or --not-done")
    value = read_json("--done", done) if done is not None else None

    async def settle_step(backend: "Backend") -> None:
        workflow_id = await backend.find_goal(goal)
        settled = await backend.settle(
            workflow_id, step, by=by or getpass.getuser(), done=not not_done, value=value
        )
        if as_json:
            step_json = settled.model_dump(mode="json")
            print_json({"workflow_id": workflow_id, "done": not not_done, **step_json})
        else:
            print_text(f"settled  {settled.step}  {workflow_id}")

    run_with_backend(settle_step)
