"""``perdure goals cancel, pause, resume, terminate, signal``."""

import sys
from typing import TYPE_CHECKING, Any

import click

from perdure.cli.arguments.json_input import read_json
from perdure.cli.backends.opening import run_with_backend
from perdure.cli.commands.goals.action import run_goal_action
from perdure.cli.commands.goals.filter_options import criteria_of, filter_options
from perdure.cli.commands.goals.many import act_on_many
from perdure.cli.output.printing import print_json, print_text
from perdure.cli.runtime.errors import WrongInput, handle_errors
from perdure.cli.runtime.options import goal_argument, goals_argument, json_option, yes_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend, Control


@click.command()
@goals_argument
@filter_options
@yes_option
@json_option
@handle_errors
def cancel(goals: tuple[str, ...], yes: bool, as_json: bool, **options: Any) -> None:
    """Ask goals to stop; what they made by then is kept.

    Name them, or give options: then every goal that fits and has not ended is meant.
    """
    criteria = criteria_of(**options)
    if bool(goals) == bool(criteria):
        raise WrongInput("name the goal to cancel, or say which with --status, --search …")
    if len(goals) != 1:
        found = criteria or None
        sys.exit(act_on_many("cancel", goals, found, confirmed=yes, as_json=as_json))
    (goal,) = goals
    run_goal_action(goal, lambda control, run: control.cancel(run), as_json, unless_ended=True)


@click.command()
@goal_argument
@json_option
@handle_errors
def pause(goal: str, as_json: bool) -> None:
    """Let a goal stop at its next step boundary, until it is resumed."""

    async def action(control: "Control", workflow_id: str) -> str:
        await control.pause(workflow_id)
        return "pausing"

    run_goal_action(goal, action, as_json)


@click.command()
@goal_argument
@json_option
@handle_errors
def resume(goal: str, as_json: bool) -> None:
    """Let a paused goal go on."""

    async def action(control: "Control", workflow_id: str) -> str:
        await control.resume(workflow_id)
        await control.watch_when_temporary([workflow_id], quiet=as_json)
        return "resuming"

    run_goal_action(goal, action, as_json)


@click.command()
@goal_argument
@click.option("--reason", default="", help="Why, for the record.")
@json_option
@handle_errors
def terminate(goal: str, reason: str, as_json: bool) -> None:
    """End a goal at once: the last resort, for its agent cleans nothing up.

    What it made by then is kept, and perdure goals retry picks it up again.
    """
    run_goal_action(
        goal, lambda control, run: control.terminate(run, reason), as_json, unless_ended=True
    )


@click.command()
@goal_argument
@click.argument("name")
@click.option("--data", default="null", metavar="JSON", help="What it carries.")
@json_option
@handle_errors
def signal(goal: str, name: str, data: str, as_json: bool) -> None:
    """Send a goal the signal NAME, which it waits for or will wait for.

    No server needs to run: the goal finds the signal when it goes on.
    """
    value = read_json("--data", data)

    async def send(backend: "Backend") -> None:
        workflow_id = await backend.find_goal(goal)
        number = await backend.signal(workflow_id, name, value)
        if as_json:
            print_json({"workflow_id": workflow_id, "name": name, "number": number})
        else:
            print_text(f"sent  {name} {number}  {workflow_id}")

    run_with_backend(send)
