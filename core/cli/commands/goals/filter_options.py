"""The options by which commands take the goals that meet some criteria."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from perdure.cli.runtime.completion import complete_agents

if TYPE_CHECKING:
    from perdure.schemas.many_goals import GoalFilter

STATUSES: Final = (
    "running",
    "waiting",
    "paused",
    "completed",
    "failed",
    "cancelled",
    "terminated",
)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

Command = TypeVar("Command", bound=Callable[..., Any])


class Moment(click.ParamType[datetime]):
    """A time: a date, a date and a time (ISO 8601, local), or how long ago, such as ``2h``."""

    name = "time"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> datetime:
        """Return the time in UTC."""
        if isinstance(value, datetime):
            return value
        try:
            if ago := re.fullmatch(r"(\d{1,6})([mhdw])", value):
                return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is no time: write it like 2026-03-29, 2026-03-29T14:30, 90m, 12h or 7d",
                parameter,
                context,
            )


_OPTIONS: Final = (
    click.option(
        "--status",
        type=click.Choice(STATUSES),
        multiple=True,
        help="Only those with this status; several may be given.",
    ),
    click.option("--agent", shell_complete=complete_agents, help="Only those of this agent."),
    click.option(
        "--search",
        metavar="WORDS",
        help="Only those with all of these words in description, error or result's summary, or as"
        " beginnings of their ids.",
    ),
    click.option(
        "--started-by",
        metavar="NAME",
        help="Only those that this key or person handed in.",
    ),
    click.option("--schedule", metavar="NAME", help="Only those that this schedule has started."),
    click.option(
        "--since", type=Moment(), help="Only those started then or later: 2026-03-29, 12h, 7d …"
    ),
    click.option("--until", type=Moment(), help="Only those started before."),
)


def filter_options(command: Command) -> Command:
    """Give a command the options; it takes their values by name, for :func:`criteria_of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def criteria_of(
    *,
    status: tuple[str, ...],
    agent: str | None,
    search: str | None,
    started_by: str | None,
    schedule: str | None,
    since: datetime | None,
    until: datetime | None,
) -> "GoalFilter":
    """Return the filter that the options' values stand for; empty when none was given."""
    from perdure.models import GoalStatus

    given: GoalFilter = {}
    if status:
        given["status"] = [GoalStatus(each) for each in status]
    if agent:
        given["agent_type"] = agent
    if search and search.strip():
        given["search"] = search
    if started_by:
        given["started_by"] = started_by
    if schedule:
        given["schedule"] = schedule
    if since:
        given["since"] = since
    if until:
        given["until"] = until
    return given
