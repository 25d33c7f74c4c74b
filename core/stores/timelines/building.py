"""The building of a timeline from the rows of a run: executions first, then what they cost."""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import RowMapping

from perdure.agents.steps.keys import StepKey, stream_of
from perdure.models import GoalRecord, GoalStatus, beginning
from perdure.schemas.timelines import (
    DelegatedRun,
    Execution,
    ExecutionEnd,
    Span,
    Timeline,
    ToolCall,
)
from perdure.stores.journal.wait_ids import step_wait
from perdure.stores.spending.ledger import OPEN, THROWN
from perdure.stores.timelines.costs import saved_usage, spans_with_costs, usage_of
from perdure.stores.timelines.rows import EventRow, TimelineRows
from perdure.stores.timelines.team import team_of

_ENDS: Final[Mapping[str, ExecutionEnd]] = {
    "run.waiting": "waiting",
    "run.paused": "paused",
    "run.yielded": "yielded",
    "run.completed": "completed",
    "run.failed": "failed",
    "run.cancelled": "cancelled",
    "run.terminated": "terminated",
}
# The events with which waits begin, and what names the wait in them.
_WAIT_NAMES: Final = {"approval.requested": "approval_id", "delegated": "workflow_id"}
_BEGINNINGS: Final = {"run.resumed", "run.retrying"}


@dataclass(slots=True)
class _Execution:
    """An execution while its events are read."""

    number: int
    started_at: datetime
    after: str | None = None
    ended_at: datetime | None = None
    end: ExecutionEnd | None = None
    spans: list[Span] = field(default_factory=list)
    under_way: dict[tuple[str, int], datetime] = field(default_factory=dict)


def build_timeline(record: GoalRecord, rows: TimelineRows) -> Timeline:
    """Return the timeline of a run.

    Args:
        record: The run.
        rows: What the stores have about it.
    """
    keys = keys_of_ended(rows, record.started_at)
    executions, tools = _Reader(record, rows, keys).read()
    spans = [span for execution in executions for span in execution.spans]
    priced = spans_with_costs(spans, rows.spending)
    recorded = [row["recorded_at"] for row in rows.steps]
    settled = [row for row in rows.spending if row["state"] != OPEN]
    delegates = _delegates(rows, record.workflow_id)
    return Timeline(
        workflow_id=record.workflow_id,
        started_at=record.started_at,
        ended_at=record.ended_at,
        last_event=rows.last_event,
        taken_over=sum(at < record.started_at for at in recorded),
        steps=rows.totals["steps"] if rows.totals else 0,
        usage=usage_of(settled),
        thrown_away=usage_of(row for row in settled if row["state"] == THROWN),
        saved=saved_usage(rows.totals),
        executions=tuple(
            Execution(
                number=execution.number,
                started_at=execution.started_at,
                ended_at=execution.ended_at,
                end=execution.end,
                after=execution.after,
                answered=sum(at < execution.started_at for at in recorded),
                spans=tuple(
                    sorted(
                        (priced[id(span)] for span in execution.spans),
                        key=lambda span: span.started_at,
                    )
                ),
            )
            for execution in executions
        ),
        tools=tools,
        delegates=delegates,
        team=team_of(record, rows.events, delegates),
    )


