"""The SDK's runtime in a process that serves: its metrics are read here, its log is ours."""

import asyncio
import logging
import threading
from collections.abc import Iterable, Sequence
from typing import Any, Final

from temporalio.runtime import (
    BUFFERED_METRIC_KIND_COUNTER,
    BUFFERED_METRIC_KIND_HISTOGRAM,
    BufferedMetricUpdate,
    LogForwardingConfig,
    LoggingConfig,
    MetricBuffer,
    MetricBufferDurationFormat,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from perdure.telemetry.metrics.families import Family, Labels, Sample
from perdure.telemetry.metrics.instruments import Instruments

# Read every second: a worker that starts a hundred goals a second makes some thousands.
BUFFERED: Final = 100_000
READ_SECONDS: Final = 1.0
_BUCKETS: Final = (0.005, 0.05, 0.25, 1.0, 5.0, 30.0)


class SdkMetrics:
    """Sums up what the SDK records."""

    def __init__(self, buffer: MetricBuffer) -> None:
        self._buffer = buffer
        self._lock = threading.Lock()
        self._kinds: dict[str, tuple[str, str]] = {}
        self._values: dict[tuple[str, Labels], float] = {}
        self._histograms: dict[tuple[str, Labels], list[float]] = {}

    def read(self) -> None:
        """Take what was recorded since the last time."""
        with self._lock:
            self._add(self._buffer.retrieve_updates())

    def families(self) -> list[Family]:
        """Return the sums as they are now."""
        self.read()
        with self._lock:
            found: dict[str, list[Sample]] = {name: [] for name in self._kinds}
            for (name, labels), value in self._values.items():
                suffix = "_total" if self._kinds[name][0] == "counter" else ""
                found[name].append(Sample(name + suffix, labels, value))
            for (name, labels), counts in self._histograms.items():
                found[name] += _histogram(name, labels, counts)
            return [Family(name, *self._kinds[name], found[name]) for name in sorted(found)]

    def _add(self, updates: Iterable[BufferedMetricUpdate]) -> None:
        for update in updates:
            metric, value = update.metric, float(update.value)
            name = metric.name.removesuffix("_total")
            key = name, _labels(update)
            if name not in self._kinds:
                self._kinds[name] = _kind(metric.kind), metric.description or name
            if metric.kind == BUFFERED_METRIC_KIND_HISTOGRAM:
                counts = self._histograms.setdefault(key, [0.0] * (len(_BUCKETS) + 2))
                place = next((at for at, le in enumerate(_BUCKETS) if value <= le), len(_BUCKETS))
                counts[place] += 1
                counts[-1] += value
            elif metric.kind == BUFFERED_METRIC_KIND_COUNTER:
                self._values[key] = self._values.get(key, 0.0) + value
            else:
                self._values[key] = value


def use_measured_runtime(instruments: Instruments) -> SdkMetrics:
    """Have every client that is made from now on record metrics, and log like everything here.

    Args:
        instruments: With these the SDK's metrics are read.
    """
    buffer = MetricBuffer(BUFFERED, MetricBufferDurationFormat.SECONDS)
    logs = LoggingConfig(
        filter=TelemetryFilter(core_level="WARN", other_level="ERROR"),
        forwarding=LogForwardingConfig(
            logger=logging.getLogger("temporalio.core"),
            append_target_to_name=False,
            prepend_target_on_message=False,
        ),
    )
    telemetry = TelemetryConfig(logging=logs, metrics=buffer, attach_service_name=False)
    Runtime.set_default(Runtime(telemetry=telemetry), error_if_already_set=False)
    metrics = SdkMetrics(buffer)
    instruments.include(metrics.families)
    return metrics


async def read_regularly(metrics: SdkMetrics) -> None:
    """Read the SDK's metrics until cancelled, so that its buffer does not overflow."""
    while True:
        await asyncio.sleep(READ_SECONDS)
        await asyncio.to_thread(metrics.read)


def _kind(kind: int) -> str:
    if kind == BUFFERED_METRIC_KIND_COUNTER:
        return "counter"
    return "histogram" if kind == BUFFERED_METRIC_KIND_HISTOGRAM else "gauge"


def _labels(update: BufferedMetricUpdate) -> Labels:
    attributes: dict[str, Any] = dict(update.attributes)
    return tuple(sorted((name, str(value)) for name, value in attributes.items()))


def _histogram(name: str, labels: Labels, counts: Sequence[float]) -> Iterable[Sample]:
    *buckets, total = counts
    below = 0.0
    for le, count in zip((*map(str, _BUCKETS), "+Inf"), buckets, strict=True):
        below += count
        yield Sample(f"{name}_bucket", (*labels, ("le", le)), below)
    yield Sample(f"{name}_count", labels, below)
    yield Sample(f"{name}_sum", labels, total)
