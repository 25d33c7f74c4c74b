"""The options that say where the items of a batch are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def item_options(command: F) -> F:
    """Give a command the options that name items."""
    for option in reversed(
        (
            click.option(
                "--over",
                multiple=True,
                metavar="PATTERN",
                help="Files, each an item: a pattern such as 'invoices/**/*.pdf', or a folder;"
                " or objects, by a prefix such as s3://bucket/invoices/. Several may be given.",
            ),
            click.option(
                "--as",
                "parameter",
                metavar="PARAMETER",
                help="The parameter that takes a file of --over; the agent's own if it has one.",
            ),
            click.option(
                "--lines",
                type=_FILE,
                help="A file of JSON lines, each an item: an object with key, description and"
                " parameters.",
            ),
            click.option(
                "--csv",
                "rows",
                type=_FILE,
                help="A file of CSV, each row after the first an item.",
            ),
            click.option(
                "--column",
                "columns",
                multiple=True,
                metavar="COLUMN=PARAMETER",
                help="What a column of --csv is: a parameter, @key or @description. When not given,"
                " each column is the parameter of its name.",
            ),
        )
    ):
        command = option(command)
    return command
