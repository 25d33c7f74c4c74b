"""The instruments of a process: they count, and are read when somebody wants the metrics."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from perdure.models import FailureKind
from perdure.telemetry import conventions
from perdure.telemetry.conventions import METRICS
from perdure.telemetry.metric import Metric, prometheus_label
from perdure.telemetry.metrics.busiest import Busiest
from perdure.telemetry.metrics.families import Family, family_of

if TYPE_CHECKING:
    pass

# How many have labels of their own. Whatever goals there are, these are at most 300 series.
AGENTS: Final = 4
TENANTS: Final = 3
MODELS: Final = 2
EVALUATIONS: Final = 3

# More families, such as the SDK's, or what is read when it is wanted.
Source = Callable[[], list[Family]]


class Instruments:
    """Every metric's instrument, and what bounds their labels.

    Attributes:
        agents: Which agents are labels of their own.
        tenants: Which tenants are.
        models: Which models are, each with its provider: ``provider/model``.
        evaluations: Which names of scores are.
    """

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._registry: CollectorRegistry = CollectorRegistry()
        self._counters: dict[Metric, Counter] = {}
        self._gauges: dict[Metric, Gauge] = {}
        self._histograms: dict[Metric, Histogram] = {}
        # By metric and labels, what counts: to find it anew takes longer than to count.
        self._counter_series: dict[tuple[Metric | str, ...], Counter] = {}
        self._histogram_series: dict[tuple[Metric | str, ...], Histogram] = {}
        self._sources: list[Source] = []
        for metric in METRICS:
            name, labels = metric.prometheus_name, [prometheus_label(one) for one in metric.labels]
            text, registry = metric.description, self._registry
            if metric.kind == "counter":
                self._counters[metric] = Counter(name, text, labels, registry=registry)
            elif metric.kind == "gauge":
                # One without labels would say 0 before anything is known.
                self._gauges[metric] = Gauge(name, text, labels, registry=None)
            else:
                self._histograms[metric] = Histogram(
                    name, text, labels, buckets=metric.buckets, registry=registry
                )
        self._gauges_shown: set[Metric] = set()
        # Else the first failure of a kind would be no increase.
        for kind in FailureKind:
            self._counters[conventions.FAILURES].labels(kind.value)
        self.agents = Busiest(AGENTS, lambda agent: self._end({conventions.AGENT_LABEL: agent}))
        self.tenants = Busiest(
            TENANTS, lambda tenant: self._end({conventions.TENANT_LABEL: tenant})
        )
        self.models = Busiest(MODELS, self._end_model)
        self.evaluations = Busiest(
            EVALUATIONS, lambda name: self._end({conventions.EVALUATION_NAME: name})
        )

    def add(self, metric: Metric, *labels: str, amount: float = 1.0) -> None:
        """Add to a counter."""
        series = self._counter_series.get((metric, *labels))
        if series is None:
            counter = self._counters[metric]
            series = counter.labels(*labels) if labels else counter
            self._counter_series[metric, *labels] = series
        series.inc(amount)

    def observe(self, metric: Metric, *labels: str, value: float) -> None:
        """Add a value to a histogram; a clock that was set back makes no time negative."""
        series = self._histogram_series.get((metric, *labels))
        if series is None:
            histogram = self._histograms[metric]
            series = histogram.labels(*labels) if labels else histogram
            self._histogram_series[metric, *labels] = series
        series.observe(max(0.0, value) if metric.unit == "s" else value)

    def set(self, metric: Metric, *labels: str, value: float) -> None:
        """Set a gauge."""
        gauge = self._gauges[metric]
        self._show(metric)
        (gauge.labels(*labels) if labels else gauge).set(value)

    def follow(self, metric: Metric, value: Callable[[], float]) -> None:
        """Have a gauge say what a function returns when it is read."""
        self._show(metric)
        self._gauges[metric].set_function(value)

    def clear(self, *metrics: Metric) -> None:
        """Forget the series of gauges, before they are set anew."""
        for metric in metrics:
            if metric.labels:
                self._gauges[metric].clear()
            elif metric in self._gauges_shown:
                self._gauges_shown.discard(metric)
                self._registry.unregister(self._gauges[metric])

    def include(self, source: Source) -> Callable[[], None]:
        """Have further families read with these, until what this returns is called."""
        self._sources.append(source)
        return lambda: self._sources.remove(source)

    def families(self) -> list[Family]:
        """Return all samples as they are now."""
        own = [family_of(metric) for metric in self._registry.collect()]
        return [*(family for family in own if family.samples), *self._of_sources()]

    def _of_sources(self) -> Iterator[Family]:
        for source in list(self._sources):
            yield from source()

    def _show(self, metric: Metric) -> None:
        if metric not in self._gauges_shown:
            self._gauges_shown.add(metric)
            self._registry.register(self._gauges[metric])

    def _end_model(self, place: str) -> None:
        provider, _, model = place.partition("/")
        self._end({conventions.PROVIDER: provider, conventions.REQUEST_MODEL: model})

    def _end(self, labels: dict[str, str]) -> None:
        """End the series of a label that is one of the others from now on."""
        for metric, instrument in (*self._counters.items(), *self._histograms.items()):
            if labels.keys() <= set(metric.labels):
                instrument.remove_by_labels(
                    {prometheus_label(name): value for name, value in labels.items()}
                )
        self._counter_series.clear()
        self._histogram_series.clear()
