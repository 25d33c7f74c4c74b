"""One metric: its name, in OpenTelemetry and in Prometheus, and what it counts."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram"]

# What a name's last part is in Prometheus, by unit (UCUM).
_SUFFIXES: Final = {"s": "_seconds", "By": "_bytes", "USD": "_dollars"}


# Each is itself alone: what counts looks its series up by it.
@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric.

    Attributes:
        name: Its name, as OpenTelemetry writes it.
        kind: A counter, which only grows; a gauge; or a histogram.
        unit: Its unit (UCUM).
        description: What it says, in a sentence.
        labels: The names of its labels.
        buckets: The upper bounds of a histogram's buckets.
    """

    name: str
    kind: Kind
    unit: str
    description: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def prometheus_name(self) -> str:
        """Its name in Prometheus; that of a counter's samples ends in ``_total`` too."""
        return self.name.replace(".", "_") + _SUFFIXES.get(self.unit, "")


def prometheus_label(label: str) -> str:
    """Return a label's name in Prometheus."""
    return label.replace(".", "_")
