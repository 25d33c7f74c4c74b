"""What the standard variables of OpenTelemetry ask for, the same for spans and for metrics."""

import json
import os
import subprocess
import sys
from typing import get_args

import pytest

from perdure.telemetry import environment
from perdure.telemetry.environment import (
    ExportSettings,
    Signal,
    SpanQueue,
    TelemetryRefused,
    export_settings,
)
from perdure.telemetry.metrics.export import start_export
from perdure.telemetry.metrics.instruments import Instruments
from perdure.telemetry.traces import process

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
TIMEOUT = "OTEL_EXPORTER_OTLP_TIMEOUT"
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
SIGNALS: tuple[Signal, ...] = get_args(Signal)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@pytest.fixture(params=SIGNALS)
def signal(request: pytest.FixtureRequest) -> Signal:
    found: Signal = request.param
    return found


def set_all(monkeypatch: pytest.MonkeyPatch, variables: str, signal: Signal) -> None:
    """Set ``NAME=value`` pairs; ``SIGNAL`` in a name is that of the signal."""
    for pair in variables.split():
        name, _, value = pair.replace("SIGNAL", signal.upper()).partition("=")
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ("", None),
        (f"{ENDPOINT}=", None),
        (f"{ENDPOINT}=http://127.0.0.1:4318", ("otlp", 10)),
        ("OTEL_EXPORTER_OTLP_SIGNAL_ENDPOINT=https://[::1]/v1/x", ("otlp", 10)),
        (f"{ENDPOINT}=http://h OTEL_SDK_DISABLED=True", None),
        (f"{ENDPOINT}=http://h OTEL_SDK_DISABLED=1", ("otlp", 10)),
        (f"{ENDPOINT}=http://h OTEL_SIGNAL_EXPORTER=none", None),
        (f"{ENDPOINT}=http://h OTEL_SIGNAL_EXPORTER=", ("otlp", 10)),
        (f"{ENDPOINT}=http://h OTEL_SIGNAL_EXPORTER=console", ("console", 30)),
        ("OTEL_SIGNAL_EXPORTER=Console", ("console", 30)),
        ("OTEL_SIGNAL_EXPORTER=otlp", None),
        (f"{ENDPOINT}=http://h OTEL_EXPORTER_OTLP_TIMEOUT=2500", ("otlp", 2.5)),
        (
            f"{ENDPOINT}=http://h OTEL_EXPORTER_OTLP_SIGNAL_TIMEOUT=500 {TIMEOUT}=x",
            ("otlp", 0.5),
        ),
        (
            f"{ENDPOINT}=http://h {PROTOCOL}=grpc OTEL_EXPORTER_OTLP_SIGNAL_PROTOCOL=HTTP/protobuf",
            ("otlp", 10),
        ),
        (f"{ENDPOINT}=http://h OTEL_EXPORTER_OTLP_HEADERS=key=a%20b==,other=1,", ("otlp", 10)),
    ],
)
def test_a_signal_is_exported_as_the_variables_say(
    variables: str,
    expected: tuple[environment.Exporter, float] | None,
    signal: Signal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_all(monkeypatch, variables, signal)
    assert export_settings(signal) == (ExportSettings(*expected) if expected else None)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (ENDPOINT, "127.0.0.1:4318"),
        (ENDPOINT, "http://127.0.0.1:port"),
        ("OTEL_EXPORTER_OTLP_SIGNAL_ENDPOINT", "grpc://127.0.0.1"),
        ("OTEL_SIGNAL_EXPORTER", "zipkin"),
        ("OTEL_SIGNAL_EXPORTER", "otlp,console"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_SIGNAL_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_EXPORTER_OTLP_SIGNAL_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem"),
        ("OTEL_EXPORTER_OTLP_SIGNAL_CLIENT_KEY", "/nowhere/key.pem"),
    ],
)
def test_a_wrong_value_is_refused_with_the_same_sentence_for_both(
    variable: str, value: str, signal: Signal, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, f"{ENDPOINT}=http://h {variable}={value}", signal)
    named = variable.replace("SIGNAL", signal.upper())
    with pytest.raises(TelemetryRefused, match=f"^{named} is '{value}': .*, or unset it$"):
        _ = process.start() if signal == "traces" else start_export(Instruments())


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_RESOURCE_ATTRIBUTES"])
@pytest.mark.parametrize("value", ["sk-secret", "a=1,sk-secret", "=sk-secret"])
def test_what_is_no_pair_is_refused_and_not_shown(
    variable: str, value: str, signal: Signal, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, f"{ENDPOINT}=http://h {variable}={value}", signal)
    with pytest.raises(TelemetryRefused, match=f"^{variable} holds") as refused:
        export_settings(signal)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "variables",
    [
        "OTEL_TRACES_SAMPLER=sometimes",
        "OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=1.5",
        "OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=nan",
        "OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=half",
        "OTEL_BSP_MAX_QUEUE_SIZE=-1",
        "OTEL_BSP_SCHEDULE_DELAY=1s",
        "OTEL_BSP_EXPORT_TIMEOUT=0",
    ],
)
def test_what_only_spans_have_is_refused_likewise(
    variables: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, f"{ENDPOINT}=http://h {variables}", "traces")
    named = variables.rsplit(maxsplit=1)[-1].partition("=")[0]
    with pytest.raises(TelemetryRefused, match=f"^{named} is .*, or unset it$"):
        process.start()
    assert not process.is_on()


def test_spans_wait_as_the_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.span_queue() == SpanQueue(2_048, 512, 1.0)
    variables = "OTEL_BSP_MAX_QUEUE_SIZE=10 OTEL_BSP_SCHEDULE_DELAY=50"
    set_all(monkeypatch, variables, "traces")
    assert environment.span_queue() == SpanQueue(10, 10, 0.05)
    assert environment.metric_interval() == 60
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "500")
    assert environment.metric_interval() == 0.5


def test_the_console_is_stderr_and_names_the_service_as_the_variables_do() -> None:
    code = (
        "from perdure.telemetry.traces import process\n"
        "from perdure.telemetry.traces.entrances import command\n"
        "from perdure.telemetry.metrics.export import start_export\n"
        "from perdure.telemetry.metrics.instruments import Instruments\n"
        "process.start()\n"
        "with command('perdure run'): pass\n"
        "process.stop()\n"
        "start_export(Instruments()).stop()\n"
    )
    variables = {
        "OTEL_TRACES_EXPORTER": "console",
        "OTEL_METRICS_EXPORTER": "console",
        "OTEL_SERVICE_NAME": "ours",
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs,deployment.environment.name=test",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | variables,
    )
    assert done.stdout == ""
    decoder = json.JSONDecoder()
    span, end = decoder.raw_decode(done.stderr)
    metrics, _ = decoder.raw_decode(done.stderr[end:].lstrip())
    assert span["name"] == "perdure run"
    ours = span["resource"]["attributes"]
    assert ours == metrics["resource_metrics"][0]["resource"]["attributes"]
    assert (ours["service.name"], ours["deployment.environment.name"]) == ("ours", "test")
    assert {"service.version", "service.instance.id"} <= ours.keys()
