"""An overview as it fills a terminal, however small that is."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from perdure.cli.output.event_text import one_line
from perdure.cli.output.overview import (
    AGENT_COLUMNS,
    AgentOverview,
    Overview,
    activity_text,
    agent_cells,
    goals_text,
    percentage_text,
    spent_text,
    workers_text,
)
from perdure.models import GoalRecord, GoalStatus
from perdure.models.workers import WorkerRecord
from perdure.timelines.figures import age

_IDS_FROM: Final = 100  # columns of the terminal
_MOST_AGENTS: Final = 6
_MOST_WORKERS: Final = 5
_METER: Final = 10
_MARKS: Final = {
    GoalStatus.RUNNING: ("▸", "cyan"),
    GoalStatus.WAITING: ("…", "cyan"),
    GoalStatus.PAUSED: ("…", "yellow"),
    GoalStatus.FAILED: ("✗", "red"),
}


class OverviewScreen:
    """An overview that takes the height there is: goals get what the others leave.

    Args:
        overview: The overview.
        where: What it is of, for the last line.
        problem: Why it is not newer; empty when it is the newest.
    """

    def __init__(self, overview: Overview, where: str = "", problem: str = "") -> None:
        self._overview = overview
        self._where = where
        self._problem = problem

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, height = options.max_width, options.height or console.height
        below: list[RenderableType] = []
        overview = self._overview
        agents = overview.agents[:_MOST_AGENTS]
        workers = overview.workers[:_MOST_WORKERS]
        used = 3 + 2  # the head, the heading of goals, the last line
        if agents and used + len(agents) + 2 <= height * 2 // 3:
            below += [Text(), _agents(agents, len(overview.agents), width)]
            used += len(agents) + 2
        if workers and used + len(workers) + 2 <= height * 3 // 4:
            below += [Text(), _workers(workers, len(overview.workers), width)]
            used += len(workers) + 2
        yield Group(
            _head(overview, width),
            Text(),
            _goals(overview, width, max(1, height - used - 1)),
            *below,
            self._foot(width),
        )

    def _foot(self, width: int) -> Text:
        parts = ["q ends", f"{self._overview.at.astimezone():%H:%M:%S}", self._where, self._problem]
        text = " · ".join(part for part in parts if part)
        foot = Text(one_line(text), style="red" if self._problem else "dim", no_wrap=True)
        foot.truncate(width, overflow="ellipsis")
        return foot


def _head(overview: Overview, width: int) -> RenderableType:
    is_alive = any(worker.alive for worker in overview.workers)
    rows = (
        ("goals", goals_text(overview), "red" if overview.failed_today else ""),
        ("spent", spent_text(overview), ""),
        (
            "workers",
            workers_text(overview),
            "" if is_alive else "red",
        ),
    )
    lines = []
    for name, value, style in rows:
        line = Text.assemble((f"{name:8} ", "dim"), (value, style or "bold"), no_wrap=True)
        line.truncate(width, overflow="ellipsis")
        lines.append(line)
    return Group(*lines)


def _table(width: int) -> Table:
    return Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, width=width, header_style="dim")


def _goals(overview: Overview, width: int, most: int) -> RenderableType:
    goals = [*overview.failures[: max(1, most // 4)], *overview.goals]
    if not goals:
        return Text("Nothing is under way: perdure run AGENT starts something", style="dim")
    hidden = len(goals) - most
    shown = goals[: most - 1] if hidden > 0 else goals
    table = _table(width)
    table.add_column("", width=1)
    if width >= _IDS_FROM:
        table.add_column("goal", max_width=24, no_wrap=True, overflow="ellipsis")
    table.add_column("agent", max_width=14, no_wrap=True, overflow="ellipsis")
    table.add_column("for", justify="right", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("at", ratio=1, no_wrap=True, overflow="ellipsis")
    for goal in shown:
        table.add_row(*_goal_cells(goal, overview, width))
    if len(shown) == len(goals):
        return table
    more = f"and {len(goals) - len(shown):,} more: perdure goals list"
    return Group(table, Text(more, style="dim", no_wrap=True))


def _goal_cells(goal: GoalRecord, overview: Overview, width: int) -> list[Text]:
    mark, style = _MARKS.get(goal.status, ("·", ""))
    failed = goal.status is GoalStatus.FAILED
    ago = age(goal.ended_at if failed else goal.started_at, overview.at)
    cells = [
        Text(mark, style=style),
        Text(one_line(goal.agent_type)),
        Text(ago, style="dim"),
        Text(percentage_text(goal)),
        Text(activity_text(goal), style="red" if failed else ""),
    ]
    if width >= _IDS_FROM:
        cells.insert(1, Text(one_line(goal.goal_id), style="bold"))
    return cells


def _agents(agents: Sequence[AgentOverview], total: int, width: int) -> Table:
    table = _table(width)
    more = f"agent ({len(agents)} of {total})" if total > len(agents) else "agent"
    table.add_column(more, ratio=1, no_wrap=True, overflow="ellipsis")
    for column in AGENT_COLUMNS[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    for agent in agents:
        table.add_row(*(Text(cell) for cell in agent_cells(agent)))
    return table


def _workers(workers: Sequence[WorkerRecord], total: int, width: int) -> Table:
    table = _table(width)
    more = f"worker ({len(workers)} of {total})" if total > len(workers) else "worker"
    table.add_column(more, ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("slots", width=_METER, no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    for worker in workers:
        full = round(_METER * worker.used / worker.slots) if worker.slots else 0
        meter = Text.assemble(("━" * full, "green"), ("─" * (_METER - full), "dim"))
        table.add_row(
            Text(one_line(worker.identity), style="" if worker.alive else "red"),
            meter if worker.alive else Text("lost", style="red"),
            Text(f"{worker.used:,} of {worker.slots:,}"),
        )
    return table
