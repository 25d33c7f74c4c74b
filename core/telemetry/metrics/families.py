"""Families of samples: what processes pass on of their metrics, added up, and as text."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from prometheus_client import Metric as ClientMetric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]


class Sample(NamedTuple):
    """One number.

    Attributes:
        name: The name: of its family, or with what it is of it, such as ``_bucket``.
        labels: Its labels, sorted by name.
        value: The number.
    """

    name: str
    labels: Labels
    value: float


class Family(NamedTuple):
    """The samples of one metric.

    Attributes:
        name: Its name in Prometheus; without ``_total`` for a counter.
        kind: What it is: ``counter``, ``gauge`` or ``histogram``.
        description: What it says.
        samples: The samples.
    """

    name: str
    kind: str
    description: str
    samples: Sequence[Sample]


def family_of(metric: "ClientMetric") -> Family:
    """Return a family as prometheus-client has it; when a series began is left out."""
    samples = [
        Sample(sample.name, tuple(sorted(sample.labels.items())), float(sample.value))
        for sample in metric.samples
        if not sample.name.endswith("_created")
    ]
    return Family(metric.name, metric.type, metric.documentation, samples)


def added_up(processes: Iterable[Iterable[Family]]) -> list[Family]:
    """Return the families of several processes as those of one: equal series are added up."""
    found: dict[str, Family] = {}
    sums: dict[str, dict[tuple[str, Labels], float]] = {}
    for families in processes:
        for family in families:
            found.setdefault(family.name, family)
            series = sums.setdefault(family.name, {})
            for name, labels, value in family.samples:
                series[name, labels] = series.get((name, labels), 0.0) + value
    return [
        family._replace(samples=[Sample(*key, value) for key, value in sums[name].items()])
        for name, family in found.items()
    ]


def lasting(families: Iterable[Family]) -> list[Family]:
    """Return what is left of a process that has ended: its counts, and no gauge."""
    return [family for family in families if family.kind != "gauge"]


def to_line(families: Iterable[Family]) -> bytes:
    """Return families as one line, for another process."""
    return json.dumps(list(families), separators=(",", ":")).encode() + b"\n"


def from_line(line: bytes) -> list[Family]:
    """Return the families of a line that :func:`to_line` made."""
    return [
        Family(
            name,
            kind,
            description,
            [
                Sample(sample, tuple((label, of) for label, of in labels), value)
                for sample, labels, value in samples
            ],
        )
        for name, kind, description, samples in json.loads(line)
    ]


def to_text(families: Iterable[Family]) -> bytes:
    """Return families in Prometheus' text format, version 0.0.4."""
    from prometheus_client import Metric, generate_latest

    class Collected:
        def collect(self) -> Iterator[Metric]:
            for family in families:
                metric = Metric(family.name, family.description, family.kind)
                for name, labels, value in family.samples:
                    metric.add_sample(name, dict(labels), value)
                yield metric

    return generate_latest(Collected())
