"""Metrics over OTLP: what a collector gets, and that one that is away or refuses hurts nobody."""

import gzip
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from perdure.telemetry.metrics import recording
from perdure.telemetry.metrics.export import STOP_SECONDS, start_export
from perdure.telemetry.metrics.instruments import Instruments
from tests.support.until import until

pb = pytest.importorskip("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http.metric_exporter")


class Collector(ThreadingHTTPServer):
    """What takes exports, or refuses them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.requests: list[Any] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def metrics(self) -> dict[str, Any]:
        """Return the metrics of the last export by name."""
        if not self.requests:
            return {}
        (resource,) = self.requests[-1].resource_metrics
        return {metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics}


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        assert self.path == "/v1/metrics"
        self.server.requests.append(pb.ExportMetricsServiceRequest.FromString(body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.url)
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "100")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        yield running
        running.shutdown()


@pytest.fixture
def instruments(monkeypatch: pytest.MonkeyPatch) -> Instruments:
    own = Instruments()
    monkeypatch.setattr(recording._process, "instruments", own)
    return own


def attributes(point: Any) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in point.attributes}


def test_a_collector_gets_them_by_their_own_names(
    collector: Collector, instruments: Instruments
) -> None:
    recording.goal_ended("x", "default", "completed", 5.0)
    recording.goal_ended("x", "default", "completed", 50.0)
    recording.model_asked("openai", "gpt", 2.0, 0.7, 100, 10)
    recording.slots(10, lambda: 3)
    export = start_export(instruments)
    assert export is not None
    until(collector.metrics, seconds=20)
    export.stop()
    metrics = collector.metrics()
    (ended,) = metrics["perdure.goals.ended"].sum.data_points
    assert (ended.as_double, metrics["perdure.goals.ended"].sum.is_monotonic) == (2.0, True)
    assert attributes(ended) == {"agent": "x", "status": "completed", "tenant": "default"}
    (took,) = metrics["perdure.goal.duration"].histogram.data_points
    assert (took.count, took.sum, list(took.explicit_bounds)) == (2, 55.0, [1, 10, 60, 600])
    assert list(took.bucket_counts) == [0, 1, 1, 0, 0]
    assert not took.HasField("min")
    (sent,) = metrics["gen_ai.client.inference.usage.input_tokens"].sum.data_points
    assert attributes(sent) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt",
    }
    (slots,) = metrics["perdure.worker.slots_used"].gauge.data_points
    assert slots.as_double == 3.0
    resource = {pair.key for pair in collector.requests[-1].resource_metrics[0].resource.attributes}
    assert {"service.name", "service.instance.id", "deployment.environment.name"} <= resource
    assert export.failures == 0


def test_one_that_refuses_or_is_away_costs_a_line_of_the_log(
    collector: Collector, instruments: Instruments
) -> None:
    collector.status = 400
    export = start_export(instruments)
    assert export is not None
    until(lambda: export.failures >= 2, seconds=20)
    collector.shutdown()
    collector.server_close()
    began = time.monotonic()
    export.stop()
    assert time.monotonic() - began < STOP_SECONDS + 1
    (failures,) = [
        family.samples
        for family in instruments.families()
        if family.name == "perdure_metrics_export_failures"
    ]
    assert failures[0].value >= 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_SDK_DISABLED", "true"),
    ],
)
def test_nothing_is_exported_unless_it_is_asked_for(
    collector: Collector,
    instruments: Instruments,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
) -> None:
    monkeypatch.setenv(name, value)
    assert start_export(instruments) is None
    monkeypatch.delenv(name)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT")
    assert start_export(instruments) is None
