"""When traces are recorded, and how runs carry where they stand in one."""

import subprocess
import sys

import pytest

from perdure.telemetry.environment import TelemetryRefused
from perdure.telemetry.traces import process
from perdure.telemetry.traces.goal_trace import GoalTrace, delegate_trace, retried_trace

TRACE = 0x0AF7651916CD43DD8448EB211C80319C


def test_without_an_endpoint_nothing_of_the_sdk_is_imported() -> None:
    code = (
        "import sys; import perdure.web.site, perdure.temporal.session\n"
        "from perdure.telemetry.traces import process\n"
        "assert not process.start()\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_protocol_that_is_not_spoken_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(TelemetryRefused, match=r"'grpc'.*http/protobuf"):
        process.start()


@pytest.mark.parametrize("variable", ["OTEL_SDK_DISABLED=true", "OTEL_TRACES_EXPORTER=none"])
def test_traces_are_switched_off_as_everywhere(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setenv(*variable.split("="))
    assert not process.start()


@pytest.mark.parametrize("state", ["", "vendor=1,other=2"])
def test_a_trace_reads_back_as_it_was_written(state: str) -> None:
    trace = GoalTrace(TRACE, 5, 6, 1, state)
    assert GoalTrace.decode(trace.encode()) == trace
    delegate = GoalTrace.decode(delegate_trace(trace.encode(), "goal-x") or "")
    again = GoalTrace.decode(retried_trace(trace.encode()) or "")
    assert delegate is not None
    assert again is not None
    assert (delegate.trace_id, delegate.parent_id, delegate.state) == (TRACE, 5, state)
    assert (again.trace_id, again.parent_id) == (TRACE, 5)
    assert len({5, delegate.span_id, again.span_id}) == 3


@pytest.mark.parametrize("text", ["", "x", "0" * 32 + "-" + "1" * 16 + "-" + "0" * 16 + "-01"])
def test_what_is_no_trace_stands_for_one_of_the_runs_own(text: str) -> None:
    trace = GoalTrace.of(text, "goal-x")
    assert trace == GoalTrace.of(None, "goal-x") != GoalTrace.of(None, "goal-y")
