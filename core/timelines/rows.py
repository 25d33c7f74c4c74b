"""The rows of a timeline: an execution, what the journal answered, steps, waits."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from perdure.schemas.timelines import Execution, PricedUsage, Span, Timeline, ToolCall
from perdure.timelines.axis import Axis, make_axis

# So many steps one after the other that have one name are one row, which opens.
_GROUPED: Final = 8
# So many rows an execution has at most, but for what failed.
_MOST_ROWS: Final = 60
_LEAST_WIDTH: Final = 0.5
_DIGITS: Final = 2  # of a percentage: a tenth of a pixel
_NOTHING: Final = PricedUsage()
_ORDINALS: Final = ("First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth")
_AFTER: Final = {
    "failure": "after a failure",
    "wait": "after waiting",
    "yield": "on another worker",
    "retry": "retried by a person",
    "lost": "after a lost worker",
}

RowKind = Literal["execution", "journal", "span", "group"]


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar on the axis: where it begins and how long it is, as percentages of the lane."""

    place: float
    width: float
    kind: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a timeline.

    Attributes:
        kind: What it is.
        label: What it is called.
        bar: Its bar.
        seconds: How long it took, or has taken so far.
        usage: What it used of models.
        note: What else people should know of it, in a few words.
        span: The step or wait that it shows.
        tools: The tools that the step's model called.
        execution: The execution's number, and of a group where it begins and how many steps it has.
        first: See ``execution``.
        count: See ``execution``.
        is_open: Whether it stands open at first: what failed.
    """

    kind: RowKind
    label: str
    bar: Bar
    seconds: float
    usage: PricedUsage = _NOTHING
    note: str = ""
    span: Span | None = None
    tools: tuple[ToolCall, ...] = ()
    execution: int = 0
    first: int = 0
    count: int = 0
    is_open: bool = False


def timeline_rows(
    timeline: Timeline, now: datetime | None = None, axis: Axis | None = None
) -> tuple[list[Row], Axis]:
    """Return the rows of a timeline, steps of one name in a row as one, and its axis.

    Args:
        timeline: The timeline.
        now: The time.
        axis: The axis on which the bars lie; the timeline's own when not given.
    """
    now = now or datetime.now(UTC)
    axis = axis or timeline_axis([timeline], now)
    tools = _tools(timeline)
    rows: list[Row] = []
    for execution in timeline.executions:
        rows.append(_execution_row(execution, axis, now))
        if execution.answered:
            rows.append(_journal_row(execution, axis))
        for first, spans in _groups(execution.spans):
            if len(spans) > _GROUPED:
                rows.append(_group_row(execution, first, spans, axis, now))
            else:
                rows.extend(_span_row(span, axis, now, tools) for span in spans)
    return rows, axis


def rows_of_group(
    timeline: Timeline, execution: int, first: int, count: int, now: datetime | None = None
) -> list[Row]:
    """Return the rows of the steps that a group stands for.

    Args:
        timeline: The timeline.
        execution: The execution's number.
        first: The place of the first step in the execution, from 0.
        count: How many steps.
        now: The time.
    """
    now = now or datetime.now(UTC)
    axis, tools = timeline_axis([timeline], now), _tools(timeline)
    spans = timeline.executions[execution - 1].spans[first : first + count]
    return [_span_row(span, axis, now, tools) for span in spans]


def timeline_axis(timelines: Sequence[Timeline], now: datetime) -> Axis:
    """Return the axis of the first timeline, on which those of its delegates fit too."""
    work: list[tuple[datetime, datetime]] = []
    for timeline in timelines:
        spans = [span for execution in timeline.executions for span in execution.spans]
        work += [
            (span.started_at, span.ended_at or now)
            for span in spans
            if span.kind in {"step", "model"}
        ]
        work += [
            (one.started_at, one.ended_at or (now if timeline.ended_at is None else one.started_at))
            for one in timeline.executions
        ]
    first = timelines[0]
    return make_axis(first.started_at, first.ended_at or now, work)


def _tools(timeline: Timeline) -> dict[str, list[ToolCall]]:
    tools: dict[str, list[ToolCall]] = {}
    for call in timeline.tools:
        tools.setdefault(call.step, []).append(call)
    return tools


def _groups(spans: Sequence[Span]) -> Iterator[tuple[int, Sequence[Span]]]:
    """Yield spans that are one row, with the place of the first: those of one name in a row.

    Where that leaves too many rows, those that went as they should are one row whatever their
    names, as many as it takes; what failed or cost most stays one of its own.
    """
    ends = list(_ends(spans, _alike))
    size = 0
    if sum(1 if end - first > _GROUPED else end - first for first, end in ends) > _MOST_ROWS:
        ends = list(_ends(spans, _is_plain))
        size = max(-(-len(spans) // _MOST_ROWS), _GROUPED + 1)
    for first, end in ends:
        step = size if size and _is_plain(spans[first]) else end - first
        for begin in range(first, end, max(step, 1)):
            yield begin, spans[begin : min(begin + step, end)]


def _ends(spans: Sequence[Span], key: Callable[[Span], object]) -> Iterator[tuple[int, int]]:
    first = 0
    for _, group in itertools.groupby(spans, key):
        count = sum(1 for _ in group)
        yield first, first + count
        first += count


def _is_plain(span: Span) -> bool:
    return span.status == "completed" and span.kind in {"step", "model"} and not span.is_dearest


def _alike(span: Span) -> tuple[str, str]:
    return span.name.rpartition("#")[0], span.status


def _execution_row(execution: Execution, axis: Axis, now: datetime) -> Row:
    number = execution.number
    ordinal = _ORDINALS[number - 1] if number <= len(_ORDINALS) else f"{number}th"
    usage = sum((span.usage for span in execution.spans), PricedUsage())
    end = execution.ended_at or now
    kind = {"lost": "lost", "failed": "failed"}.get(execution.end or "running", "execution")
    return Row(
        "execution",
        f"{ordinal} execution",
        bar_on(axis, execution.started_at, end, kind if execution.end else "now"),
        (end - execution.started_at).total_seconds(),
        usage,
        _AFTER.get(execution.after or "", ""),
        execution=number,
    )


def _journal_row(execution: Execution, axis: Axis) -> Row:
    at = execution.started_at
    return Row(
        "journal",
        f"{execution.answered:,} step{'s' if execution.answered > 1 else ''} from the journal",
        Bar(axis.place(at), 1.2, "journal"),
        0.0,
        note="not done, not paid again",
    )


def _group_row(
    execution: Execution, first: int, spans: Sequence[Span], axis: Axis, now: datetime
) -> Row:
    end = max(span.ended_at or now for span in spans)
    seconds = sum(_seconds(span, now) for span in spans)
    return Row(
        "group",
        _group_label(spans),
        bar_on(axis, spans[0].started_at, end, _kind(spans[0])),
        seconds,
        sum((span.usage for span in spans), PricedUsage()),
        "the dearest step is here" if any(span.is_dearest for span in spans) else "",
        execution=execution.number,
        first=first,
        count=len(spans),
    )


def _group_label(spans: Sequence[Span]) -> str:
    names = list(dict.fromkeys(span.name.rpartition("#")[0] for span in spans))
    if len(names) == 1:
        return f"{names[0]} × {len(spans):,}"  # noqa: RUF001 -- times
    return f"{len(spans):,} steps, {names[0]} first"


def _span_row(span: Span, axis: Axis, now: datetime, tools: dict[str, list[ToolCall]]) -> Row:
    tries = span.usage.requests if span.thrown_away.requests else 0
    notes = ["the dearest step"] if span.is_dearest else []
    if tries > 1:
        notes.append(f"asked {tries} times")
    return Row(
        "span",
        span.label,
        bar_on(axis, span.started_at, span.ended_at or now, _kind(span)),
        _seconds(span, now),
        span.usage,
        ", ".join(notes),
        span,
        tuple(tools.get(span.label, ())),
        is_open=span.status in {"failed", "lost"} and bool(span.error),
    )


def _seconds(span: Span, now: datetime) -> float:
    return max(0.0, ((span.ended_at or now) - span.started_at).total_seconds())


def _kind(span: Span) -> str:
    if span.kind in {"approval", "signal", "sleep", "delegate"}:
        return "wait"
    return {"lost": "lost", "failed": "failed", "running": "now"}.get(span.status, "paid")


def bar_on(axis: Axis, start: datetime, end: datetime, kind: str) -> Bar:
    """Return the bar of what was done from one time to another."""
    place = round(min(axis.place(start), 100 - _LEAST_WIDTH), _DIGITS)
    return Bar(place, round(max(axis.place(end) - place, _LEAST_WIDTH), _DIGITS), kind)
