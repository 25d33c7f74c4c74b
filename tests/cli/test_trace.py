"""``perdure goals trace``: the tree of executions, steps and delegates, plain and drawn."""

import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from perdure.cli.output.goal_trace import print_trace, print_tree
from perdure.cli.output.trace_lines import TraceLine, trace_lines
from perdure.models import GoalStatus
from perdure.schemas.timelines import Execution, PricedUsage, Span, Timeline
from perdure.timelines.traced_runs import TracedRun
from tests.support.command_line import CommandLine
from tests.support.plugins import install_plugin

START = datetime(2026, 3, 1, tzinfo=UTC)
PAID = PricedUsage(requests=1, input_tokens=10, output_tokens=5, cost=0.25)

LEAD = """
import asyncio
from perdure.agents import AgentSpec, Goal, Result, Run, hookimpl

async def lead(run: Run, goal: Goal) -> Result:
    await run.step("read", read)
    async with asyncio.TaskGroup() as tasks:
        for fail in (False, True):
            tasks.create_task(run.delegate("echo", "say it", {"text": "x", "fail": fail}))
    return Result()

def read() -> int:
    return 1

@hookimpl
def register_agents():
    return [AgentSpec(name="lead", description="Leads.", agent=lead)]
"""


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def span(name: str, start: float, end: float | None, **more: Any) -> Span:
    given = {"status": "completed", "label": name.partition("#")[0]} | more
    ended_at = None if end is None else at(end)
    return Span(name=name, started_at=at(start), ended_at=ended_at, **given)


def run(name: str, status: str, *executions: Execution, end: float = 10, **more: Any) -> TracedRun:
    timeline = Timeline(
        workflow_id=name,
        started_at=START,
        ended_at=at(end),
        last_event=9,
        executions=executions,
        thrown_away=PAID,
        saved=PAID,
    )
    return TracedRun(
        workflow_id=name,
        goal_id=name,
        agent_type="lead",
        description=f"do {name}",
        status=GoalStatus(status),
        started_at=START,
        ended_at=at(end),
        timeline=timeline,
        **more,
    )


def execution(number: int, start: float, end: float, how: Any, *spans: Span, **more: Any) -> Any:
    times = {"started_at": at(start), "ended_at": at(end)}
    return Execution(number=number, end=how, spans=spans, **times, **more)


def report() -> TracedRun:
    """Return a run that lost a worker, was answered by its journal, and failed by a delegate."""
    child = run(
        "goal-child",
        "failed",
        execution(
            1,
            6,
            9,
            "failed",
            span("look#1", 6, 7),
            span("open#1", 7, 9, status="failed", error="no file\nx"),
        ),
        error="no file x",
        usage=PAID,
    )
    lost = span("ask#1", 1, 4, status="lost", kind="model", usage=PAID, thrown_away=PAID)
    asked = span("ask#1", 5, 6, kind="model", usage=PAID + PAID, thrown_away=PAID, is_dearest=True)
    handed = span("delegate#1", 6, 9, kind="delegate", child="goal-child")
    return run(
        "goal-main",
        "failed",
        execution(1, 0, 4, "lost", span("read#1", 0, 1), lost),
        execution(2, 5, 10, "failed", asked, handed, answered=1, after="lost"),
        error="the delegate failed",
        usage=PAID + PAID,
        delegates=(child,),
    )


def below(line: TraceLine, *path: int) -> TraceLine:
    for place in path:
        line = line.children[place]
    return line


def test_the_tree_has_executions_steps_and_delegates_in_their_places() -> None:
    top, _ = trace_lines(report())
    assert (top.status, top.usage.cost, top.seconds) == ("failed", 0.75, 10)
    assert [child.label for child in top.children] == ["First execution", "Second execution"]
    assert [child.status for child in below(top, 0).children] == ["completed", "lost"]
    assert [child.label for child in below(top, 1).children] == [
        "1 step from the journal",
        "ask",
        "→ lead: do goal-child",
    ]
    assert below(top, 1, 2, 0, 1).status == "failed"


def test_what_was_answered_lost_retried_and_dearest_is_told_apart() -> None:
    top, _ = trace_lines(report())
    assert (below(top, 1, 0).status, below(top, 1, 0).usage.requests) == ("journal", 0)
    assert below(top, 0, 1).note == "$0.25 thrown away"
    dearest = below(top, 1, 1)
    assert dearest.is_dearest
    assert dearest.note == "the dearest step, asked 2 times, $0.25 thrown away"
    assert [line.is_dearest for _, line in top.walk()].count(True) == 1


