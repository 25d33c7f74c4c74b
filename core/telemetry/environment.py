"""What OpenTelemetry's standard variables ask of this process, for spans and for metrics alike.

They are read as its specification says (``configuration/sdk-environment-variables`` and
``protocol/exporter``): one that is empty is not set, a signal's own variable comes before the one
for all, and times are in milliseconds. Beyond the specification, a value that cannot be followed
is refused where the command begins: whoever has set it would else miss what was asked for.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from perdure.redaction import without_secrets

Signal = Literal["traces", "metrics"]
Exporter = Literal["otlp", "console"]

_PROTOCOL: Final = "http/protobuf"
_SAMPLERS: Final = (
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
)
_FILES: Final = ("CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE")
_PAIRS: Final = re.compile(r"\s*([^=,\s]+\s*=[^,]*(,\s*|$))*")
# How long one request to a collector may take, its repetitions included.
_REQUEST_MILLISECONDS: Final = 10_000
_EXPORT_MILLISECONDS: Final = 30_000
# Less than the SDK's five seconds: what is queued is lost with a process that is killed.
_SPAN_DELAY_MILLISECONDS: Final = 1_000
_QUEUE_SPANS: Final = 2_048
_BATCH_SPANS: Final = 512
_METRIC_INTERVAL_MILLISECONDS: Final = 60_000


class TelemetryRefused(Exception):
    """Traces or metrics are asked for in a way that cannot be followed."""


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """How a signal is exported.

    Attributes:
        exporter: By what: to a collector, or to the console.
        timeout: How many seconds one export may take.
    """

    exporter: Exporter
    timeout: float


@dataclass(frozen=True, slots=True)
class SpanQueue:
    """How spans wait for their export.

    Attributes:
        spans: How many may wait.
        batch: How many are exported at once.
        delay: After how many seconds they are exported when there are fewer.
    """

    spans: int
    batch: int
    delay: float


def export_settings(signal: Signal) -> ExportSettings | None:
    """Return how a signal is exported; ``None`` where the environment does not ask for it.

    Spans and metrics are sent where an endpoint is named, and printed where the exporter is
    ``console``.

    Raises:
        TelemetryRefused: A variable has a value that cannot be followed.
    """
    if _text("OTEL_SDK_DISABLED").lower() == "true":
        return None
    exporter = _one_of(f"OTEL_{signal.upper()}_EXPORTER", ("otlp", "console", "none"), "otlp")
    endpoint, address = _of_signal(signal, "ENDPOINT")
    if exporter == "none" or (exporter == "otlp" and not address):
        return None
    _check_pairs("OTEL_RESOURCE_ATTRIBUTES")
    if signal == "traces":
        _check_sampler()
    kind = "BSP" if signal == "traces" else "METRIC"
    longest = _milliseconds(f"OTEL_{kind}_EXPORT_TIMEOUT", _EXPORT_MILLISECONDS)
    if exporter == "console":
        return ExportSettings("console", longest)
    if not _is_url(address):
        raise _refused(endpoint, address, "name an address such as http://127.0.0.1:4318")
    _check_otlp(signal)
    timeout, _ = _of_signal(signal, "TIMEOUT")
    return ExportSettings("otlp", min(longest, _milliseconds(timeout, _REQUEST_MILLISECONDS)))


def span_queue() -> SpanQueue:
    """Return how spans wait for their export.

    Raises:
        TelemetryRefused: A variable has a value that cannot be followed.
    """
    spans = _number("OTEL_BSP_MAX_QUEUE_SIZE", _QUEUE_SPANS)
    batch = _number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", _BATCH_SPANS)
    delay = _milliseconds("OTEL_BSP_SCHEDULE_DELAY", _SPAN_DELAY_MILLISECONDS)
    return SpanQueue(spans, min(spans, batch), delay)


def metric_interval() -> float:
    """Return after how many seconds metrics are exported again.

    Raises:
        TelemetryRefused: The variable has a value that cannot be followed.
    """
    return _milliseconds("OTEL_METRIC_EXPORT_INTERVAL", _METRIC_INTERVAL_MILLISECONDS)


def not_installed(signal: Signal, error: ImportError) -> TelemetryRefused:
    """Return what is raised where a signal is asked for, and its exporter cannot be loaded."""
    return TelemetryRefused(
        f"{signal} are asked for, and what exports them cannot be loaded ({error}): run pip install"
        f" 'perdure[otlp]', or set OTEL_{signal.upper()}_EXPORTER to none"
    )


def _check_otlp(signal: Signal) -> None:
    protocol, name = _of_signal(signal, "PROTOCOL")
    if name.lower() not in {"", _PROTOCOL}:
        raise _refused(protocol, name, f"name {_PROTOCOL}, and the collector's port for it, 4318")
    _check_pairs(_of_signal(signal, "HEADERS")[0])
    _one_of(_of_signal(signal, "COMPRESSION")[0], ("none", "gzip", "deflate"), "none")
    for part in _FILES:
        variable, path = _of_signal(signal, part)
        if path and not Path(path).is_file():
            raise _refused(variable, path, "name a file that is there")


def _check_sampler() -> None:
    name = _one_of("OTEL_TRACES_SAMPLER", _SAMPLERS, "parentbased_always_on")
    ratio = _text("OTEL_TRACES_SAMPLER_ARG")
    if not ratio or not name.endswith("ratio"):
        return
    try:
        is_ratio = 0 <= float(ratio) <= 1
    except ValueError:
        is_ratio = False
    if not is_ratio:
        raise _refused("OTEL_TRACES_SAMPLER_ARG", ratio, "name a number from 0 to 1")


def _check_pairs(variable: str) -> None:
    if not _PAIRS.fullmatch(_text(variable)):
        # Not what it holds: that may be a key.
        raise TelemetryRefused(
            f"{variable} holds what is no pair of a name and a value: write name=value pairs with"
            " commas between them, or unset it"
        )


def _of_signal(signal: Signal, part: str) -> tuple[str, str]:
    """Return a variable of the exporter and its value: that of the signal, or that for all."""
    own, common = f"OTEL_EXPORTER_OTLP_{signal.upper()}_{part}", f"OTEL_EXPORTER_OTLP_{part}"
    variable = own if _text(own) else common
    return variable, _text(variable)


def _one_of(variable: str, values: tuple[str, ...], default: str) -> str:
    value = _text(variable)
    if value and value.lower() not in values:
        raise _refused(variable, value, f"name one of {', '.join(values)}")
    return value.lower() or default


def _milliseconds(variable: str, default: int) -> float:
    """Return a variable's milliseconds as seconds."""
    return _number(variable, default) / 1_000


def _number(variable: str, default: int) -> int:
    text = _text(variable)
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= len("2147483647") and int(text)):
        raise _refused(variable, text, "name a whole number above 0")
    return int(text)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _text(variable: str) -> str:
    return os.environ.get(variable, "").strip()


def _refused(variable: str, value: str, advice: str) -> TelemetryRefused:
    return TelemetryRefused(f"{variable} is {without_secrets(value)!r}: {advice}, or unset it")
