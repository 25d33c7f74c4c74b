"""Where a goal's trace begins: with a request over HTTP, or with a command."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from perdure.telemetry.traces import conventions as names
from perdure.telemetry.traces.process import tracer
from perdure.telemetry.traces.recorded_span import OFF, RecordedSpan


@contextmanager
def request(
    method: str, path: str, scheme: str, headers: Mapping[str, str]
) -> Iterator[RecordedSpan]:
    """Record the block as a request over HTTP, under what ``traceparent`` names."""
    if (own := tracer()) is None:
        yield OFF
        return
    from perdure.telemetry.traces.tracer import incoming

    attributes = {names.HTTP_METHOD: method, names.URL_PATH: path, names.URL_SCHEME: scheme}
    span = own.begin(method, attributes, kind="server", context=incoming(headers))
    with own.during(span):
        yield RecordedSpan(span)


@contextmanager
def command(name: str) -> Iterator[None]:
    """Record the block as a command, under what the variable ``TRACEPARENT`` names."""
    if (own := tracer()) is None:
        yield
        return
    from perdure.telemetry.traces.tracer import incoming

    headers = {name.lower(): os.environ.get(name, "") for name in ("TRACEPARENT", "TRACESTATE")}
    with own.during(own.begin(name, {}, context=incoming(headers))):
        yield


def new_goal(agent: str) -> str:
    """Return the encoded trace of a goal that is started now; empty where traces are off."""
    own = tracer()
    return own.new_goal(f"{names.INVOKE_WORKFLOW} {agent}").encode() if own is not None else ""
