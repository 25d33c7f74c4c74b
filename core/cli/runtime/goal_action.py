"""Running one action on one goal: pause, resume, cancel, terminate, retry."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from perdure.cli.output.printing import print_json, print_message
from perdure.cli.runtime.connections import read_goal_record

if TYPE_CHECKING:
    from perdure.models import GoalRecord
    from perdure.temporal.session import Session


async def run_goal_action(
    goal: str,
    action: "Callable[[Session, GoalRecord], Awaitable[str]]",
    as_json: bool,
    *,
    unless_ended: bool = False,
) -> None:
    """Run an action on a goal and print the goal's status.

    Args:
        goal: The goal as a person named it.
        action: Does it, and returns the status to print.
        as_json: Print the status as JSON.
        unless_ended: Leave the action out when the goal has ended; its status is printed.
    """
    from perdure.settings import Settings
    from perdure.temporal.session import open_session

    # No server is started for a goal that is unknown or has ended.
    record = await read_goal_record(goal)
    if unless_ended and record.status.final:
        status = record.status.value
    else:
        async with open_session(Settings(), print_message) as session:
            status = await action(session, record)
    if as_json:
        print_json({"workflow_id": record.workflow_id, "status": status})
    else:
        click.echo(f"{status}  {record.workflow_id}")
