"""Printing JSON, tables, messages and status words; colour only on a terminal."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.output.event_text import one_line, strip_controls
from perdure.cli.output.stdout import json_stdout

if TYPE_CHECKING:
    from pydantic import BaseModel

JSON_PRINTED = "perdure.cli.printed"
# What JSON may hold as it is, and a terminal obeys or is confused by.
_STEERING: Final = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

_STATUS_COLORS = {
    "completed": "green",
    "loaded": "green",
    "found": "green",
    "alive": "green",
    "lost": "red",
    "yes": "green",
    "no": "red",
    "failed": "red",
    "missing": "red",
    "denied": "yellow",
    "disabled": "yellow",
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
    "same": "green",
    "changed": "red",
    "new": "red",
    "removed": "red",
    "unreached": "yellow",
}


def print_json(document: "BaseModel | dict[str, object]") -> None:
    """Print the one JSON document of a command on stdout."""
    if not isinstance(document, dict):
        document = document.model_dump(mode="json")
    text = json.dumps(document, indent=2, ensure_ascii=False)
    escaped = _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    click.echo(escaped, file=json_stdout())
    context = click.get_current_context(silent=True)
    if context is not None:
        context.meta[JSON_PRINTED] = True


def json_line(value: object) -> str:
    """Return a value as JSON in one line that steers no terminal."""
    return one_line(json.dumps(value, ensure_ascii=False))


def print_text(text: str) -> None:
    """Print text for people, of which a terminal obeys nothing."""
    click.echo(strip_controls(text))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: drawn on a terminal, elsewhere one line per row with tabs between cells."""
    if not sys.stdout.isatty():
        click.echo("\t".join(columns))
        for row in rows:
            click.echo("\t".join(" ".join(strip_controls(cell).split()) for cell in row))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(
            *(Text(strip_controls(cell), style=_STATUS_COLORS.get(cell, "")) for cell in row)
        )
    Console().print(table)


def print_message(message: str) -> None:
    """Print a message for people on stderr, so that stdout holds only the command's output."""
    click.echo(strip_controls(message), err=True)


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
