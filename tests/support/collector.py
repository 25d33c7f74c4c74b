"""A real OpenTelemetry collector on this machine, built once with Go and kept in the cache."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from deploy.native.go_programs import GoProgram, ensure_built, ensure_go_program
from perdure.settings import Settings
from perdure.temporal.server.go_build import go_environment
from perdure.temporal.server.ports import free_port
from perdure.temporal.server.processes import run_command
from tests.support.until import until_async

VERSION: Final = "v0.120.0"
_BUILDER: Final = GoProgram(
    "otelcol-builder", f"go.opentelemetry.io/collector/cmd/builder@{VERSION}"
)
_COLLECTOR: Final = GoProgram("otelcol", f"otelcol with otlp and file, {VERSION}")
_PARTS: Final = f"""
dist:
  name: otelcol
  output_path: %s
receivers:
  - gomod: go.opentelemetry.io/collector/receiver/otlpreceiver {VERSION}
exporters:
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter {VERSION}
"""
_SETTINGS: Final = """
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:%d"}}}
exporters:
  file: {path: "%s", flush_interval: 50ms}
service:
  telemetry: {metrics: {level: none}, logs: {level: warn}}
  pipelines:
    traces: {receivers: [otlp], exporters: [file]}
"""


async def ensure_collector() -> Path:
    """Return the collector's command, building it where there is none."""
    settings = Settings(_env_file=None)
    builder = await ensure_go_program(_BUILDER, settings, print)

    async def build(go: Path, place: Path) -> None:
        with TemporaryDirectory() as work:
            parts = Path(work) / "parts.yaml"
            parts.write_text(_PARTS % work)
            await run_command(
                [str(builder), "--config", str(parts)],
                environment={
                    **go_environment(place, None),
                    "PATH": f"{go.parent}:{os.environ['PATH']}",
                },
            )
            shutil.move(Path(work) / "otelcol", place)

    return await ensure_built(_COLLECTOR, build, settings, print)


@dataclass(frozen=True)
class Span:
    """A span as the collector has received it."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    began: int
    ended: int
    attributes: dict[str, Any]
    events: list[str]
    failed: bool


@dataclass
class Collector:
    """A collector that runs.

    Attributes:
        url: Where it takes spans.
        file: Where it writes them.
    """

    url: str
    file: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to send it spans."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}

    def spans(self) -> list[Span]:
        """Return the spans so far."""
        text = self.file.read_text(encoding="utf-8") if self.file.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        return [
            _span(span)
            for line in whole.splitlines()
            for resource in json.loads(line)["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]

    async def until(self, is_there: Callable[[list[Span]], bool], what: str) -> list[Span]:
        """Wait until the spans are as they should be, and return them."""
        await until_async(lambda: is_there(self.spans()), what)
        return self.spans()


def _span(document: dict[str, Any]) -> Span:
    attributes = {
        entry["key"]: next(iter(entry["value"].values()))
        for entry in document.get("attributes", [])
    }
    return Span(
        trace_id=document["traceId"],
        span_id=document["spanId"],
        parent_id=document.get("parentSpanId", ""),
        name=document["name"],
        began=int(document["startTimeUnixNano"]),
        ended=int(document["endTimeUnixNano"]),
        attributes=attributes,
        events=[event["name"] for event in document.get("events", [])],
        failed=document.get("status", {}).get("code") == 2,
    )


@asynccontextmanager
async def run_collector(folder: Path) -> AsyncIterator[Collector]:
    """Run a collector that writes what it gets to a file of the folder."""
    port, file, settings = free_port(), folder / "spans.jsonl", folder / "collector.yaml"
    settings.write_text(_SETTINGS % (port, file))
    process = await asyncio.create_subprocess_exec(
        *(str(await ensure_collector()), "--config", str(settings)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await until_async(lambda: _listens(port), "the collector")
        yield Collector(f"http://127.0.0.1:{port}", file)
    finally:
        process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
