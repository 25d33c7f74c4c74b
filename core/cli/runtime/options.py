"""Options and arguments that several commands take."""

from pathlib import Path

import click

from perdure.cli.output.stdout import keep_stdout_for_json
from perdure.cli.runtime.completion import complete_goals

json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    callback=keep_stdout_for_json,
    help="Print one JSON document on stdout and nothing else.",
)

plugin_option = click.option(
    "--plugin",
    "plugin_files",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    metavar="FILE",
    help="A Python file to load like a plugin, anew when it changes; several may be given.",
)

param_option = click.option(
    "--param",
    "-p",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the agent; a value that is no plain text is given as JSON.",
)

pool_option = click.option(
    "--pool",
    metavar="NAME",
    help="The pool of workers that is to run it; where the installation or the agent says, when not"
    " given.",
)

priority_option = click.option(
    "--priority",
    type=click.IntRange(1, 5),
    default=3,
    show_default=True,
    help="Before which others it goes while it waits for a worker: 1 first, 5 last.",
)

goal_argument = click.argument("goal", shell_complete=complete_goals)

goals_argument = click.argument(
    "goals", metavar="[GOAL]...", nargs=-1, shell_complete=complete_goals
)

yes_option = click.option("--yes", is_flag=True, help="Do not ask before goals that fit are taken.")
