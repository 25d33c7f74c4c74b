"""Schedules as commands print them."""

from typing import TYPE_CHECKING, Final

import click

from perdure.cli.output.event_text import one_line
from perdure.cli.output.printing import print_json, print_table, print_text, styled_status

if TYPE_CHECKING:
    from perdure.schemas.schedules.records import ScheduleRecord

_SHOWN_TIMES: Final = 3


def print_schedule(record: "ScheduleRecord", as_json: bool) -> None:
    """Print a schedule, and what it has started."""
    from perdure.models.schedules.content import time_text, when_text

    if as_json:
        print_json(record)
        return
    content = record.schedule
    note = f"  ({one_line(record.note)})" if record.note else ""
    click.echo(styled_status("paused" if record.paused else "active") + f"  {content.name}{note}")
    print_text(f"when       {when_text(content)}")
    print_text(f"agent      {content.goal.agent_type}")
    print_text(f"asked      {content.goal.description}")
    for goal in content.on_success:
        print_text(f"then       {goal.agent_type}: {one_line(goal.description)}")
    if content.only_if_changed:
        print_text("watches    what it names: nothing is started while that is as it was")
    upcoming = record.next_times[:_SHOWN_TIMES]
    print_text(f"next       {', '.join(map(time_text, upcoming)) or 'never: it is over'}")
    if record.started:
        print_text(
            f"started    {record.started} times, skipped {record.skipped or 0}, missed"
            f" {record.missed or 0}"
        )
    if record.starts:
        rows = [
            [
                time_text(start.started_at.astimezone()),
                start.status.value,
                " ".join(goal.workflow_id for goal in start.goals),
            ]
            for start in record.starts
        ]
        print_table(["started", "status", "goals"], rows)
