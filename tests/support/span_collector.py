"""A collector of spans with which something is wrong: it refuses them, or is slow."""

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class SpanCollector(ThreadingHTTPServer):
    """A collector on loopback.

    Attributes:
        answers: What it answers the next requests with, a status and headers each.
        refuses: What it answers all others with; `None` takes them.
        may_answer: Clear it, and whoever asks waits until it is set.
        requested_at: When each request came, by the monotonic clock.
        names: The names of the spans that it has taken.
    """

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.refuses: int | None = None
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.requested_at: list[float] = []
        self.names: list[str] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: SpanCollector

    def do_POST(self) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )

        here = self.server
        here.requested_at.append(time.monotonic())
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        here.may_answer.wait()
        status, headers = here.answers.pop(0) if here.answers else (here.refuses or 200, {})
        if status == 200:
            request: Any = ExportTraceServiceRequest.FromString(body)
            here.names += [
                span.name
                for resource in request.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            ]
        try:
            self.send_response(status)
            for name, value in {"content-length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
        except OSError:  # whoever asked has given up
            return

    def log_message(self, *_: object) -> None:
        return None


@contextmanager
def run_span_collector(port: int = 0) -> Iterator[SpanCollector]:
    """Run a collector, on a port of one's choice or on any."""
    with SpanCollector(port) as running:
        serving = threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True)
        serving.start()
        try:
            yield running
        finally:
            running.may_answer.set()
            running.shutdown()
            serving.join()
