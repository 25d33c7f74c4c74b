"""The table for people, on stderr."""

import sys
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

# Not the terminal's: a file's name that is folded cannot be looked for.
_WIDTH: Final = 140


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; the first column to the left, the others to the right."""
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for number, name in enumerate(header):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(file=sys.stderr, highlight=False, width=_WIDTH).print(table)


def share(value: float) -> str:
    """Write a share so that a thousandth shows; only what is whole is 1.000."""
    return f"{min(value, 0.999) if value < 1 else 1:.3f}"
