"""``perdure goals``: the runs on record."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perdure.cli.commands.control import control_commands
from perdure.cli.output.goal_details import print_standing, standing_of
from perdure.cli.output.printing import print_json, print_table, say
from perdure.cli.output.results import default_folder, print_result, save_result
from perdure.cli.runtime.command import command_errors, json_option, run_async
from perdure.cli.runtime.connections import (
    goal_argument,
    plugin_option,
    record_of,
    settings_with,
    with_stores,
)
from perdure.cli.runtime.watch import watch_one

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


for command in control_commands:
    goals.add_command(command)


@goals.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Only those that stand so.")
@click.option("--agent", help="Only those of this agent.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True)
@json_option
@command_errors
def list_goals(status: str | None, agent: str | None, limit: int, as_json: bool) -> None:
    """List goals, newest first."""

    async def show(stores: "Stores", _: "Settings") -> None:
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

    with_stores(show)


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
@command_errors
def show(goal: str, as_json: bool) -> None:
    """Show where a goal stands."""

    async def show_one(stores: "Stores", _: "Settings") -> None:
        record = await record_of(goal, stores)
        standing = await standing_of(stores, record)
        if as_json:
            print_json(record.model_dump(mode="json") | standing.as_json())
            return
        click.echo(f"goal       {record.goal_id}")
        click.echo(f"agent      {record.agent_type}  ({record.agent_version or 'not run yet'})")
        click.echo(f"asked      {record.description}")
        click.echo(f"parameters {record.parameters}")
        if record.progress is not None:
            click.echo(f"progress   {record.progress.percentage:.0f} %  {record.progress.message}")
        print_standing(standing)
        print_result(record, None)

    with_stores(show_one)


@goals.command("watch")
@goal_argument
@plugin_option
@json_option
@command_errors
def watch_goal(goal: str, plugin_files: tuple[Path, ...], as_json: bool) -> None:
    """Follow a goal to its end; starts the embedded server when the goal needs it to go on."""
    sys.exit(run_async(_watch(goal, plugin_files, as_json)))


async def _watch(goal: str, plugin_files: tuple[Path, ...], as_json: bool) -> int:
    from perdure.stores import open_stores
    from perdure.temporal.session import open_session

    settings = settings_with(plugin_files)
    async with open_stores(settings) as stores:
        record = await record_of(goal, stores)
        workflow_id = record.workflow_id
    if record.status.final:
        _print(record, as_json)
        return 0 if record.success else 1
    async with open_session(settings, say) as session:
        if not await watch_one(session, record.agent_type, workflow_id, quiet=as_json):
            say(f"\nthe goal is not stopped by this: perdure goals cancel {workflow_id} stops it")
            return 130
        record = await session.stores.goals.get(workflow_id)
    _print(record, as_json)
    return 0 if record.success else 1


def _print(record: "GoalRecord", as_json: bool) -> None:
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
@command_errors
def result(goal: str, output: Path | None, as_json: bool) -> None:
    """Write a goal's files and print its result."""

    async def save(stores: "Stores", settings: "Settings") -> None:
        record = await record_of(goal, stores)
        folder = await save_result(stores, record, output or default_folder(settings.home, record))
        if as_json:
            print_json(record.model_dump(mode="json") | {"folder": str(folder)})
        else:
            print_result(record, folder)

    with_stores(save)
