"""``perdure goals retry, dead-letters``: goals that failed for good, and their retry."""

from typing import TYPE_CHECKING

import click

from perdure.cli.output.printing import print_json, print_message, print_table
from perdure.cli.runtime.connections import run_with_stores
from perdure.cli.runtime.errors import WrongInput, handle_errors
from perdure.cli.runtime.event_loop import run_async
from perdure.cli.runtime.goal_action import run_goal_action
from perdure.cli.runtime.options import json_option
from perdure.cli.runtime.watch import watch_when_embedded

if TYPE_CHECKING:
    from perdure.models import GoalRecord
    from perdure.settings import Settings
    from perdure.stores import Stores
    from perdure.temporal.session import Session


@click.command()
@click.argument("goal", required=False)
@click.option("--all", "all_failed", is_flag=True, help="Every goal that failed.")
@click.option("--agent", help="With --all: only those of this agent.")
@json_option
@handle_errors
def retry(goal: str | None, all_failed: bool, agent: str | None, as_json: bool) -> None:
    """Pick up a goal that failed, was cancelled or terminated; it goes on from its journal.

    What it has paid for is not paid again.
    """
    if all_failed == (goal is not None) or (agent and not all_failed):
        raise WrongInput("name the goal to retry, or give --all (with --agent, if you like)")
    if goal is None:
        run_async(_retry_all(agent, as_json))
        return

    async def action(session: "Session", record: "GoalRecord") -> str:
        await session.service.control.retry(record.workflow_id)
        await watch_when_embedded(session, record, quiet=as_json)
        return "started"

    run_async(run_goal_action(goal, action, as_json))


async def _retry_all(agent: str | None, as_json: bool) -> None:
    from perdure.settings import Settings
    from perdure.temporal.session import open_session

    async with open_session(Settings(), print_message) as session:
        retried = await session.service.control.retry_all(agent)
        if not as_json:
            for workflow_id in retried:
                click.echo(f"started  {workflow_id}")
        for workflow_id in retried:
            record = await session.stores.goals.get(workflow_id)
            await watch_when_embedded(session, record, quiet=as_json)
    if as_json:
        print_json({"workflow_ids": retried})
    elif not retried:
        click.echo("No goal has failed that could be picked up.")


@click.command("dead-letters")
@click.option("--agent", help="Only those of this agent.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@json_option
@handle_errors
def dead_letters(agent: str | None, limit: int, as_json: bool) -> None:
    """List the goals that failed for good, with the reason, newest first.

    perdure goals retry picks one up, or with --all every one.
    """

    async def print_dead_letters(stores: "Stores", _: "Settings") -> None:
        from perdure.models import GoalStatus

        records = await stores.goals.list(
            limit=limit, status=GoalStatus.FAILED, agent_type=agent, delegated=False
        )
        if as_json:
            print_json({"goals": [record.model_dump(mode="json") for record in records]})
            return
        print_table(
            ["workflow id", "agent", "failed", "why"],
            [_dead_letter_row(record) for record in records],
        )

    run_with_stores(print_dead_letters)


def _dead_letter_row(record: "GoalRecord") -> list[str]:
    ended_at = record.ended_at or record.started_at
    why = f"{record.error.type}: {record.error.message}" if record.error else ""
    when = ended_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return [record.workflow_id, record.agent_type, when, why[:120]]
