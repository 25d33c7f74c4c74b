"""``perdure goals delete``: a goal that has ended, and all that is on record of it."""

import sys
from typing import TYPE_CHECKING

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.output.printing import print_json, print_text
from perdure.cli.runtime.errors import WrongInput, handle_errors
from perdure.cli.runtime.options import goal_argument, json_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend


@click.command()
@goal_argument
@click.option("--yes", is_flag=True, help="Do not ask first.")
@json_option
@handle_errors
def delete(goal: str, yes: bool, as_json: bool) -> None:
    """Delete a goal that has ended, with those that it delegated.

    What they used stays in perdure usage, as sums of their days. No server needs to run.
    """
    if not yes:
        if not sys.stdin.isatty():
            raise WrongInput("give --yes to delete the goal and all that is on record of it")
        click.confirm(f"delete {goal} and all that is on record of it?", abort=True, err=True)

    async def delete_goal(backend: "Backend") -> None:
        workflow_id = await backend.find_goal(goal)
        await backend.delete_goal(workflow_id)
        if as_json:
            print_json({"workflow_id": workflow_id, "status": "deleted"})
        else:
            print_text(f"deleted  {workflow_id}")

    run_with_backend(delete_goal)
