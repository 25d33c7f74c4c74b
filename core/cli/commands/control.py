"""``perdure goals cancel, pause, resume, terminate, signal, retry, dead-letters``."""

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.output.printing import print_json, print_table, say
from perdure.cli.runtime.command import command_errors, json_option, run_async
from perdure.cli.runtime.connections import answering, goal_argument, record_by_name, with_stores
from perdure.cli.runtime.watch import watch_one

if TYPE_CHECKING:
    from pydantic import JsonValue

    from perdure.models import GoalRecord
    from perdure.settings import Settings
    from perdure.stores import Stores
    from perdure.temporal.session import Session


class WrongInput(Exception):
    """A command was given what it cannot work with."""


@click.command()
@goal_argument
@json_option
@command_errors
def cancel(goal: str, as_json: bool) -> None:
    """Ask a goal to stop; what it made by then is kept."""

    async def ask(session: "Session", record: "GoalRecord") -> str:
        asked = await session.service.control.cancel(record.workflow_id)
        if asked and session.server is not None:
            await watch_one(session, record.agent_type, record.workflow_id, quiet=True)
        after = await session.stores.goals.get(record.workflow_id)
        return after.status.value if after.status.final else "cancelling"

    run_async(_control(goal, ask, as_json, unless_ended=True))


@click.command()
@goal_argument
@json_option
@command_errors
def pause(goal: str, as_json: bool) -> None:
    """Let a goal stop at its next step boundary, until it is resumed."""

    async def ask(session: "Session", record: "GoalRecord") -> str:
        await session.service.control.pause(record.workflow_id)
        return "pausing"

    run_async(_control(goal, ask, as_json))


@click.command()
@goal_argument
@json_option
@command_errors
def resume(goal: str, as_json: bool) -> None:
    """Let a paused goal go on."""

    async def ask(session: "Session", record: "GoalRecord") -> str:
        await session.service.control.resume(record.workflow_id)
        await _see_through(session, record, quiet=as_json)
        return "resuming"

    run_async(_control(goal, ask, as_json))


@click.command()
@goal_argument
@click.option("--reason", default="", help="Why, for the record.")
@json_option
@command_errors
def terminate(goal: str, reason: str, as_json: bool) -> None:
    """End a goal at once: the last resort, for its agent cleans nothing up.

    What it made by then is kept, and perdure goals retry picks it up again.
    """

    async def ask(session: "Session", record: "GoalRecord") -> str:
        await session.service.control.terminate(record.workflow_id, reason)
        return (await session.stores.goals.get(record.workflow_id)).status.value

    run_async(_control(goal, ask, as_json, unless_ended=True))


@click.command()
@goal_argument
@click.argument("name")
@click.option("--data", default="null", metavar="JSON", help="What it carries.")
@json_option
@command_errors
def signal(goal: str, name: str, data: str, as_json: bool) -> None:
    """Send a goal the signal NAME, which it waits for or will wait for.

    No server needs to run: the goal finds the signal when it goes on.
    """
    run_async(_signal(goal, name, _read_json(data), as_json))


async def _signal(goal: str, name: str, data: "JsonValue", as_json: bool) -> None:
    async with answering() as (stores, takes):
        workflow_id = await stores.goals.find(goal)
        number = await takes.signal(workflow_id, name, data)
    if as_json:
        print_json({"workflow_id": workflow_id, "name": name, "number": number})
    else:
        click.echo(f"sent  {name} {number}  {workflow_id}")


@click.command()
@click.argument("goal", required=False)
@click.option("--all", "all_failed", is_flag=True, help="Every goal that failed.")
@click.option("--agent", help="With --all: only those of this agent.")
@json_option
@command_errors
def retry(goal: str | None, all_failed: bool, agent: str | None, as_json: bool) -> None:
    """Pick up a goal that failed, was cancelled or terminated; it goes on from its journal.

    What it has paid for is not paid again.
    """
    if all_failed == (goal is not None) or (agent and not all_failed):
        raise WrongInput("name the goal to retry, or give --all (with --agent, if you like)")
    if goal is None:
        run_async(_retry_all(agent, as_json))
        return

    async def ask(session: "Session", record: "GoalRecord") -> str:
        await session.service.control.retry(record.workflow_id)
        await _see_through(session, record, quiet=as_json)
        return "started"

    run_async(_control(goal, ask, as_json))


async def _retry_all(agent: str | None, as_json: bool) -> None:
    from perdure.settings import Settings
    from perdure.temporal.session import open_session

    async with open_session(Settings(), say) as session:
        retried = await session.service.control.retry_all(agent)
        if not as_json:
            for workflow_id in retried:
                click.echo(f"started  {workflow_id}")
        for workflow_id in retried:
            record = await session.stores.goals.get(workflow_id)
            await _see_through(session, record, quiet=as_json)
    if as_json:
        print_json({"workflow_ids": retried})
    elif not retried:
        click.echo("No goal has failed that could be picked up.")


@click.command("dead-letters")
@click.option("--agent", help="Only those of this agent.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@json_option
@command_errors
def dead_letters(agent: str | None, limit: int, as_json: bool) -> None:
    """List the goals that failed for good, with the reason, newest first.

    perdure goals retry picks one up, or with --all every one.
    """

    async def show(stores: "Stores", _: "Settings") -> None:
        from perdure.models import GoalStatus

        records = await stores.goals.list(
            limit=limit, status=GoalStatus.FAILED, agent_type=agent, delegated=False
        )
        if as_json:
            print_json({"goals": [record.model_dump(mode="json") for record in records]})
            return
        print_table(
            ["workflow id", "agent", "failed", "why"], [_letter(record) for record in records]
        )

    with_stores(show)


def _letter(record: "GoalRecord") -> list[str]:
    ended_at = record.ended_at or record.started_at
    why = f"{record.error.type}: {record.error.message}" if record.error else ""
    when = ended_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return [record.workflow_id, record.agent_type, when, why[:120]]


async def _control(
    goal: str,
    act: "Callable[[Session, GoalRecord], Awaitable[str]]",
    as_json: bool,
    *,
    unless_ended: bool = False,
) -> None:
    from perdure.settings import Settings
    from perdure.temporal.session import open_session

    # What is not there, or has ended, needs no server to say so.
    record = await record_by_name(goal)
    if unless_ended and record.status.final:
        status = record.status.value
    else:
        async with open_session(Settings(), say) as session:
            status = await act(session, record)
    if as_json:
        print_json({"workflow_id": record.workflow_id, "status": status})
    else:
        click.echo(f"{status}  {record.workflow_id}")


async def _see_through(session: "Session", record: "GoalRecord", *, quiet: bool) -> None:
    """Stay until a goal has ended, when nobody else would go on with it."""
    if session.server is not None:
        await watch_one(session, record.agent_type, record.workflow_id, quiet=quiet)


def _read_json(text: str) -> "JsonValue":
    try:
        value: JsonValue = json.loads(text)
    except json.JSONDecodeError as error:
        raise WrongInput(
            f"--data {text[:60]!r} is not JSON ({error.msg}): write text with quotes, '\"like"
            " this\"'"
        ) from error
    return value


control_commands: Final[tuple[click.Command, ...]] = (
    cancel,
    pause,
    resume,
    terminate,
    signal,
    retry,
    dead_letters,
)
