"""The lines of a goal's trace: its executions, their steps, and what was delegated, as a tree."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from perdure.cli.output.event_text import one_line
from perdure.models import GoalStatus
from perdure.schemas.timelines import PricedUsage, Span, Timeline
from perdure.timelines.axis import Axis
from perdure.timelines.figures import money
from perdure.timelines.rows import Bar, Row, bar_on, timeline_axis, timeline_rows
from perdure.timelines.traced_runs import TracedRun

_DESCRIPTION_CHARACTERS: Final = 60
_ASKED: Final = {"approval": "asks: ", "signal": "waits for ", "sleep": "sleeps: "}
_RUN_BARS: Final = {GoalStatus.FAILED: "failed", GoalStatus.TERMINATED: "failed"}


@dataclass(slots=True)
class TraceLine:
    """A line of a trace.

    Attributes:
        label: What it is called, in one line that steers no terminal.
        status: How it stands, in a word; ``journal`` of what was answered from it.
        bar: Where it lies on the axis.
        seconds: How long it took; ``None`` of what took none.
        usage: What it used of models; of a run with its delegates.
        note: What else there is to know.
        error: Why it failed.
        is_failing: Whether its run failed with it.
        is_dearest: Whether no step of its run cost more.
        children: The lines below it.
    """

    label: str
    status: str
    bar: Bar
    seconds: float | None
    usage: PricedUsage = field(default_factory=PricedUsage)
    note: str = ""
    error: str = ""
    is_failing: bool = False
    is_dearest: bool = False
    children: "list[TraceLine]" = field(default_factory=list)

    def walk(self, guide: str = "", below: str = "") -> "Iterator[tuple[str, TraceLine]]":
        """Yield it and all below it, each with the branches that are drawn before it."""
        yield guide, self
        for child in self.children:
            is_last = child is self.children[-1]
            yield from child.walk(
                below + ("└─ " if is_last else "├─ "), below + ("   " if is_last else "│  ")
            )

    def failing(self) -> "Iterator[TraceLine]":
        """Yield the lines that its run failed with, those that say most."""
        below = [line for child in self.children for line in child.failing()]
        if self.is_failing and not below and self.error:
            yield self
        yield from below


def trace_lines(run: TracedRun, now: datetime | None = None) -> tuple[TraceLine, Axis]:
    """Return the line of a run, with the lines below it, and the axis that their bars lie on.

    Args:
        run: The run, with its timeline.
        now: The time.
    """
    now = now or datetime.now(UTC)
    axis = timeline_axis(list(run.timelines()), now)
    return _run_line(run, axis, now, ""), axis


def _run_line(run: TracedRun, axis: Axis, now: datetime, prefix: str) -> TraceLine:
    is_failing = run.status in _RUN_BARS
    end = run.ended_at or now
    asked = one_line(run.description)
    if len(asked) > _DESCRIPTION_CHARACTERS:
        asked = asked[: _DESCRIPTION_CHARACTERS - 1] + "…"
    kind = _RUN_BARS.get(run.status, "execution" if run.ended_at else "now")
    line = TraceLine(
        one_line(f"{prefix}{run.agent_type}: {asked}"),
        run.status.value,
        bar_on(axis, run.started_at, end, kind),
        max(0.0, (end - run.started_at).total_seconds()),
        run.total,
        run.workflow_id,
        run.error or "",
        is_failing,
    )
    if run.timeline is not None:
        line.children = _execution_lines(run, run.timeline, axis, now)
    return line


def _execution_lines(
    run: TracedRun, timeline: Timeline, axis: Axis, now: datetime
) -> list[TraceLine]:
    executions: list[TraceLine] = []
    delegates = {child.workflow_id: child for child in run.delegates}
    rows, _ = timeline_rows(timeline, now, axis)
    for row in rows:
        if row.kind == "execution":
            execution = timeline.executions[row.execution - 1]
            is_last = execution is timeline.executions[-1]
            executions.append(
                _line(
                    row, execution.end or "running", is_failing=run.status in _RUN_BARS and is_last
                )
            )
            continue
        above = executions[-1]
        if row.kind == "journal":
            above.children.append(_line(row, "journal"))
        elif row.kind == "group":
            spans = timeline.executions[row.execution - 1].spans[row.first : row.first + row.count]
            above.children.append(_group_line(row, spans, delegates, axis, now, above.is_failing))
        elif row.span is not None:
            above.children.append(_span_line(row, row.span, delegates, axis, now, above.is_failing))
    for line in executions:
        line.is_failing |= run.status in _RUN_BARS and any(one.is_failing for one in line.children)
    if delegates and executions:  # what no wait names
        executions[-1].children += [
            _run_line(child, axis, now, "→ ") for child in delegates.values()
        ]
    return executions


def _span_line(
    row: Row,
    span: Span,
    delegates: dict[str, TracedRun],
    axis: Axis,
    now: datetime,
    is_failing: bool,
) -> TraceLine:
    child = delegates.pop(span.child, None) if span.child else None
    if child is not None:
        return _run_line(child, axis, now, "→ ")
    notes = [row.note] if row.note else []
    if span.thrown_away.requests:
        notes.append(f"{money(span.thrown_away.cost)} thrown away")
    line = _line(row, span.status, is_failing=is_failing and span.status == "failed")
    line.label = one_line(_ASKED.get(span.kind, "") + row.label)
    line.note, line.error, line.is_dearest = ", ".join(notes), span.error or "", span.is_dearest
    return line


def _group_line(
    row: Row,
    spans: Sequence[Span],
    delegates: dict[str, TracedRun],
    axis: Axis,
    now: datetime,
    is_failing: bool,
) -> TraceLine:
    status = spans[0].status
    line = _line(row, status, is_failing=is_failing and status == "failed")
    line.error = next((span.error for span in reversed(spans) if span.error), "")
    line.is_dearest = any(span.is_dearest for span in spans)
    for span in spans:
        child = delegates.pop(span.child, None) if span.child else None
        if child is not None:
            below = _run_line(child, axis, now, "→ ")
            if not below.is_failing:  # of many alike, those that failed are to be seen
                below.children = []
            line.children.append(below)
    return line


def _line(row: Row, status: str, *, is_failing: bool = False) -> TraceLine:
    return TraceLine(
        one_line(row.label),
        status,
        row.bar,
        None if row.kind == "journal" else row.seconds,
        row.usage,
        row.note,
        is_failing=is_failing,
    )
