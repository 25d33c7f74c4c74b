"""Timelines as pages draw them: where bars lie, and which steps are one row."""

from datetime import UTC, datetime, timedelta

from perdure.schemas.timelines import Execution, Span, Timeline
from perdure.timelines.axis import make_axis
from perdure.timelines.rows import rows_of_group, timeline_rows

START = datetime(2026, 3, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def span(name: str, start: float, end: float | None, **more: object) -> Span:
    values = {"status": "completed", "label": name.partition("#")[0]} | more
    ended_at = None if end is None else at(end)
    return Span.model_validate(
        values | {"name": name, "started_at": at(start), "ended_at": ended_at}
    )


def timeline(*executions: Execution, end: float | None = 100) -> Timeline:
    return Timeline(
        workflow_id="run",
        started_at=START,
        ended_at=None if end is None else at(end),
        last_event=9,
        executions=executions,
    )


def test_work_is_in_proportion() -> None:
    axis = make_axis(at(0), at(100), [(at(0), at(100))])
    assert [axis.place(at(second)) for second in (0, 25, 100, 200)] == [0, 25, 100, 100]
    assert not axis.is_shortened


def test_days_of_waiting_leave_room_for_the_work() -> None:
    axis = make_axis(at(0), at(86_420), [(at(0), at(10)), (at(86_410), at(86_420))])
    assert axis.is_shortened
    assert 40 < axis.place(at(10)) < 50
    assert 50 < axis.place(at(86_410)) < 60
    assert axis.place(at(86_420)) == 100


def test_a_moment_has_an_axis_too() -> None:
    axis = make_axis(at(0), at(0), [])
    assert axis.place(at(0)) == 0
    assert 0 <= axis.place(at(1)) <= 100


def test_many_steps_of_one_name_are_one_row() -> None:
    spans = tuple(span(f"read#{n}", n, n + 1) for n in range(1, 31))
    last = span("write#1", 40, 60, status="failed", error="no")
    shown = timeline(
        Execution(number=1, started_at=START, ended_at=at(60), end="failed", spans=(*spans, last)),
        Execution(number=2, started_at=at(70), after="failure", answered=31),
        end=None,
    )
    rows, _ = timeline_rows(shown, at(100))
    assert [(row.kind, row.label) for row in rows] == [
        ("execution", "First execution"),
        ("group", "read × 30"),  # noqa: RUF001 -- times
        ("span", "write"),
        ("execution", "Second execution"),
        ("journal", "31 steps from the journal"),
    ]
    assert (rows[1].first, rows[1].count, rows[1].seconds) == (0, 30, 30)
    assert rows[2].is_open
    assert rows[3].note == "after a failure"
    assert [row.label for row in rows_of_group(shown, 1, 28, 5)] == ["read", "read", "write"]


def test_thousands_of_steps_are_few_rows_and_what_failed_is_one_of_its_own() -> None:
    spans = [span(f"{'abc'[n % 3]}#{n // 3 + 1}", n, n + 1) for n in range(5_000)]
    spans[700] = span("b#234", 700, 701, status="failed", error="no")
    shown = timeline(Execution(number=1, started_at=START, spans=tuple(spans)), end=5_000)
    rows, _ = timeline_rows(shown)
    assert 40 < len(rows) < 80
    assert [row.label for row in rows if row.is_open] == ["b"]
    groups = [row for row in rows if row.kind == "group"]
    assert sum(row.count for row in groups) == 4_999
    assert groups[0].label == "84 steps, a first"
    assert len(rows_of_group(shown, 1, groups[0].first, groups[0].count)) == 84


def test_some_hundred_steps_of_different_names_are_few_rows_too() -> None:
    spans = tuple(span(f"chapter {n}#1", n, n + 1) for n in range(200))
    shown = timeline(Execution(number=1, started_at=START, spans=spans), end=200)
    rows, _ = timeline_rows(shown)
    assert len(rows) < 40
    assert rows[1].label == "9 steps, chapter 0 first"


def test_bars_stay_within_the_lane() -> None:
    shown = timeline(
        Execution(number=1, started_at=START, spans=(span("a#1", 99.999, 100), span("b#1", 0, 0)))
    )
    rows, _ = timeline_rows(shown, at(100))
    assert all(row.bar.place >= 0 and row.bar.place + row.bar.width <= 100.001 for row in rows)
