"""The caller's trace, as clients and commands pass it on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from perdure.client import ApiError, AsyncClient, Client
from perdure.telemetry.traces.entrances import command, new_goal
from perdure.telemetry.traces.goal_trace import GoalTrace
from tests.support.collector import Collector
from tests.support.command_line import CommandLine
from tests.support.processes import read_document
from tests.telemetry.spans import PREPARED, STORED, check_whole, has, of_trace, tree

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
OTHER = "00f067aa0ba902b7"


@dataclass
class Server:
    """A server that refuses whatever it is asked.

    Attributes:
        url: Its address.
        received: The fields of trace context that its requests had, in order.
    """

    url: str
    received: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def server_seen() -> Iterator[Server]:
    """Serve on loopback."""
    seen = Server("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fields = ("traceparent", "tracestate")
            seen.received.append(
                {name: self.headers[name] for name in fields if self.headers[name]}
            )
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        seen.url = f"http://127.0.0.1:{served.server_address[1]}"
        try:
            yield seen
        finally:
            served.shutdown()
            thread.join()


@contextmanager
def callers_span(state: str = "") -> Iterator[None]:
    """Have a span that the caller's own tracer has made."""
    context = SpanContext(
        int(TRACE, 16),
        int(CALLER, 16),
        is_remote=False,
        trace_flags=TraceFlags(1),
        trace_state=TraceState.from_header([state]) if state else None,
    )
    with trace.use_span(NonRecordingSpan(context)):
        yield


async def test_clients_send_the_span_that_is_current_and_none_where_there_is_none(
    server_seen: Server,
) -> None:
    with Client(server_seen.url) as client:
        for state in ("", "vendor=1"):
            with callers_span(state), pytest.raises(ApiError):
                client.goals.show("x")
        with pytest.raises(ApiError):
            client.goals.show("x")
    async with AsyncClient(server_seen.url) as client:
        with callers_span(), pytest.raises(ApiError):
            await client.goals.show("x")
    sent = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    assert server_seen.received == [sent, sent | {"tracestate": "vendor=1"}, {}, sent]


def test_a_command_passes_on_what_its_environment_names(
    server_seen: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEPARENT", f"00-{TRACE}-{OTHER}-01")
    monkeypatch.setenv("TRACESTATE", "vendor=2")
    with Client(server_seen.url) as client:
        with command(""), pytest.raises(ApiError):
            client.goals.show("x")
        with command(""), callers_span(), pytest.raises(ApiError):
            client.goals.show("x")
        with pytest.raises(ApiError):  # a program that uses the client is no command
            client.goals.show("x")
    assert server_seen.received == [
        {"traceparent": f"00-{TRACE}-{OTHER}-01", "tracestate": "vendor=2"},
        {"traceparent": f"00-{TRACE}-{CALLER}-01"},
        {},
    ]


@pytest.mark.parametrize(
    ("traceparent", "parent"),
    [
        (f"00-{TRACE}-{OTHER}-00", int(OTHER, 16)),
        (f"ff-{TRACE}-{OTHER}-01", None),
        (f"00-{'0' * 32}-{OTHER}-01", None),
        (f"00-{TRACE}-{OTHER}", None),
        ("\u00e4", None),
        ("", None),
    ],
)
def test_a_goal_that_a_command_starts_without_traces_hangs_under_its_caller(
    traceparent: str, parent: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEPARENT", traceparent)
    with command("perdure run"):
        text = new_goal("lead")
    goal = GoalTrace.decode(text)
    if parent is None:
        assert text == ""
        return
    assert goal is not None
    assert (goal.trace_id, goal.parent_id, goal.flags) == (int(TRACE, 16), parent, 0)


@pytest.mark.parametrize("recorded", [True, False], ids=["traces on", "traces off"])
async def test_goals_of_a_servers_command_line_hang_under_its_caller(
    traced: CommandLine, collector: Collector, recorded: bool
) -> None:
    traced.start("worker")
    url = read_document(traced.start("api", "--port", "0", "--json"))["api_url"]
    caller: dict[str, Any] = {"TRACEPARENT": f"00-{TRACE}-{CALLER}-01"}
    off = {} if recorded else {"OTEL_SDK_DISABLED": "true"}
    done = traced("--server", url, "run", "lead", "go", **caller, **off)
    assert "done" in done.stdout
    spans = of_trace(await collector.until(has(STORED), "the last activity's span"))
    if recorded:
        spans = of_trace(await collector.until(has("perdure run"), "the command's span"))
    check_whole(spans, CALLER)
    lead = ("invoke_agent lead", ["first", "deadly"])
    goal = ("invoke_workflow lead", [PREPARED, lead, STORED])
    request = ("POST /api/execute-goal", [goal])
    assert tree(spans, CALLER) == ([("perdure run", [request])] if recorded else [request])