class _Reader:
    """Reads the events of a run in order."""

    def __init__(self, record: GoalRecord, rows: TimelineRows, keys: Mapping[int, StepKey]) -> None:
        self._record = record
        self._rows = rows
        self._keys = keys
        self._waits = {row["step"]: row for row in rows.waits}
        self._wait_names = set(_names_of(rows.waits))
        self._wait_errors: dict[str, str] = {}
        self._begun_waits: dict[str, datetime] = {}
        self._recorded = {
            StepKey(row["name"], row["digest"], row["occurrence"]): row["recorded_at"]
            for row in rows.steps
        }
        self._executions = [_Execution(1, record.started_at)]
        self._tools: dict[str, ToolCall] = {}
        self._retried = False

    def read(self) -> tuple[list[_Execution], tuple[ToolCall, ...]]:
        last_at = self._record.started_at
        for event in self._rows.events:
            current = self._executions[-1]
            if event.type in _BEGINNINGS:
                self._begin(event, last_at)
            elif event.type == "run.retried":
                self._retried = True
            elif event.type in _ENDS:
                if current.end is None:
                    current.end, current.ended_at = _ENDS[event.type], event.time
                    self._lose(current, event.time)
            elif event.type.startswith("step."):
                self._read_step(current, event)
            elif event.type.startswith("tool."):
                self._read_tool(event)
            elif event.type in _WAIT_NAMES:
                self._begun_waits[str(event.data.get(_WAIT_NAMES[event.type]))] = event.time
            last_at = event.time
        self._add_waits()
        self._close_last()
        return self._executions, tuple(self._tools.values())

    def _begin(self, event: EventRow, last_at: datetime) -> None:
        before = self._executions[-1]
        if len(self._executions) == 1 and before.end is None and event.number == 2:
            return  # a run that was made from another one goes on from that one's journal
        why = str(event.data.get("after") or "") or ("failure" if "retrying" in event.type else "")
        if before.end is None:
            before.ended_at = last_at
            before.end = "failed" if why == "failure" else "lost"
            self._lose(before, last_at)
        after = "retry" if self._retried else why or "lost"
        self._retried = False
        self._executions.append(_Execution(before.number + 1, event.time, after))

    def _read_step(self, current: _Execution, event: EventRow) -> None:
        name, number = str(event.data.get("step")), event.data.get("number") or 1
        if event.type == "step.started":
            began = event.data.get("started_at")
            current.under_way[name, number] = datetime.fromisoformat(began) if began else event.time
            return
        if event.type == "step.settled":
            return
        seconds = timedelta(seconds=float(event.data.get("seconds") or 0.0))
        key = self._keys.get(event.number)
        # An event may be written after what the step's outcome led to; its outcome is not.
        ended_at = event.time if key is None else min(event.time, self._recorded[key])
        started_at = current.under_way.pop((name, number), None) or ended_at - seconds
        ended_at = max(ended_at, started_at)
        if key is not None and step_wait(key) in self._waits:
            return  # the wait's own row says more
        error = event.data.get("error")
        message = error.get("message") if isinstance(error, dict) else None
        if key is None and event.type == "step.failed" and f"{name}#{number}" in self._wait_names:
            self._wait_errors[f"{name}#{number}"] = str(message or "")
            return
        current.spans.append(
            Span(
                label=_numbered(name, number),
                name=f"{name}#{number}",
                key=stream_of(key) if key else None,
                status="failed" if event.type == "step.failed" else "completed",
                started_at=started_at,
                ended_at=ended_at,
                error=message,
            )
        )

    def _read_tool(self, event: EventRow) -> None:
        call_id = str(event.data.get("tool_call_id"))
        if event.type == "tool.called":
            self._tools[call_id] = ToolCall(
                tool=str(event.data.get("tool")),
                step=_numbered(str(event.data.get("step")), event.data.get("number") or 1),
                arguments=str(event.data.get("arguments") or ""),
                called_at=event.time,
            )
            return
        call = self._tools.get(call_id)
        if call is not None:
            returned = {name: event.data.get(name) for name in ("result", "error", "seconds")}
            self._tools[call_id] = call.model_copy(update=returned)

    def _lose(self, execution: _Execution, at: datetime) -> None:
        """Count the steps of an execution that were under way when it ended as lost."""
        for (name, number), started_at in execution.under_way.items():
            span = _span_under_way(name, number, started_at)
            lost = {"status": "lost", "ended_at": max(at, started_at)}
            execution.spans.append(span.model_copy(update=lost))
        execution.under_way.clear()

    def _add_waits(self) -> None:
        counts: dict[tuple[str, str], int] = defaultdict(int)
        for row, name in zip(self._rows.waits, _names_of(self._rows.waits), strict=True):
            step, digest, occurrence = row["step"].rsplit(":", 2)
            key = StepKey(step, digest, int(occurrence))
            about = beginning(row["about"]) or step
            counts[row["kind"], about] += 1
            ended_at = row["over_at"]
            if ended_at is None and self._record.ended_at is not None:
                ended_at, status = self._record.ended_at, "lost"
            else:
                status = "waiting" if ended_at is None else "completed"
            # The row has the time by Temporal's clock, which may be behind the events'.
            begun = self._begun_waits.get(row["child"] or row["wait_id"], row["opened_at"])
            error = self._wait_errors.get(name)
            span = Span(
                kind=row["kind"],
                label=_numbered(about, counts[row["kind"], about]),
                name=name,
                key=stream_of(key),
                status=status if error is None else "failed",
                started_at=begun,
                ended_at=ended_at and max(ended_at, begun),
                error=error,
                approval_id=row["wait_id"] if row["kind"] == "approval" else None,
                child=row["child"],
            )
            began_before = [
                execution for execution in self._executions if execution.started_at <= begun
            ]
            (began_before or self._executions[:1])[-1].spans.append(span)

    def _close_last(self) -> None:
        last = self._executions[-1]
        if self._record.ended_at is not None:
            self._lose(last, self._record.ended_at)
            last.ended_at = last.ended_at or self._record.ended_at
        elif last.end is None:
            for (name, number), started_at in last.under_way.items():
                last.spans.append(_span_under_way(name, number, started_at))


