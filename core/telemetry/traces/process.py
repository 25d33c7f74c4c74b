"""Whether this process records traces, and with what.

They are recorded where the environment asks for them: until then nothing of OpenTelemetry is
imported. A command begins with :func:`start` and ends with :func:`stop`.
"""

import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Final

from perdure.telemetry import conventions
from perdure.telemetry.environment import (
    ExportSettings,
    export_settings,
    not_installed,
    span_queue,
)

if TYPE_CHECKING:
    from perdure.telemetry.traces.tracer import Tracer


class _Process:
    """The tracer of this process, once it has one."""

    def __init__(self) -> None:
        self.tracer: Tracer | None = None
        self.lock = threading.Lock()


_process: Final = _Process()


def start() -> bool:
    """Record from now on, if the environment says where to; return whether it does.

    Raises:
        TelemetryRefused: They are asked for in a way that cannot be followed.
    """
    settings = export_settings("traces")
    if settings is None:
        return False
    with _process.lock:
        if _process.tracer is None:
            _process.tracer = _tracer(settings)
    return True


def stop() -> None:
    """Export what was recorded, for some seconds at most, and record nothing any more."""
    with _process.lock:
        tracer, _process.tracer = _process.tracer, None
    if tracer is not None:
        tracer.stop()


def is_on() -> bool:
    """Return whether spans are recorded in this process."""
    return _process.tracer is not None


def dropped_spans() -> int:
    """Return how many spans of this process no collector took."""
    tracer = _process.tracer
    return tracer.export.dropped if tracer is not None else 0


def tracer() -> "Tracer | None":
    """Return what records the spans of this process; ``None`` where nothing does."""
    return _process.tracer


def captures_content() -> bool:
    """Return whether spans hold what models are sent and what they answer."""
    asked = os.environ.get(conventions.CAPTURE_CONTENT, "").strip().lower()
    return is_on() and asked in {"true", "1", "span_only", "span_and_event"}


def _tracer(settings: ExportSettings) -> "Tracer":
    queue = span_queue()
    try:
        from perdure.telemetry.traces.tracer import Tracer

        if settings.exporter == "console":
            from opentelemetry.sdk.trace.export import ConsoleSpanExporter

            # What a command prints to stdout is its result.
            return Tracer(ConsoleSpanExporter(out=sys.stderr), queue)
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise not_installed("traces", error) from error
    # It warns at every try; what is lost is counted and said here.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
    return Tracer(OTLPSpanExporter(timeout=settings.timeout), queue)
