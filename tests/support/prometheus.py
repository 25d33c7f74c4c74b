"""A real Prometheus that scrapes an installation, with the rules of ``deploy`` made quick."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from perdure.temporal.server.ports import free_port
from tests.support.until import until_async

RULES: Final = Path(__file__).parents[2] / "deploy" / "prometheus" / "perdure.rules.yml"
WINDOW_SECONDS: Final = 15
LOOK_SECONDS: Final = 0.25

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="Debian's package prometheus is not installed"
)


class Prometheus:
    """A Prometheus that runs."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def query(self, expression: str) -> list[Any]:
        """Return the series that an expression has now."""
        answer = await self._client.get("/api/v1/query", params={"query": expression})
        assert answer.status_code == 200, f"{expression}: {answer.text}"
        found: list[Any] = answer.json()["data"]["result"]
        return found

    async def firing(self) -> set[str]:
        """Return the alerts that fire."""
        found = await self.query('ALERTS{alertstate="firing"}')
        return {one["metric"]["alertname"] for one in found}

    async def until_fires(self, *alerts: str) -> None:
        """Wait until each of these alerts has fired, at whatever moment."""
        left = set(alerts)

        async def look() -> bool:
            left.difference_update(await self.firing())
            return not left

        try:
            await self._until(look, "the alert")
        except AssertionError as error:
            raise AssertionError(f"{', '.join(left)} did not fire") from error

    async def until_clears(self, *alerts: str) -> None:
        """Wait until none of these alerts fires."""

        async def look() -> bool:
            return not await self.firing() & set(alerts)

        await self._until(look, f"the end of {', '.join(alerts)}")

    async def until_all_answer(self, targets: int) -> None:
        """Wait until that many processes answer at ``/metrics``."""

        async def look() -> bool:
            return len(await self.query("up == 1")) == targets

        await self._until(look, f"{targets} processes at /metrics")

    async def _until(self, look: Any, what: str) -> None:
        async def look_and_wait() -> bool:
            seen = bool(await look())
            if not seen:
                await asyncio.sleep(LOOK_SECONDS)
            return seen

        await until_async(look_and_wait, what)


def quick_rules(**limits: float) -> str:
    """Return the rules of ``deploy`` with windows of seconds.

    Args:
        limits: Other limits than those at the top of the file, by their names there.
    """
    text = RULES.read_text(encoding="utf-8")
    text = re.sub(r"for: \d+m", "for: 0s", text)
    text = re.sub(r"\[(\d+[mh])\]", f"[{WINDOW_SECONDS}s]", text)
    for name, limit in limits.items():
        text, found = re.subn(
            rf"(record: perdure:limit_{name}\n\s+expr: vector)\([^)]+\)", rf"\1({limit})", text
        )
        assert found == 1, f"there is no limit {name}"
    return text


@asynccontextmanager
async def run_prometheus(
    folder: Path, targets: Sequence[str], **limits: float
) -> AsyncIterator[Prometheus]:
    """Run a Prometheus that scrapes some addresses every second.

    Args:
        folder: Where it keeps what it needs.
        targets: The addresses, as ``127.0.0.1:9464``.
        limits: See :func:`quick_rules`.
    """
    port = free_port()
    (folder / "rules.yml").write_text(quick_rules(**limits))
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 500ms}\n"
        "rule_files: [rules.yml]\n"
        "scrape_configs:\n"
        f"  - {{job_name: perdure, static_configs: [{{targets: {json.dumps([*targets])}}}]}}\n"
    )
    process = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    )
    try:
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:

            async def is_ready() -> bool:
                try:
                    return (await client.get("/-/ready")).status_code == 200
                except httpx.TransportError:
                    return False

            await until_async(is_ready, "Prometheus being ready")
            yield Prometheus(client)
    finally:
        process.terminate()
        await process.wait()
