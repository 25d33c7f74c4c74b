"""Printing JSON, tables, messages and status words; colour only on a terminal."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from perdure.cli.output.stdout import json_stdout

if TYPE_CHECKING:
    from pydantic import BaseModel

JSON_PRINTED = "perdure.cli.printed"

_STATUS_COLORS = {
    "completed": "green",
    "loaded": "green",
    "found": "green",
    "failed": "red",
    "missing": "red",
    "denied": "yellow",
    "warning": "yellow",
    "cancelled": "yellow",
    "running": "cyan",
    "waiting": "cyan",
    "paused": "yellow",
    "terminated": "red",
    "open": "cyan",
    "approved": "green",
    "refused": "red",
    "expired": "yellow",
    "closed": "yellow",
}


def print_json(document: "BaseModel | dict[str, object]") -> None:
    """Print the one JSON document of a command on stdout."""
    if not isinstance(document, dict):
        document = document.model_dump(mode="json")
    click.echo(json.dumps(document, indent=2, ensure_ascii=False), file=json_stdout())
    context = click.get_current_context(silent=True)
    if context is not None:
        context.meta[JSON_PRINTED] = True


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: drawn on a terminal, elsewhere one line per row with tabs between cells."""
    if not sys.stdout.isatty():
        click.echo("\t".join(columns))
        for row in rows:
            click.echo("\t".join(" ".join(cell.split()) for cell in row))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell, style=_STATUS_COLORS.get(cell, "")) for cell in row))
    Console().print(table)


def print_message(message: str) -> None:
    """Print a message for people on stderr, so that stdout holds only the command's output."""
    click.echo(message, err=True)


def styled_status(status: str) -> str:
    """Return a status word, coloured on a terminal."""
    return click.style(status, fg=_STATUS_COLORS.get(status)) if sys.stdout.isatty() else status


def format_size(size: int) -> str:
    """Return a number of bytes for people, such as ``12.3 kB``."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
