"""The export of spans: beside the event loop, from a queue with a bound, and lost spans counted."""

import threading
import time
from collections import deque
from contextlib import suppress
from typing import Final

import structlog
from opentelemetry.context import (
    _SUPPRESS_INSTRUMENTATION_KEY,  # the SDK's own exports set it too: nothing traces them
    attach,
    detach,
    set_value,
)
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from perdure.telemetry.environment import SpanQueue
from perdure.telemetry.metrics.recording import spans_dropped

# How long the end of a process may wait for a collector that does not answer.
STOP_SECONDS: Final = 2.0
_WARN_SECONDS: Final = 60.0

log = structlog.get_logger()


class QueuedExport(SpanProcessor):
    """Exports ended spans in a thread of its own.

    While the collector is away or slow, spans wait in a queue; those that find it full are dropped,
    as are those that the exporter gives up. The metrics of the process count them too.

    Attributes:
        dropped: How many spans were dropped.
    """

    def __init__(self, exporter: SpanExporter, queue: SpanQueue) -> None:
        self.dropped = 0
        self._exporter = exporter
        self._limit, self._batch, self._delay = queue.spans, queue.batch, queue.delay
        self._queue: deque[ReadableSpan] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._warned_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="span export", daemon=True)
        self._thread.start()

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span that has ended, unless the queue is full."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        with self._lock:
            if self._stopping or len(self._queue) >= self._limit:
                self._drop(1)
                return
            self._queue.append(span)
            is_batch = len(self._queue) >= self._batch
        if is_batch:
            self._wake.set()

    def shutdown(self) -> None:
        """Export what is queued, for two seconds at most; what is left then is dropped."""
        if self._stopping:
            return
        self._stopping = True
        self._wake.set()
        self._thread.join(STOP_SECONDS)
        with self._lock:
            self._drop(len(self._queue))
            self._queue.clear()
        # Ends a request, or a pause between two tries, that is under way.
        threading.Thread(target=self._close, daemon=True).start()
        self._thread.join(STOP_SECONDS / 4)
        self._warn()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until what is queued is exported or dropped; return whether that was in time."""
        deadline = time.monotonic() + timeout_millis / 1_000
        while self._queue and time.monotonic() < deadline:
            self._wake.set()
            time.sleep(0.01)
        return not self._queue

    def _run(self) -> None:
        while True:
            self._wake.wait(self._delay)
            self._wake.clear()
            while batch := self._next_batch():
                self._export(batch)
            if self._stopping:
                return

    def _next_batch(self) -> list[ReadableSpan]:
        with self._lock:
            return [self._queue.popleft() for _ in range(min(len(self._queue), self._batch))]

    def _export(self, batch: list[ReadableSpan]) -> None:
        token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        try:
            exported = self._exporter.export(batch) is SpanExportResult.SUCCESS
        except Exception as error:  # noqa: BLE001 -- whatever it raises, goals are not to notice
            exported = False
            log.debug("export failed", error=repr(error))
        finally:
            detach(token)
        if not exported:
            with self._lock:
                self._drop(len(batch))
        self._warn()

    def _drop(self, spans: int) -> None:
        """Count spans that are lost; called with the lock held."""
        self.dropped += spans
        spans_dropped(spans)

    def _warn(self) -> None:
        """Say how many spans were dropped: at once, and then at most every minute."""
        now = time.monotonic()
        if not self.dropped or (self._warned_at and now - self._warned_at < _WARN_SECONDS):
            return
        self._warned_at = now
        log.warning("spans dropped: see whether the collector answers", spans=self.dropped)

    def _close(self) -> None:
        with suppress(Exception):
            self._exporter.shutdown()
