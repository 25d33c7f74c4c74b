"""``perdure schedules``: goals that are started by the clock."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.commands.goals.filter_options import Moment
from perdure.cli.commands.schedules.create import create
from perdure.cli.commands.schedules.output import print_schedule
from perdure.cli.commands.schedules.update import update
from perdure.cli.output.event_text import one_line
from perdure.cli.output.printing import print_json, print_table
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import json_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend
    from perdure.cli.backends.schedules import Schedules
    from perdure.schemas.schedules.records import ScheduleRecord

name_argument = click.argument("name")


@click.group()
def schedules() -> None:
    """Have goals started by the clock, again and again.

    A server has to run, for it is what starts them: perdure dev, or the one that is configured.
    """


schedules.add_command(create)
schedules.add_command(update)


@schedules.command("list")
@json_option
@handle_errors
def list_schedules(as_json: bool) -> None:
    """List schedules, in the order of their names."""

    async def print_schedules(backend: "Backend") -> None:
        async with backend.schedules() as found:
            records = await found.all()
        if as_json:
            print_json({"schedules": [record.model_dump(mode="json") for record in records]})
            return
        print_table(
            ["name", "status", "when", "next", "agent", "description"],
            [_row(record) for record in records],
        )

    run_with_backend(print_schedules)


def _row(record: "ScheduleRecord") -> list[str]:
    from perdure.models.schedules.content import time_text, when_text

    content = record.schedule
    return [
        content.name,
        "paused" if record.paused else "active",
        when_text(content),
        time_text(record.next_times[0]) if record.next_times else "never",
        content.goal.agent_type,
        one_line(content.goal.description[:60]),
    ]


@schedules.command()
@name_argument
@json_option
@handle_errors
def show(name: str, as_json: bool) -> None:
    """Show a schedule: when it starts something next, and what became of its last ten starts."""
    _act(lambda schedules: schedules.show(name), as_json)


@schedules.command()
@name_argument
@json_option
@handle_errors
def pause(name: str, as_json: bool) -> None:
    """Pause a schedule: it starts nothing by itself until it is resumed."""
    _act(lambda schedules: schedules.pause(name), as_json)


@schedules.command()
@name_argument
@json_option
@handle_errors
def resume(name: str, as_json: bool) -> None:
    """Resume a schedule; what it would have started meanwhile is left out."""
    _act(lambda schedules: schedules.resume(name), as_json)


@schedules.command()
@name_argument
@json_option
@handle_errors
def trigger(name: str, as_json: bool) -> None:
    """Have a schedule start its goal now, or once the one that runs has ended."""
    _act(lambda schedules: schedules.trigger(name), as_json)


@schedules.command()
@name_argument
@click.option("--from", "start_at", type=Moment(), required=True, help="From this time on.")
@click.option("--to", "end_at", type=Moment(), required=True, help="To this time.")
@json_option
@handle_errors
def backfill(name: str, start_at: datetime, end_at: datetime, as_json: bool) -> None:
    """Have a schedule start what it would have started in a time that is over, 500 at most."""

    async def start_them(backend: "Backend") -> None:
        from perdure.models.schedules.content import time_text

        async with backend.schedules() as schedules:
            times = await schedules.backfill(name, start_at, end_at)
        if as_json:
            print_json({"name": name, "times": [time.isoformat() for time in times]})
            return
        for time in times:
            click.echo(f"{name} starts what was due at {time_text(time)}")

    run_with_backend(start_them)


@schedules.command()
@name_argument
@json_option
@handle_errors
def delete(name: str, as_json: bool) -> None:
    """Delete a schedule; goals that it has started go on."""

    async def delete_it(backend: "Backend") -> None:
        async with backend.schedules() as schedules:
            await schedules.delete(name)
        if as_json:
            print_json({"name": name, "status": "deleted"})
        else:
            click.echo(f"deleted  {name}")

    run_with_backend(delete_it)


def _act(action: "Callable[[Schedules], Awaitable[ScheduleRecord]]", as_json: bool) -> None:
    async def act(backend: "Backend") -> None:
        async with backend.schedules() as schedules:
            print_schedule(await action(schedules), as_json)

    run_with_backend(act)
