"""What the API says of an installation: plugins, workers, usage."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.stores.runs.workers import WorkerProcess
from perdure.temporal.server.development_server import DevelopmentServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
NOW = datetime.now(UTC)


async def test_plugins_workers_and_usage(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path
) -> None:
    api = await serve_api(server.address, worker=False)
    (plugin,) = (await api.get("/api/plugins")).json()["plugins"]
    assert (plugin["distribution"], plugin["status"]) == ("perdure-echo", "loaded")
    assert (plugin["agents"], plugin["reason"]) == (["echo"], "")

    assert (await api.get("/api/workers")).json() == {"workers": []}
    async with open_stores(Settings(home=own_home)) as stores:
        await stores.workers.beat(WorkerProcess("a" * 32, "box", 7, "0.1", "", 5, NOW), {}, 1)
    (worker,) = (await api.get("/api/workers")).json()["workers"]
    assert (worker["identity"], worker["alive"], worker["free"]) == ("7@box", True, 4)

    report = (await api.get("/api/usage")).json()
    assert (report["by"], report["groups"], report["total"]["requests"]) == ("day", [], 0)
    for since in ("2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01T02:00:00+02:00"):
        given = await api.get("/api/usage", params={"by": "agent", "since": since})
        assert given.json()["since"].startswith("2026-01-01T0"), given.text
    for wrong in ({"by": "colour"}, {"since": "yesterday"}):
        refused = await api.get("/api/usage", params=wrong)
        assert [item["field"] for item in refused.json()["errors"]] == list(wrong)
