"""``perdure schedules create``: have a goal started by the clock."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.arguments.budget import budget_option, read_budget
from perdure.cli.arguments.durations import Duration
from perdure.cli.arguments.json_input import read_json
from perdure.cli.backends.opening import run_with_backend
from perdure.cli.commands.goals.filter_options import Moment
from perdure.cli.commands.schedules.output import print_schedule
from perdure.cli.runtime.completion import complete_agents
from perdure.cli.runtime.errors import WrongInput, handle_errors
from perdure.cli.runtime.options import (
    json_option,
    param_option,
    plugin_option,
    pool_option,
    priority_option,
)

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend
    from perdure.schemas.goals import GoalRequest

POLICIES: Final = (
    "skip", "buffer-one", "buffer-all", "cancel-other", "terminate-other", "allow-all",
)  # fmt: skip


@click.command()
@click.argument("name")
@click.argument("agent", shell_complete=complete_agents)
@click.argument("description")
@param_option
@budget_option
@pool_option
@priority_option
@click.option("--goal-id", help="The name of the goals; the schedule's when not given.")
@click.option(
    "--cron",
    multiple=True,
    help="When: minute, hour, day of the month, month, day of the week, or @daily and the like;"
    " several may be given.",
)
@click.option("--every", type=Duration(), help="When: every so often, counted from 1970 in UTC.")
@click.option("--offset", type=Duration(), default=0, help="So long after each of these.")
@click.option(
    "--time-zone", default="UTC", show_default=True, help="Of --cron, such as Europe/Berlin."
)
@click.option("--jitter", type=Duration(), default=0, help="Put each start off by a part of this.")
@click.option("--start", "start_at", type=Moment(), help="Start nothing before.")
@click.option("--end", "end_at", type=Moment(), help="Start nothing after.")
@click.option(
    "--overlap",
    type=click.Choice(POLICIES),
    default="skip",
    show_default=True,
    help="What becomes of a start while the one before it still runs.",
)
@click.option(
    "--catch-up",
    type=Duration(),
    default="1d",
    show_default=True,
    help="How late a start may be, as after the server was down.",
)
@click.option("--pause-on-failure", is_flag=True, help="Pause it when a goal of it fails.")
@click.option(
    "--only-if-changed",
    is_flag=True,
    help="Start nothing while the files and pages that the goal names are as when it last"
    " completed.",
)
@click.option(
    "--on-success",
    multiple=True,
    metavar="JSON",
    help="The goal to start when this one has completed, as for the API; several may be given, and"
    " each follows the one before it.",
)
@plugin_option
@json_option
@handle_errors
def create(
    name: str,
    agent: str,
    description: str,
    params: tuple[str, ...],
    budgets: tuple[str, ...],
    pool: str | None,
    priority: int,
    goal_id: str | None,
    cron: tuple[str, ...],
    every: int | None,
    offset: int,
    time_zone: str,
    jitter: int,
    start_at: datetime | None,
    end_at: datetime | None,
    overlap: str,
    catch_up: int,
    pause_on_failure: bool,
    only_if_changed: bool,
    on_success: tuple[str, ...],
    plugin_files: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Have AGENT do something by the clock, again and again, under the NAME of the schedule.

    In the DESCRIPTION, {scheduled_time} stands for the time of each start. Give --cron or --every.
    """
    limits = read_budget(budgets)
    then = following(name, on_success)

    async def create_schedule(backend: "Backend") -> None:
        from perdure.models.schedules.content import OverlapPolicy, ScheduleContent

        goal = await backend.prepare_goal(
            agent,
            description,
            params=params,
            goal_id=goal_id or name,
            budget=limits,
            pool=pool,
            priority=priority,
        )
        content = ScheduleContent(
            name=name,
            goal=goal,
            cron=cron,
            every_seconds=every,
            offset_seconds=offset,
            time_zone=time_zone,
            jitter_seconds=jitter,
            start_at=start_at,
            end_at=end_at,
            overlap=OverlapPolicy(overlap),
            catch_up_seconds=catch_up,
            pause_on_failure=pause_on_failure,
            only_if_changed=only_if_changed,
            on_success=then,
        )
        async with backend.schedules() as schedules:
            print_schedule(await schedules.create(content), as_json)

    run_with_backend(create_schedule, plugin_files)


def following(name: str, given: Sequence[str]) -> "tuple[GoalRequest, ...]":
    """Read the goals of ``--on-success``; one without a name is called after the schedule.

    Raises:
        WrongInput: One is none.
    """
    from perdure.schemas.goals import GoalRequest

    goals = []
    for number, text in enumerate(given, 2):
        value = read_json("--on-success", text)
        if not isinstance(value, dict):
            raise WrongInput(
                "--on-success takes a goal: an object with agent_type, description and parameters"
            )
        goals.append(GoalRequest.model_validate({"goal_id": f"{name}-{number}"} | value))
    return tuple(goals)
