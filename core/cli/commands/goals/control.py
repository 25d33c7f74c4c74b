"""``perdure goals cancel, pause, resume, terminate, signal``."""

import json
from typing import TYPE_CHECKING

import click

from perdure.cli.output.printing import print_json
from perdure.cli.runtime.connections import open_decisions
from perdure.cli.runtime.errors import WrongInput, handle_errors
from perdure.cli.runtime.event_loop import run_async
from perdure.cli.runtime.goal_action import run_goal_action
from perdure.cli.runtime.options import goal_argument, json_option
from perdure.cli.runtime.watch import watch_to_end, watch_when_embedded

if TYPE_CHECKING:
    from pydantic import JsonValue

    from perdure.models import GoalRecord
    from perdure.temporal.session import Session


@click.command()
@goal_argument
@json_option
@handle_errors
def cancel(goal: str, as_json: bool) -> None:
    """Ask a goal to stop; what it made by then is kept."""

    async def action(session: "Session", record: "GoalRecord") -> str:
        requested = await session.service.control.cancel(record.workflow_id)
        if requested and session.server is not None:
            await watch_to_end(session, record.agent_type, record.workflow_id, quiet=True)
        status = (await session.stores.goals.get(record.workflow_id)).status
        return status.value if status.final else "cancelling"

    run_async(run_goal_action(goal, action, as_json, unless_ended=True))


@click.command()
@goal_argument
@json_option
@handle_errors
def pause(goal: str, as_json: bool) -> None:
    """Let a goal stop at its next step boundary, until it is resumed."""

    async def action(session: "Session", record: "GoalRecord") -> str:
        await session.service.control.pause(record.workflow_id)
        return "pausing"

    run_async(run_goal_action(goal, action, as_json))


@click.command()
@goal_argument
@json_option
@handle_errors
def resume(goal: str, as_json: bool) -> None:
    """Let a paused goal go on."""

    async def action(session: "Session", record: "GoalRecord") -> str:
        await session.service.control.resume(record.workflow_id)
        await watch_when_embedded(session, record, quiet=as_json)
        return "resuming"

    run_async(run_goal_action(goal, action, as_json))


@click.command()
@goal_argument
@click.option("--reason", default="", help="Why, for the record.")
@json_option
@handle_errors
def terminate(goal: str, reason: str, as_json: bool) -> None:
    """End a goal at once: the last resort, for its agent cleans nothing up.

    What it made by then is kept, and perdure goals retry picks it up again.
    """

    async def action(session: "Session", record: "GoalRecord") -> str:
        await session.service.control.terminate(record.workflow_id, reason)
        return (await session.stores.goals.get(record.workflow_id)).status.value

    run_async(run_goal_action(goal, action, as_json, unless_ended=True))


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
    run_async(_signal(goal, name, _read_json(data), as_json))


async def _signal(goal: str, name: str, data: "JsonValue", as_json: bool) -> None:
    async with open_decisions() as (stores, decisions):
        workflow_id = await stores.goals.find(goal)
        number = await decisions.signal(workflow_id, name, data)
    if as_json:
        print_json({"workflow_id": workflow_id, "name": name, "number": number})
    else:
        click.echo(f"sent  {name} {number}  {workflow_id}")


def _read_json(text: str) -> "JsonValue":
    try:
        value: JsonValue = json.loads(text)
    except json.JSONDecodeError as error:
        raise WrongInput(
            f"--data {text[:60]!r} is not JSON ({error.msg}): write text with quotes, '\"like"
            " this\"'"
        ) from error
    return value
