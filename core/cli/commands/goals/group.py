"""``perdure goals list, show, watch, result``, and the group of all that concerns goals."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli.commands.goals.control import cancel, pause, resume, signal, terminate
from perdure.cli.commands.goals.retry import dead_letters, retry
from perdure.cli.output.goal_details import load_goal_details, print_goal_details
from perdure.cli.output.printing import print_json, print_message, print_table
from perdure.cli.output.results import default_folder, print_result, save_result
from perdure.cli.runtime.connections import find_goal_record, run_with_stores, settings_with_files
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.event_loop import run_async
from perdure.cli.runtime.options import goal_argument, json_option, plugin_option
from perdure.cli.runtime.watch import watch_to_end

if TYPE_CHECKING:
    from perdure.models import GoalRecord
    from perdure.settings import Settings
    from perdure.stores import Stores

STATUSES = ("running", "waiting", "paused", "completed", "failed", "cancelled", "terminated")


@click.group()
def goals() -> None:
    """List, show, follow, pause, stop and retry goals.

    GOAL is a workflow id, or a goal id, which stands for its newest run; the beginning of one does,
    6 characters or more.
    """


for command in (cancel, pause, resume, terminate, signal, retry, dead_letters):
    goals.add_command(command)


@goals.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Only those with this status.")
@click.option("--agent", help="Only those of this agent.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True)
@json_option
@handle_errors
def list_goals(status: str | None, agent: str | None, limit: int, as_json: bool) -> None:
    """List goals, newest first."""

    async def print_goals(stores: "Stores", _: "Settings") -> None:
        from perdure.models import GoalStatus

        records = await stores.goals.list(
            limit=limit, status=GoalStatus(status) if status else None, agent_type=agent
        )
        if as_json:
            print_json({"goals": [record.model_dump(mode="json") for record in records]})
            return
        print_table(
            ["workflow id", "agent", "status", "seconds", "started", "description"],
            [_row(record) for record in records],
        )

    run_with_stores(print_goals)


def _row(record: "GoalRecord") -> list[str]:
    return [
        record.workflow_id,
        record.agent_type,
        record.status.value,
        f"{record.execution_time:.1f}" if record.execution_time is not None else "",
        record.started_at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        record.description[:60],
    ]


@goals.command()
@goal_argument
@json_option
@handle_errors
def show(goal: str, as_json: bool) -> None:
    """Show a goal: status, progress, spending, what it waits for."""

    async def print_goal(stores: "Stores", _: "Settings") -> None:
        record = await find_goal_record(goal, stores)
        details = await load_goal_details(stores, record)
        if as_json:
            print_json(record.model_dump(mode="json") | details.as_json())
            return
        click.echo(f"goal       {record.goal_id}")
        click.echo(f"agent      {record.agent_type}  ({record.agent_version or 'not run yet'})")
        click.echo(f"asked      {record.description}")
        click.echo(f"parameters {record.parameters}")
        if record.progress is not None:
            click.echo(f"progress   {record.progress.percentage:.0f} %  {record.progress.message}")
        print_goal_details(details)
        print_result(record, None)

    run_with_stores(print_goal)


@goals.command("watch")
@goal_argument
@plugin_option
@json_option
@handle_errors
def watch_goal(goal: str, plugin_files: tuple[Path, ...], as_json: bool) -> None:
    """Follow a goal to its end; starts the embedded server when the goal needs it to go on."""
    sys.exit(run_async(_watch(goal, plugin_files, as_json)))


async def _watch(goal: str, plugin_files: tuple[Path, ...], as_json: bool) -> int:
    from perdure.stores import open_stores
    from perdure.temporal.session import open_session

    settings = settings_with_files(plugin_files)
    async with open_stores(settings) as stores:
        record = await find_goal_record(goal, stores)
        workflow_id = record.workflow_id
    if record.status.final:
        _print_result(record, as_json)
        return 0 if record.success else 1
    async with open_session(settings, print_message) as session:
        if not await watch_to_end(session, record.agent_type, workflow_id, quiet=as_json):
            print_message(
                f"\nthe goal is not stopped by this: perdure goals cancel {workflow_id} stops it"
            )
            return 130
        record = await session.stores.goals.get(workflow_id)
    _print_result(record, as_json)
    return 0 if record.success else 1


def _print_result(record: "GoalRecord", as_json: bool) -> None:
    if as_json:
        print_json(record)
    else:
        print_result(record, None)


@goals.command()
@goal_argument
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to write its files; under PERDURE_HOME when not given.",
)
@json_option
@handle_errors
def result(goal: str, output: Path | None, as_json: bool) -> None:
    """Write a goal's files and print its result."""

    async def save(stores: "Stores", settings: "Settings") -> None:
        record = await find_goal_record(goal, stores)
        folder = await save_result(stores, record, output or default_folder(settings.home, record))
        if as_json:
            print_json(record.model_dump(mode="json") | {"folder": str(folder)})
        else:
            print_result(record, folder)

    run_with_stores(save)
