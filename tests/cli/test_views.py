"""Goals while they run: event text, the plain view, the live view on a terminal."""

import io
import os
import pty
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from perdure.cli.output.event_text import describe
from perdure.cli.output.live_view import LiveView
from perdure.cli.output.plain_view import PlainView
from perdure.models import Event

TypeAndData = tuple[str, dict[str, Any]]


def event(type_: str, data: dict[str, Any]) -> Event:
    # As they come from a store: also a type that this version does not know.
    return Event.model_construct(
        workflow_id="run",
        number=1,
        type=type_,  # type: ignore[arg-type]
        time=datetime.now(UTC),
        data=data,
    )


def lines(events: Iterable[TypeAndData], capsys: pytest.CaptureFixture[str]) -> list[str]:
    view = PlainView()
    for type_, data in events:
        view.show("echo", event(type_, data))
    return [line.partition("  echo  ")[2] for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    ("type_", "data", "line"),
    [
        ("run.started", {}, "started"),
        ("run.resumed", {}, "goes on"),
        ("run.waiting", {}, "waiting"),
        ("run.waiting", {"for": ["approval"]}, "waiting for approval"),
        ("run.waiting", {"for": ["delegate", "sleep"]}, "waiting for delegate, sleep"),
        ("run.paused", {}, "paused"),
        (
            "run.throttled",
            {"retry_after": 30, "message": "429 from the provider"},
            "the provider asks to wait for 30 s: 429 from the provider",
        ),
        ("run.yielded", {}, "goes to another worker"),
        ("run.retrying", {"attempt": 2}, "trying again, attempt 2"),
        ("run.retried", {}, "taken up again"),
        (
            "step.settled",
            {"step": "send", "number": 2, "done": True, "by": "ann"},
            "ann settled send (2): it was done",
        ),
        (
            "step.settled",
            {"step": "send", "done": False, "by": "ann"},
            "ann settled send: it was not done, and is executed again",
        ),
        ("run.terminated", {"reason": "too dear"}, "terminated: too dear"),
        ("run.failed", {"message": "no file"}, "failed: no file"),
        ("progress", {"percentage": 30.0, "message": "3\npages"}, " 30 %  3 pages"),
        ("progress", {"percentage": 3.0, "step": "look", "number": 3}, "  3 %  look (3)"),
        ("progress", {"percentage": 3.0, "message": "", "step": None}, "  3 %  working"),
        (
            "approval.requested",
            {"question": "same?", "number": 2, "approval_id": "ab"},
            "asks: same? (2)  (perdure approvals approve ab)",
        ),
        ("step.started", {"step": "search", "number": 1}, "search started"),
        ("step.started", {"step": "search", "number": 3}, "search (3) started"),
        (
            "step.completed",
            {"step": "search", "number": 2, "seconds": 0.2},
            "search (2) done in 0.2 s",
        ),
        ("step.completed", {"step": "search", "seconds": 1.26}, "search done in 1.3 s"),
        ("step.failed", {"step": "search"}, "search failed"),
        ("step.failed", {"step": "search", "number": 2}, "search (2) failed"),
        ("tool.called", {"tool": "browse", "url": "x"}, "calls browse"),
        (
            "tool.called",
            {"tool": "find", "arguments": '{"what": "Oslo"}'},
            'calls find: {"what": "Oslo"}',
        ),
        ("tool.returned", {"tool": "find", "result": "x" * 500}, f"find returned: {'x' * 100}…"),
        (
            "tool.returned",
            {"tool": "find", "error": "no such place", "seconds": 2.04},
            "find failed in 2.0 s: no such place",
        ),
        ("artifact", {"name": "chart.svg"}, "made chart.svg"),
        (
            "approval.requested",
            {"approval_id": "a1", "question": "Publish?", "needed": 2, "of": ["ann", "bob"]},
            "asks: Publish?  (perdure approvals approve a1, 2 must agree, of ann, bob)",
        ),
        (
            "approval.decided",
            {"approved": True, "votes": [{"by": "ann", "reason": "fine"}, {"by": "bob"}]},
            "approved by ann, bob: fine",
        ),
        ("approval.decided", {"approved": False, "votes": [{"by": "bob"}]}, "refused by bob"),
        (
            "approval.decided",
            {"approved": False, "expired": True},
            "nobody answered in time, which counts as no",
        ),
        ("signal", {"name": "paid"}, "the signal paid came"),
        (
            "delegated",
            {"workflow_id": "goal-1", "agent_type": "analysis", "description": "Chart it"},
            "delegated to analysis: Chart it  (goal-1)",
        ),
        ("run.levitated", {"metres": 3, "why": "so"}, "run.levitated  metres=3  why=so"),
        # A known type of another version, without what is known of it.
        ("approval.requested", {"text": "Publish?"}, "approval.requested  text=Publish?"),
        ("artifact", {"name": "\x1b[2Jgone\x07.svg"}, "made [2Jgone.svg"),
    ],
)
def test_every_event_is_described(type_: str, data: dict[str, Any], line: str) -> None:
    assert describe(event(type_, data)) == line


def test_long_data_of_an_unknown_event_is_cut() -> None:
    assert len(describe(event("run.levitated", {"why": "x" * 5000}))) < 300


