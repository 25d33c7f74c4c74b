"""``perdure goals retry, dead-letters``: goals that failed for good, and their retry."""

import sys
from typing import TYPE_CHECKING, Any

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.commands.goals.action import run_goal_action
from perdure.cli.commands.goals.filter_options import criteria_of, filter_options
from perdure.cli.commands.goals.many import act_on_many
from perdure.cli.output.printing import print_json, print_table
from perdure.cli.runtime.errors import WrongInput, handle_errors
from perdure.cli.runtime.options import goals_argument, json_option, yes_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend, Control
    from perdure.models import GoalRecord


@click.command()
@goals_argument
@click.option("--all", "all_failed", is_flag=True, help="Every goal that failed.")
@filter_options
@yes_option
@json_option
@handle_errors
def retry(
    goals: tuple[str, ...], all_failed: bool, yes: bool, as_json: bool, **options: Any
) -> None:
    """Pick up goals that failed, were cancelled or terminated; they go on from their journals.

    Name them, or give --all or other options: then every goal that failed, or has the status that
    you give, and fits is meant. What they have paid for is not paid again.
    """
    criteria = criteria_of(**options)
    if bool(goals) == bool(all_failed or criteria):
        raise WrongInput("name the goal to retry, or give --all, or say which with --search …")
    if all_failed and not criteria.keys() - {"agent_type"}:
        _retry_all(criteria.get("agent_type"), as_json)
        return
    if len(goals) != 1:
        found = None if goals else criteria
        sys.exit(act_on_many("retry", goals, found, confirmed=yes or all_failed, as_json=as_json))
    (goal,) = goals

    async def action(control: "Control", workflow_id: str) -> str:
        await control.retry(workflow_id)
        await control.watch_when_temporary([workflow_id], quiet=as_json)
        return "started"

    run_goal_action(goal, action, as_json)


def _retry_all(agent: str | None, as_json: bool) -> None:
    async def retry_each(backend: "Backend") -> None:
        async with backend.control() as control:
            retried = await control.retry_all(agent)
            if not as_json:
                for workflow_id in retried:
                    click.echo(f"started  {workflow_id}")
            await control.watch_when_temporary(retried, quiet=as_json)
        if as_json:
            print_json({"workflow_ids": retried})
        elif not retried:
            click.echo("No goal has failed that could be picked up.")

    run_with_backend(retry_each, span="perdure goals retry")


@click.command("dead-letters")
@click.option("--agent", help="Only those of this agent.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@json_option
@handle_errors
def dead_letters(agent: str | None, limit: int, as_json: bool) -> None:
    """List the goals that failed for good, with the reason, newest first.

    perdure goals retry picks one up, or with --all every one.
    """

    async def print_dead_letters(backend: "Backend") -> None:
        from perdure.models import GoalStatus

        records = await backend.goals(
            {"status": GoalStatus.FAILED, "agent_type": agent, "delegated": False},
            tenant=None,
            limit=limit,
        )
        if as_json:
            print_json({"goals": [record.model_dump(mode="json") for record in records]})
            return
        print_table(
            ["workflow id", "agent", "failed", "why"],
            [_dead_letter_row(record) for record in records],
        )

    run_with_backend(print_dead_letters)


def _dead_letter_row(record: "GoalRecord") -> list[str]:
    ended_at = record.ended_at or record.started_at
    why = f"{record.error.type}: {record.error.message}" if record.error else ""
    when = ended_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return [record.workflow_id, record.agent_type, when, why[:120]]
