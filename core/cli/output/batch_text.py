"""How a batch stands, in words: one line while it goes on, a few when it is shown."""

import sys
import time
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.output.printing import print_message, print_table, print_text, styled_status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.models.batches import AddedItems, BatchRecord, ItemRecord

# Where no terminal is, a line says how it goes.
_LINE_SECONDS: Final = 10.0


class BatchProgress:
    """Says on stderr how a batch goes: one line that changes, or one every ten seconds.

    Args:
        quiet: Say nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._is_terminal = sys.stderr.isatty()
        self._width = 0
        self._said_at = time.monotonic()

    def show(self, record: "BatchRecord") -> None:
        """Say how it stands now."""
        if self._quiet:
            return
        text = progress_text(record)
        if self._is_terminal:
            click.echo("\r" + text.ljust(self._width), nl=False, err=True)
            self._width = len(text)
        elif time.monotonic() - self._said_at >= _LINE_SECONDS:
            self._said_at = time.monotonic()
            print_message(text)

    def end(self) -> None:
        """End the line."""
        if self._width:
            click.echo(err=True)
            self._width = 0


def progress_text(record: "BatchRecord") -> str:
    """Return how a batch stands in one line: what is done, how fast, how long it will take."""
    counts = record.counts
    parts = [f"{record.status.value}: {counts.ended:,} of {counts.total:,} items have ended"]
    for number, word in (
        (counts.failed, "failed"),
        (counts.invalid, "invalid"),
        (counts.cancelled, "cancelled"),
        (counts.running, "running"),
    ):
        if number:
            parts.append(f"{number:,} {word}")
    if record.per_second is not None:
        parts.append(f"{record.per_second:.3g} a second")
    if record.seconds_left is not None:
        parts.append(f"{_duration(record.seconds_left)} left")
    if record.cost:
        parts.append(f"{record.cost:.4f} dollars")
    return ", ".join(parts)


def print_batch(record: "BatchRecord") -> None:
    """Print a batch for people."""
    click.echo(f"{styled_status(record.status.value)}  {record.name}  {record.batch_id}")
    print_text(progress_text(record))
    if record.reason:
        print_text(record.reason)


def print_added(added: "AddedItems") -> None:
    """Say what became of items that were handed in, where it is not what one expects."""
    if added.invalid:
        print_message(
            f"{added.invalid:,} items are invalid: perdure batch items --status invalid says why"
        )
    if added.duplicates:
        print_message(f"{added.duplicates:,} items were there already, and are left out")
    if added.conflicting:
        shown = ", ".join(added.conflicts[:3])
        print_message(
            f"{added.conflicting:,} items have the key of another with another content, and are"
            f" left out ({shown}): give each a key of its own"
        )


def print_items(items: "Sequence[ItemRecord]") -> None:
    """Print items as a table."""
    rows = [
        (
            str(item.number),
            item.status.value,
            item.key,
            f"{item.cost:.4f}" if item.cost else "",
            item.error.message if item.error else item.summary,
        )
        for item in items
    ]
    print_table(("number", "status", "key", "cost", "result"), rows)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