def test_the_branch_that_failed_is_marked_down_to_its_end() -> None:
    top, _ = trace_lines(report())
    marked = [line.label for _, line in top.walk() if line.is_failing]
    assert marked == [
        "lead: do goal-main",
        "Second execution",
        "→ lead: do goal-child",
        "First execution",
        "open",
    ]
    assert [line.label for line in top.failing()] == ["open"]


def test_a_step_that_failed_and_was_overcome_is_no_failing_branch() -> None:
    failed = span("try#1", 0, 1, status="failed", error="once")
    top, _ = trace_lines(run("g", "completed", execution(1, 0, 10, "completed", failed)))
    assert below(top, 0, 0).status == "failed"
    assert not any(line.is_failing for _, line in top.walk())


def test_of_many_delegates_alike_those_that_failed_are_seen_whole() -> None:
    names = [f"goal-{number}" for number in range(20)]
    spans = [span("delegate#1", 0, 9, kind="delegate", child=name) for name in names]
    failed = execution(1, 0, 9, "failed", span("open#1", 1, 2, status="failed", error="no"))
    done = execution(1, 0, 9, "completed", span("look#1", 1, 2))
    delegates = tuple(
        run(name, "failed", failed) if name == "goal-7" else run(name, "completed", done)
        for name in names
    )
    whole = execution(1, 0, 10, "completed", *spans)
    top, _ = trace_lines(run("g", "completed", whole, delegates=delegates))
    group = below(top, 0, 0)
    assert len(group.children) == 20
    assert [line.note for line in group.children if line.children] == ["goal-7"]


def test_elsewhere_than_on_a_terminal_it_is_indented_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_trace(report(), "https://traces.example/1")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "goal-main  failed  $0.75  $0.25 thrown away  $0.25 saved by the journal"
    assert "    read  completed  1.0 s" in lines
    assert "    1 step from the journal  journal  not done, not paid again" in lines
    assert "        open  failed  2.0 s" in lines
    assert lines[-2:] == ["failed  open: no file x", "trace   https://traces.example/1"]


@pytest.mark.parametrize("width", [40, 60, 80, 140])
def test_a_terminal_shows_each_line_in_its_width(width: int) -> None:
    shown = io.StringIO()
    console = Console(file=shown, width=width, force_terminal=True, color_system="truecolor")
    top, axis = trace_lines(report())
    print_tree(top, console, is_shortened=axis.is_shortened)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown.getvalue()).splitlines()
    rows = lines[: len(list(top.walk()))]
    assert all(len(line) <= width for line in lines)
    assert sum("✗" in line for line in rows) == 7
    assert len([line for line in rows if "★" in line]) == 1
    # Bars lie where the times are: the second execution begins in the middle.
    (second,) = [line for line in rows if "Second exec" in line]
    (first,) = [line for line in rows if "├─ ✗ First" in line]
    assert second.index("━") > first.index("╍")
    if width >= 60:
        assert "asked 2 times" in "".join(rows) or width < 140


def test_a_goal_with_delegates_is_traced_from_the_stores(perdure: CommandLine) -> None:
    install_plugin(Path(perdure.environment["PYTHONPATH"]), "perdure-lead", LEAD)
    perdure.environment["PERDURE_PLUGINS_ALLOW"] = "perdure-echo,perdure-lead"
    failed = perdure.json("run", "lead", "Lead", "--goal-id", "leading", status=1)
    trace = perdure.json("goals", "trace", "leading")
    assert (trace["workflow_id"], trace["status"]) == (failed["workflow_id"], "failed")
    assert sorted(run["status"] for run in trace["delegates"]) == ["completed", "failed"]
    spans = [one for each in trace["timeline"]["executions"] for one in each["spans"]]
    assert [one["name"] for one in spans if one["kind"] == "step"] == ["read#1"]
    # Waits have another clock than steps: they are in their order all the same.
    assert [one["name"] for one in spans] == ["read#1", "delegate#1", "delegate#2"]
    assert {one["child"] for one in spans if one["kind"] == "delegate"} == {
        run["workflow_id"] for run in trace["delegates"]
    }
    assert trace["timeline"]["delegates"] == []
    shown = perdure("goals", "trace", "leading")
    assert shown.returncode == 0, shown.stderr
    assert "from the journal" in shown.stdout
    assert "there is no file sales.csv" in shown.stdout
    assert shown.stdout.count("→ echo: say it") == 3, shown.stdout  # the tree, and why it failed
    assert not re.search(r"^ +delegate", shown.stdout, re.MULTILINE)  # the wait is there once
