"""Running one action on one goal: pause, resume, cancel, terminate, retry."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.output.printing import print_json

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend, Control


def run_goal_action(
    goal: str,
    action: "Callable[[Control, str], Awaitable[str]]",
    as_json: bool,
    *,
    unless_ended: bool = False,
) -> None:
    """Run an action on a goal and print the goal's status.

    Args:
        goal: The goal as a person named it.
        action: Does it to a workflow id, and returns the status to print.
        as_json: Print the status as JSON.
        unless_ended: Leave the action out when the goal has ended; its status is printed.
    """

    async def act(backend: "Backend") -> None:
        # No server is started for a goal that is unknown or has ended.
        workflow_id = await backend.find_goal(goal)
        ended = (await backend.goal(workflow_id)).status if unless_ended else None
        if ended is not None and ended.final:
            status = ended.value
        else:
            async with backend.control() as control:
                status = await action(control, workflow_id)
        if as_json:
            print_json({"workflow_id": workflow_id, "status": status})
        else:
            click.echo(f"{status}  {workflow_id}")

    run_with_backend(act, traced=True)