def _names_of(waits: Sequence[RowMapping]) -> list[str]:
    """Return what names each wait in its execution, such as ``approve#2``."""
    names: dict[str, int] = defaultdict(int)
    found = []
    for row in waits:
        step = row["step"].rsplit(":", 2)[0]
        names[step] += 1
        found.append(f"{step}#{names[step]}")
    return found


def _span_under_way(name: str, number: int, started_at: datetime) -> Span:
    return Span(
        label=_numbered(name, number),
        name=f"{name}#{number}",
        status="running",
        started_at=started_at,
    )


def keys_of_ended(rows: TimelineRows, started_at: datetime) -> dict[int, StepKey]:
    """Return the keys of the steps that have ended, by the number of the event of their end.

    An event has a step's name and seconds, not its input: of several that have both, the first
    event is that of the first that was recorded.

    Args:
        rows: What the stores have about the run.
        started_at: When it started: of what it took over from another run there is no event.
    """
    recorded: dict[tuple[str, float, bool], deque[StepKey]] = defaultdict(deque)
    for row in rows.steps:
        if row["recorded_at"] < started_at:
            continue
        key = StepKey(row["name"], row["digest"], row["occurrence"])
        recorded[row["name"], row["seconds"], bool(row["failed"])].append(key)
    keys: dict[int, StepKey] = {}
    for event in rows.events:
        if event.type not in {"step.completed", "step.failed"}:
            continue
        same = recorded.get(
            (
                str(event.data.get("step")),
                float(event.data.get("seconds") or 0.0),
                event.type == "step.failed",
            )
        )
        if same:
            keys[event.number] = same.popleft()
    return keys


def _delegates(rows: TimelineRows, workflow_id: str) -> tuple[DelegatedRun, ...]:
    below: dict[str, list[RowMapping]] = defaultdict(list)
    for row in rows.delegates:
        below[row["parent"]].append(row)
    spending: dict[str, list[RowMapping]] = defaultdict(list)
    for row in rows.delegates_spending:
        spending[row["workflow_id"]].append(row)

    def of(parent: str) -> tuple[DelegatedRun, ...]:
        return tuple(
            DelegatedRun(
                workflow_id=row["workflow_id"],
                goal_id=row["goal_id"],
                description=beginning(row["description"]),
                agent_type=row["agent_type"],
                status=GoalStatus(row["status"]),
                started_at=row["started_at"],
                ended_at=row["ended_at"],
                usage=usage_of(spending[row["workflow_id"]]),
                delegates=of(row["workflow_id"]),
            )
            for row in below[parent]
        )

    return of(workflow_id)


def _numbered(name: str, number: int) -> str:
    return f"{name} ({number})" if number > 1 else name
