"""``perdure goals list, show, watch, result``, and the group of all that concerns goals."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.commands.goals.again import again
from perdure.cli.commands.goals.control import cancel, pause, resume, signal, terminate
from perdure.cli.commands.goals.delete import delete
from perdure.cli.commands.goals.filter_options import criteria_of, filter_options
from perdure.cli.commands.goals.hold import hold, holds, release
from perdure.cli.commands.goals.notebook import notebook
from perdure.cli.commands.goals.replay import replay
from perdure.cli.commands.goals.retry import dead_letters, retry
from perdure.cli.commands.goals.score import score
from perdure.cli.commands.goals.settle import settle
from perdure.cli.commands.goals.trace import trace
from perdure.cli.output.goal_details import hold_text, print_goal_details, score_text
from perdure.cli.output.printing import (
    json_line,
    print_json,
    print_message,
    print_table,
    print_text,
)
from perdure.cli.output.results import default_folder, print_result, save_result
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import goal_argument, json_option, plugin_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend
    from perdure.models import GoalRecord, Origin


@click.group()
def goals() -> None:
    """List, show, follow, pause, stop and retry goals.

    GOAL is a workflow id, or a goal id, which stands for its newest run; the beginning of one does,
    6 characters or more.
    """


for command in (
    trace,
    notebook,
    cancel,
    pause,
    resume,
    terminate,
    signal,
    settle,
    score,
    retry,
    again,
    replay,
    dead_letters,
    delete,
    hold,
    holds,
    release,
):
    goals.add_command(command)


@goals.command("list")
@filter_options
@click.option(
    "--delegated/--not-delegated",
    default=None,
    help="Only those that another goal delegated, or only those that none did.",
)
@click.option("--parent", metavar="GOAL", help="Only those that this goal delegated.")
@click.option("--tenant", help="Only those of this tenant; of all when not given.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True)
@json_option
@handle_errors
def list_goals(
    delegated: bool | None,
    parent: str | None,
    tenant: str | None,
    limit: int,
    as_json: bool,
    **options: Any,
) -> None:
    """List goals, newest first."""

    async def print_goals(backend: "Backend") -> None:
        criteria = criteria_of(**options)
        criteria["delegated"] = delegated
        if parent is not None:
            criteria["parent"] = await backend.find_goal(parent)
        records = await backend.goals(criteria, tenant=tenant, limit=limit)
        if as_json:
            print_json({"goals": [record.model_dump(mode="json") for record in records]})
            return
        print_table(
            ["workflow id", "agent", "status", "seconds", "started", "description"],
            [_row(record) for record in records],
        )

    run_with_backend(print_goals)


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
    """Show a goal: status, progress, last steps, spending, what it waits for or is unknown."""

    async def print_goal(backend: "Backend") -> None:
        from perdure.models import DEFAULT_POOL, DEFAULT_PRIORITY

        record = await backend.goal(await backend.find_goal(goal))
        details = await backend.goal_details(record.workflow_id)
        if as_json:
            print_json(record.model_dump(mode="json") | details.model_dump(mode="json"))
            return
        print_text(f"goal       {record.goal_id}")
        print_text(f"agent      {record.agent_type}  ({record.agent_version or 'not run yet'})")
        if record.pool != DEFAULT_POOL:
            print_text(f"pool       {record.pool}")
        if record.priority != DEFAULT_PRIORITY:
            print_text(f"priority   {record.priority}")
        print_text(f"asked      {record.description}")
        print_text(f"parameters {json_line(record.parameters)}")
        if record.schedule is not None:
            print_text(f"schedule   {_schedule_text(record)}")
        if record.origin is not None:
            print_text(f"made from  {_origin_text(record.origin)}")
        if record.trace_id is not None:
            print_text(f"trace      {_trace_text(record.trace_id)}")
        if record.progress is not None:
            print_text(f"progress   {record.progress.percentage:.0f} %  {record.progress.message}")
        print_goal_details(details)
        if record.slot is not None:
            print_text(f"waits for  a slot: {record.slot.message}")
        if record.hold is not None:
            print_text(f"held       {hold_text(record.hold)}")
        for one in record.scores:
            print_text(f"score      {score_text(one)}")
        if record.result is not None and record.result.data:
            print_text(f"data       {json_line(record.result.data)}")
        print_result(record, None)

    run_with_backend(print_goal)


def _schedule_text(record: "GoalRecord") -> str:
    if record.scheduled_at is None:
        return str(record.schedule)
    return f"{record.schedule}, for {record.scheduled_at.astimezone():%Y-%m-%d %H:%M:%S %z}"


def _trace_text(trace_id: str) -> str:
    from perdure.settings import Settings

    return Settings().trace_address(trace_id) or trace_id


def _origin_text(origin: "Origin") -> str:
    step = f", from step {origin.step}" if origin.step else ""
    return f"{origin.workflow_id}{step}" + (f", by {origin.by}" if origin.by else "")


@goals.command("watch")
@goal_argument
@plugin_option
@json_option
@handle_errors
def watch_goal(goal: str, plugin_files: tuple[Path, ...], as_json: bool) -> None:
    """Follow a goal to its end; starts the embedded server when the goal needs it to go on."""

    async def watch(backend: "Backend") -> int:
        workflow_id = await backend.find_goal(goal)
        record = await backend.goal(workflow_id)
        if not record.status.final:
            async with backend.control() as control:
                if not await control.watch(workflow_id, record.agent_type, quiet=as_json):
                    print_message(
                        f"\nthe goal is not stopped by this: perdure goals cancel {workflow_id}"
                        " stops it"
                    )
                    return 130
            record = await backend.goal(workflow_id)
        _print_result(record, as_json)
        return 0 if record.success else 1

    sys.exit(run_with_backend(watch, plugin_files, traced=True))


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

    async def save(backend: "Backend") -> None:
        record = await backend.goal(await backend.find_goal(goal))
        folder = await save_result(
            record, output or default_folder(record.workflow_id), backend.save_artifacts
        )
        if as_json:
            print_json(record.model_dump(mode="json") | {"folder": str(folder)})
        else:
            print_result(record, folder)

    run_with_backend(save)
