"""``perdure schedules update``: change what is given of a schedule."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from perdure.cli.arguments.budget import budget_option, read_budget
from perdure.cli.arguments.durations import Duration
from perdure.cli.backends.opening import run_with_backend
from perdure.cli.commands.goals.filter_options import Moment
from perdure.cli.commands.schedules.create import POLICIES, following
from perdure.cli.commands.schedules.output import print_schedule
from perdure.cli.runtime.completion import complete_agents
from perdure.cli.runtime.errors import WrongInput, handle_errors
from perdure.cli.runtime.options import json_option, param_option, plugin_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend
    from perdure.cli.backends.schedules import Schedules

_NEVER: Final = "never"
_OF_GOAL: Final = {
    "agent": "agent_type",
    "description": "description",
    "pool": "pool",
    "priority": "priority",
    "goal_id": "goal_id",
}
_OF_SCHEDULE: Final = {
    "cron": "cron",
    "every": "every_seconds",
    "offset": "offset_seconds",
    "time_zone": "time_zone",
    "jitter": "jitter_seconds",
    "start_at": "start_at",
    "end_at": "end_at",
    "overlap": "overlap",
    "catch_up": "catch_up_seconds",
    "pause_on_failure": "pause_on_failure",
    "only_if_changed": "only_if_changed",
}


class _MomentOrNever(click.ParamType[datetime | str]):
    """A time, or ``never`` for none."""

    name = "time"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> datetime | str:
        """Return the time in UTC, or the word."""
        return _NEVER if value == _NEVER else Moment().convert(value, parameter, context)


@click.command()
@click.argument("name")
@click.option("--agent", shell_complete=complete_agents, help="The agent of its goal.")
@click.option("--description", help="What that is to achieve; {scheduled_time} as in create.")
@param_option
@budget_option
@click.option("--pool", metavar="NAME", help="The pool of workers that is to run the goals.")
@click.option(
    "--priority", type=click.IntRange(1, 5), help="Before which others they go: 1 first, 5 last."
)
@click.option("--goal-id", help="The name of the goals.")
@click.option(
    "--cron", multiple=True, help="When, in place of what was said; several may be given."
)
@click.option("--every", type=Duration(), help="When: every so often, in place of what was said.")
@click.option("--offset", type=Duration(), help="So long after each of these.")
@click.option("--time-zone", help="Of --cron, such as Europe/Berlin.")
@click.option("--jitter", type=Duration(), help="Put each start off by a part of this.")
@click.option(
    "--start", "start_at", type=_MomentOrNever(), help="Start nothing before; never for no limit."
)
@click.option(
    "--end", "end_at", type=_MomentOrNever(), help="Start nothing after; never for no limit."
)
@click.option(
    "--overlap",
    type=click.Choice(POLICIES),
    help="What becomes of a start while the one before it still runs.",
)
@click.option("--catch-up", type=Duration(), help="How late a start may be.")
@click.option(
    "--pause-on-failure/--no-pause-on-failure",
    default=None,
    help="Whether to pause it when a goal of it fails.",
)
@click.option(
    "--only-if-changed/--always",
    default=None,
    help="Whether to start nothing while what the goal names is as when it last completed.",
)
@click.option(
    "--on-success",
    multiple=True,
    metavar="JSON",
    help="The goals to start when this one has completed, in place of all that were; '' for none.",
)
@plugin_option
@json_option
@handle_errors
def update(
    name: str,
    params: tuple[str, ...],
    budgets: tuple[str, ...],
    on_success: tuple[str, ...],
    plugin_files: tuple[Path, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Change what is given of the schedule NAME, and nothing else.

    What it has started goes on as it was, and one that is paused stays so. Of the parameters, those
    that are given change.
    """
    limits = read_budget(budgets)
    changes = _given(_OF_SCHEDULE, options)
    if on_success:
        changes["on_success"] = following(name, [text for text in on_success if text.strip()])
    goal = _given(_OF_GOAL, options)
    if limits is not None:
        goal["budget"] = limits.model_dump(exclude_none=True)
    if not (changes or goal or params):
        raise WrongInput(f"say what is to be different in {name}, such as --cron '0 8 * * *'")

    async def update_schedule(backend: "Backend") -> None:
        from perdure.schemas.schedules.requests import ScheduleChanges

        async with backend.schedules() as schedules:
            if params:
                goal["parameters"] = await _parameters(backend, schedules, name, goal, params)
            asked = ScheduleChanges.model_validate(changes | ({"goal": goal} if goal else {}))
            print_schedule(await schedules.update(name, asked), as_json)

    run_with_backend(update_schedule, plugin_files)


def _given(names: dict[str, str], options: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the options that were given."""
    return {
        field: None if options[option] == _NEVER else options[option]
        for option, field in names.items()
        if options[option] is not None and options[option] != ()
    }


async def _parameters(
    backend: "Backend",
    schedules: "Schedules",
    name: str,
    goal: dict[str, Any],
    params: tuple[str, ...],
) -> dict[str, Any]:
    """Return the parameters that the goal has, with those that are given."""
    current = (await schedules.show(name)).schedule.goal
    agent = goal.get("agent_type", current.agent_type)
    # Those of another agent mean nothing to this one.
    kept = current.parameters if agent == current.agent_type else {}
    return kept | await backend.read_params(agent, params)