def test_text_comes_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    long = "word " * 60
    events: list[TypeAndData] = [
        ("text.delta", {"stream": "s", "text": "Once up"}),
        ("text.delta", {"stream": "t", "text": "Other\n"}),
        ("text.delta", {"stream": "s", "text": "on a\n\ntime"}),
        ("text.delta", {"stream": "t", "text": long}),
        ("progress", {"percentage": 50.0, "message": "half"}),
        ("usage", {"input_tokens": 1000, "output_tokens": 234, "cost": 0.03}),
        ("usage", {"input_tokens": 0, "output_tokens": 1, "cost": 0.001}),
        ("text.delta", {"stream": "s", "text": "End"}),
        ("run.completed", {"execution_time": 1.0}),
    ]
    shown = lines(events, capsys)
    assert shown[:2] == ["| Other", "| Once upon a"]
    assert sum(line.count("word") for line in shown) == 60
    assert max(map(len, shown)) < 210
    assert "| time" in shown
    assert shown[-3:] == [" 50 %  half", "| End", "completed  (1,235 tokens, $0.031)"]


def test_thinking_is_told_from_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    events: list[TypeAndData] = [
        ("text.delta", {"stream": "s.thinking", "text": "Six times\n\nseven"}),
        ("text.delta", {"stream": "s", "text": "It is 42."}),
        ("step.completed", {"step": "s"}),
    ]
    assert lines(events, capsys) == [
        "| thinking: Six times",
        "| thinking: seven",
        "| It is 42.",
        "s done",
    ]


def test_withdrawn_text_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    events: list[TypeAndData] = [
        ("text.delta", {"stream": "s", "text": "Said\nnot yet said"}),
        ("text.withdrawn", {"stream": "s"}),
        ("text.delta", {"stream": "s", "text": "Again\n"}),
    ]
    assert lines(events, capsys) == [
        "| Said",
        "the text is withdrawn: what wrote it broke off",
        "| Again",
    ]


class Screen:
    """A live view on a terminal that is a string."""

    def __init__(self, *names: str, height: int = 30) -> None:
        self.file = io.StringIO()
        self.console = Console(file=self.file, force_terminal=True, width=100, height=height)
        self.view = LiveView(names, self.console)

    def show(self, *events: TypeAndData, name: str = "echo") -> None:
        for type_, data in events:
            self.view.show(name, event(type_, data))

    def seen(self) -> str:
        # On a console of its own: the view's thread draws on the other meanwhile.
        console = Console(file=io.StringIO(), force_terminal=True, width=100, height=50)
        with console.capture() as captured:
            console.print(self.view.render())
        return captured.get()


def test_a_terminal_shows_streaming_text_until_it_is_withdrawn() -> None:
    screen = Screen("echo", "other")
    with screen.view:
        screen.show(
            ("text.delta", {"stream": "s", "text": "Once \x1b[31mupon"}),
            ("text.delta", {"stream": "s", "text": " a time"}),
            ("text.delta", {"stream": "t", "text": "Another"}),
        )
        assert "Once [31mupon a time" in screen.seen()
        assert "Another" in screen.seen()
        screen.show(("text.withdrawn", {"stream": "s"}))
        assert "Once" not in screen.seen()
        assert "Another" in screen.seen()
        screen.show(("run.completed", {}))
        assert "Another" not in screen.seen()
        assert "completed" in screen.seen()


def test_a_terminal_shows_progress_and_keeps_printed_lines() -> None:
    screen = Screen("echo")
    with screen.view:
        screen.show(
            ("progress", {"percentage": 40.0, "message": "[bold]reading[/x]"}),
            ("usage", {"input_tokens": 10, "output_tokens": 2, "cost": 0}),
        )
        assert "[bold]reading[/x]" in screen.seen()
        assert "40%" in screen.seen()
        assert "12 tokens" in screen.seen()
        screen.show(("step.started", {"step": "search"}))
        assert "search" in screen.seen()
        screen.show(("approval.requested", {"approval_id": "a1", "question": "Publish [all]?"}))
        screen.show(("run.waiting", {"for": ["approval"]}))
        assert "waiting for approval" in screen.seen()
        screen.show(("run.failed", {"message": "no"}), ("run.retried", {}))
        assert "taken up again" in screen.seen()
        screen.show(("run.levitated", {"metres": 3}))
    printed = screen.file.getvalue()
    assert "asks: Publish [all]?" in printed
    assert "run.levitated  metres=3" in printed


def test_the_live_view_fits_the_terminal() -> None:
    screen = Screen("echo", height=12)
    for stream in range(10):
        screen.show(("text.delta", {"stream": str(stream), "text": f"{stream} line\n" * 2000}))
    seen = screen.seen()
    assert seen.count("\n") <= 12
    assert "9 line" in seen
    assert "6 line" not in seen
    assert sum(map(len, screen.view._text.values())) <= 10 * 4000


_SHOW = """
from datetime import UTC, datetime
from perdure.cli.runtime.watch import open_view
from perdure.models import Event

def event(type_, **data):
    return Event(workflow_id="run", number=1, type=type_, time=datetime.now(UTC), data=data)

with open_view(["echo"], quiet=False) as view:
    view.show("echo", event("artifact", name="chart.svg"))
    view.show("echo", event("progress", percentage=100, message="done"))
    view.show("echo", event("run.completed"))
"""


def read_all(reading_end: int) -> str:
    """Return what was written to a terminal that is closed."""
    read = b""
    with suppress(OSError):  # Linux reports the end of a terminal so
        while part := os.read(reading_end, 65536):
            read += part
    return read.decode()


def test_a_terminal_gets_the_live_view_and_a_pipe_lines() -> None:
    piped = subprocess.run(
        [sys.executable, "-c", _SHOW], capture_output=True, text=True, check=True
    ).stderr
    assert "made chart.svg" in piped
    assert "\x1b" not in piped
    reading_end, terminal = pty.openpty()
    try:
        subprocess.run(
            [sys.executable, "-c", _SHOW],
            stderr=terminal,
            check=True,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
        )
    finally:
        os.close(terminal)
    try:
        drawn = read_all(reading_end)
    finally:
        os.close(reading_end)
    assert "\x1b[" in drawn
    assert "made chart.svg" in drawn
    assert "100%" in drawn
