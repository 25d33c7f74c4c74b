"""The spans that a collector has received, looked at as a tree."""

from collections import Counter
from typing import Any

from tests.support.collector import Span

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
HEADERS = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
PREPARED, STORED = "prepare_agent_context", "store_agent_results"


def tree(spans: list[Span], root: str) -> list[Any]:
    """Return what hangs under a span, as names with what hangs under them, in order of time.

    Executions that only waited, and took nothing, are left out: how many there are between two
    delegates that end is for the clock to say. What prepares a goal comes first: of an execution
    that is lost no more is known than the workflow task that has begun it, and prepared the goal.
    """
    found = sorted(
        (span for span in spans if span.parent_id == root),
        key=lambda one: (one.name != PREPARED, one.began),
    )
    nodes = [(span, tree(spans, span.span_id)) for span in found]
    return [
        (span.name, below) if below else span.name
        for span, below in nodes
        if below or span.attributes.get("perdure.execution.end") != "waiting"
    ]


def check_whole(spans: list[Span], *roots: str) -> None:
    """Check that no span is there twice, and none hangs under one that is not there."""
    counted = Counter(span.span_id for span in spans)
    assert [one for one, times in counted.items() if times > 1] == []
    known = {*counted, *roots}
    assert [span.name for span in spans if span.parent_id and span.parent_id not in known] == []


def of_trace(spans: list[Span], trace_id: str = TRACE) -> list[Span]:
    return [span for span in spans if span.trace_id == trace_id]


def has(name: str, times: int = 1) -> Any:
    return lambda spans: sum(span.name == name for span in of_trace(spans)) >= times
