"""The export of metrics over OTLP, where OpenTelemetry's standard variables ask for it.

It goes on in a thread of its own: a collector that is away, slow or refuses costs the process a
line in its log, and nothing on the event loop.
"""

import logging
import sys
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import structlog

from perdure.telemetry import conventions
from perdure.telemetry.conventions import METRICS
from perdure.telemetry.environment import export_settings, metric_interval, not_installed
from perdure.telemetry.metric import Metric, prometheus_label
from perdure.telemetry.metrics.instruments import Instruments
from perdure.telemetry.resource import process_resource

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import (
        Gauge,
        Histogram,
        HistogramDataPoint,
        MetricExporter,
        MetricsData,
        Sum,
    )

    from perdure.telemetry.metrics.families import Family, Labels

# How long the end of a process may wait for a collector that does not answer.
STOP_SECONDS: Final = 2.0
_WARN_SECONDS: Final = 600.0
_BY_NAME: Final[Mapping[str, Metric]] = {metric.prometheus_name: metric for metric in METRICS}

log = structlog.get_logger()


class MetricsExport:
    """Exports the metrics of this process every minute, or every ``OTEL_METRIC_EXPORT_INTERVAL``.

    Attributes:
        failures: How many exports the collector did not take.
    """

    def __init__(self, instruments: Instruments, exporter: "MetricExporter") -> None:
        self.failures = 0
        self._instruments = instruments
        self._exporter = exporter
        self._started_at = time.time_ns()
        self._interval = metric_interval()
        self._warned_at = float("-inf")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics export", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Export once more, for two seconds at most."""
        self._stopping.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        from opentelemetry.context import (
            _SUPPRESS_INSTRUMENTATION_KEY,  # as the SDK does: nothing traces an export
            attach,
            set_value,
        )

        attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        while not self._stopping.wait(self._interval):
            self._export()
        self._export()
        self._exporter.shutdown()

    def _export(self) -> None:
        from opentelemetry.sdk.metrics.export import MetricExportResult

        try:
            data = metrics_data(self._instruments.families(), self._started_at)
            result = self._exporter.export(data)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the process goes on
            self._fail(repr(error))
        else:
            if result is not MetricExportResult.SUCCESS:
                self._fail("the collector did not take them")

    def _fail(self, reason: str) -> None:
        self.failures += 1
        self._instruments.add(conventions.EXPORT_FAILURES)
        if time.monotonic() - self._warned_at > _WARN_SECONDS:
            self._warned_at = time.monotonic()
            log.warning("metrics were not exported", reason=reason, failures=self.failures)


def start_export(instruments: Instruments) -> MetricsExport | None:
    """Export metrics from now on, if the environment asks for it; ``None`` if it does not.

    Raises:
        TelemetryRefused: They are asked for in a way that cannot be followed.
    """
    settings = export_settings("metrics")
    if settings is None:
        return None
    try:
        if settings.exporter == "console":
            from opentelemetry.sdk.metrics.export import ConsoleMetricExporter

            # What a command prints to stdout is its result.
            return MetricsExport(instruments, ConsoleMetricExporter(out=sys.stderr))
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    except ImportError as error:
        raise not_installed("metrics", error) from error
    # It warns at every try; what is not taken is counted and said here.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
    return MetricsExport(instruments, OTLPMetricExporter(timeout=settings.timeout))


def metrics_data(families: "list[Family]", started_at: int) -> "MetricsData":
    """Return families as OpenTelemetry has them, by their names there.

    Args:
        families: The families of this process.
        started_at: When it began to count, in nanoseconds since 1970.
    """
    from opentelemetry.sdk.metrics import export
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    now = time.time_ns()
    metrics = [
        export.Metric(
            name=metric.name if (metric := _BY_NAME.get(family.name)) else family.name,
            description=family.description,
            unit=metric.unit if metric else "",
            data=_data(family, metric, started_at, now),
        )
        for family in families
    ]
    scope = export.ScopeMetrics(InstrumentationScope("perdure"), metrics, "")
    return export.MetricsData([export.ResourceMetrics(process_resource(), [scope], "")])


def _data(
    family: "Family", metric: Metric | None, started_at: int, now: int
) -> "Sum | Gauge | Histogram":
    from opentelemetry.sdk.metrics import export

    cumulative = export.AggregationTemporality.CUMULATIVE
    names = {prometheus_label(label): label for label in (metric.labels if metric else ())}

    def attributes(labels: "Labels") -> dict[str, str]:
        return {names.get(name, name): value for name, value in labels if name != "le"}

    if family.kind == "histogram":
        series: dict[Labels, dict[str, float]] = {}
        for name, labels, value in family.samples:
            bound = dict(labels).get("le", name.removeprefix(family.name))
            rest = tuple(pair for pair in labels if pair[0] != "le")
            series.setdefault(rest, {})[bound] = value
        points = [
            _histogram_point(attributes(labels), parts, started_at, now)
            for labels, parts in series.items()
        ]
        return export.Histogram(points, cumulative)
    numbers = [
        export.NumberDataPoint(attributes(labels), started_at, now, value)
        for _, labels, value in family.samples
    ]
    if family.kind == "counter":
        return export.Sum(numbers, cumulative, is_monotonic=True)
    return export.Gauge(numbers)


def _histogram_point(
    attributes: dict[str, str], parts: dict[str, float], started_at: int, now: int
) -> "HistogramDataPoint":
    """Return a point of the parts of a histogram: its sum, its count, its buckets by bound."""
    from opentelemetry.sdk.metrics.export import HistogramDataPoint

    count, total = parts.pop("_count"), parts.pop("_sum")
    below = sorted((float(bound), int(number)) for bound, number in parts.items())
    counts = [
        number - before for (_, number), (_, before) in zip(below, [(0.0, 0), *below], strict=False)
    ]
    return HistogramDataPoint(
        attributes=attributes,
        start_time_unix_nano=started_at,
        time_unix_nano=now,
        count=int(count),
        sum=total,
        bucket_counts=counts,
        explicit_bounds=[bound for bound, _ in below[:-1]],
        # Not known: none is sent.
        min=None,  # type: ignore[arg-type]
        max=None,  # type: ignore[arg-type]
    )
