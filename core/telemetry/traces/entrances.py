"""Where a goal's trace begins: with a request over HTTP, or with a command."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from perdure.telemetry import conventions as names
from perdure.telemetry.traces.goal_trace import GoalTrace
from perdure.telemetry.traces.process import tracer
from perdure.telemetry.traces.propagation import (
    environment_fields,
    outgoing_fields,
    under_environment,
)
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
    with span:
        yield span


@contextmanager
def command(name: str) -> Iterator[None]:
    """Record the block as a command, under what the variable ``TRACEPARENT`` names.

    Where traces are off, and for a command without a name, what it starts hangs under that itself.

    Args:
        name: The command's name, of one that starts goals.
    """
    own = tracer()
    if own is None or not name:
        with under_environment():
            yield
        return
    from perdure.telemetry.traces.tracer import incoming

    with own.begin(name, {}, context=incoming(environment_fields())):
        yield


def new_goal(agent: str) -> str:
    """Return the encoded trace of a goal that is started now.

    It is empty where traces are off and the caller has none: another process may record the goal.
    """
    if (own := tracer()) is not None:
        return own.new_goal(f"{names.INVOKE_WORKFLOW} {agent}").encode()
    trace = GoalTrace.under(outgoing_fields())
    return trace.encode() if trace is not None else ""
