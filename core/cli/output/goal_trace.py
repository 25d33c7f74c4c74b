"""A goal's trace as it is printed: a tree with bars on a terminal, indented lines elsewhere."""

import sys
from typing import TYPE_CHECKING, Final

import click

from perdure.cli.output.event_text import one_line, strip_controls
from perdure.cli.output.printing import print_text
from perdure.cli.output.trace_lines import TraceLine, trace_lines
from perdure.schemas.timelines import PricedUsage
from perdure.timelines.figures import duration, money

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from perdure.timelines.rows import Bar
    from perdure.timelines.traced_runs import TracedRun

_NOTES_FROM: Final = 100  # columns of the terminal
_LEAST_LABEL: Final = 20
_MARKS: Final = {
    "completed": ("✓", "green"),
    "failed": ("✗", "red"),
    "terminated": ("✗", "red"),
    "lost": ("✗", "yellow"),
    "cancelled": ("✗", "yellow"),
    "running": ("▸", "cyan"),
    "waiting": ("…", "cyan"),
    "paused": ("…", "yellow"),
    "yielded": ("…", "dim"),
    "journal": ("↺", "dim"),
}
_BARS: Final = {
    "paid": ("━", "green"),
    "execution": ("─", "dim"),
    "journal": ("↺", "dim"),
    "wait": ("┄", "blue"),
    "now": ("━", "cyan"),
    "lost": ("╍", "yellow"),
    "failed": ("━", "red"),
}


def print_trace(run: "TracedRun", address: str = "") -> None:
    """Print a run's trace for people.

    Args:
        run: The run, with its timeline.
        address: Where its spans can be looked at, if they were sent somewhere.
    """
    line, axis = trace_lines(run)
    print_text(_heading(run))
    if sys.stdout.isatty() and "utf" in (sys.stdout.encoding or "").lower():
        from rich.console import Console

        print_tree(line, Console(), is_shortened=axis.is_shortened)
    else:
        _print_lines(line)
    for failing in line.failing():
        print_text(f"failed  {failing.label}: {one_line(failing.error)}")
    if address:
        print_text(f"trace   {address}")


def _heading(run: "TracedRun") -> str:
    timeline = run.timeline
    parts = [run.workflow_id, run.status.value, spent_text(run.total) or "no model was asked"]
    if timeline is not None and timeline.thrown_away.requests:
        parts.append(f"{money(timeline.thrown_away.cost)} thrown away")
    if timeline is not None and timeline.saved.tokens:
        parts.append(f"{money(timeline.saved.cost)} saved by the journal")
    return "  ".join(parts)


def spent_text(usage: PricedUsage) -> str:
    """Return what was spent; empty when no model was asked."""
    return money(usage.cost) if usage.requests else ""


def _print_lines(line: TraceLine) -> None:
    for guide, each in line.walk():
        parts = [each.label, each.status]
        if each.seconds is not None:
            parts.append(duration(each.seconds))
        parts += [spent_text(each.usage), each.note]
        indent = "  " * (len(guide) // 3)
        click.echo(indent + "  ".join(strip_controls(part) for part in parts if part))


def print_tree(line: TraceLine, console: "Console", *, is_shortened: bool) -> None:
    """Print a line and those below it as a tree with bars, however narrow the terminal is.

    Args:
        line: The line of a run.
        console: The terminal.
        is_shortened: Whether waits are drawn shorter than they were.
    """
    from rich.table import Table
    from rich.text import Text

    with_notes = console.width >= _NOTES_FROM
    lines = list(line.walk())
    money_width = max(len(spent_text(each.usage)) for _, each in lines)
    time_width = max(len(duration(each.seconds)) for _, each in lines if each.seconds is not None)
    note_width = min(32, console.width // 4) if with_notes else 0
    left = console.width - money_width - time_width - note_width - 3 - bool(with_notes)
    wanted = max(len(guide) + len(each.label) + 4 for guide, each in lines)
    label_width = min(wanted, max(_LEAST_LABEL, left * 11 // 20))
    bar_width = max(4, left - label_width)
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=label_width, no_wrap=True, overflow="ellipsis")
    table.add_column(width=bar_width, no_wrap=True)
    table.add_column(width=time_width, justify="right", no_wrap=True)
    table.add_column(width=money_width, justify="right", no_wrap=True)
    if with_notes:
        table.add_column(width=note_width, no_wrap=True, overflow="ellipsis")
    for guide, each in lines:
        cells = [
            _label(guide, each),
            _bar(each.bar, bar_width),
            Text("" if each.seconds is None else duration(each.seconds), style="dim"),
            Text(spent_text(each.usage), style="bold yellow" if each.is_dearest else ""),
        ]
        if with_notes:
            cells.append(Text(one_line(each.note), style="dim"))
        table.add_row(*cells)
    console.print(table)
    _print_legend(console, lines, is_shortened=is_shortened)


def _label(guide: str, line: TraceLine) -> "Text":
    from rich.text import Text

    mark, style = _MARKS.get(line.status, ("·", ""))
    name_style = "bold red" if line.is_failing else "dim" if line.status == "journal" else ""
    dearest = ("★ ", "yellow") if line.is_dearest else ""
    return Text.assemble((guide, "dim"), (f"{mark} ", style), dearest, (line.label, name_style))


def _bar(bar: "Bar", width: int) -> "Text":
    from rich.text import Text

    sign, style = _BARS.get(bar.kind, ("━", ""))
    begin = min(int(bar.place * width / 100), width - 1)
    length = 1 if bar.kind == "journal" else max(1, round(bar.width * width / 100))
    return Text(" " * begin + sign * min(length, width - begin), style=style)


def _print_legend(
    console: "Console", lines: list[tuple[str, TraceLine]], *, is_shortened: bool
) -> None:
    from rich.text import Text

    parts = []
    statuses = {line.status for _, line in lines}
    if any(line.is_dearest for _, line in lines):
        parts.append("★ the dearest step")
    if "journal" in statuses:
        parts.append("↺ from the journal, not paid again")
    if "lost" in statuses:
        parts.append("╍ lost, and done again")
    if is_shortened:
        parts.append("waits are drawn shorter")
    if parts:
        console.print(Text(" · ".join(parts), style="dim"))
