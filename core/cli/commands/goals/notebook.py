"""``perdure goals notebook``: what a goal and its delegates have written down for one another."""

from typing import TYPE_CHECKING, Final

import click

from perdure.cli.backends.opening import run_with_backend
from perdure.cli.output.printing import json_line, print_json, print_table, print_text
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.options import goal_argument, json_option

if TYPE_CHECKING:
    from perdure.cli.backends.backend import Backend
    from perdure.schemas.notebook.records import NotebookRecord

_SHOWN_CHARACTERS: Final = 60


@click.command()
@goal_argument
@json_option
@handle_errors
def notebook(goal: str, as_json: bool) -> None:
    """Show the notebook that a goal shares with its delegates: keys, versions and values.

    Long values are shown by their beginning; --json prints them whole.
    """

    async def print_notebook(backend: "Backend") -> None:
        workflow_id = await backend.find_goal(goal)
        entries = [entry async for entry in backend.notebook(workflow_id)]
        if as_json:
            print_json({"entries": [entry.model_dump(mode="json") for entry in entries]})
        elif entries:
            columns = ["key", "version", "value", "written", "by"]
            print_table(columns, [_row(entry) for entry in entries])
        else:
            print_text(f"nothing is written in the notebook of {workflow_id}")

    run_with_backend(print_notebook)


def _row(entry: "NotebookRecord") -> list[str]:
    value = json_line(entry.value)
    if len(value) > _SHOWN_CHARACTERS:
        value = f"{value[: _SHOWN_CHARACTERS - 1]}…"
    written = entry.written_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return [entry.key, str(entry.version), value, written, entry.writer]
