"""What a worker answers beside its metrics."""

from typing import Any

import httpx
import pytest

from perdure.api.metrics_site import serve_metrics
from perdure.settings import Address, Settings
from perdure.stores import open_stores
from perdure.temporal.server.ports import free_port


@pytest.mark.asyncio
async def test_anybody_may_ask_whether_it_lives_also_while_the_stores_are_away() -> None:
    settings = Settings(api_keys=("0" * 64,))

    async def nothing() -> list[Any]:
        return []

    async with open_stores(settings) as stores:
        pass
    # They are closed: whatever needs them fails.
    address = Address("127.0.0.1", free_port())
    async with (
        serve_metrics(stores, settings, address, nothing) as url,
        httpx.AsyncClient() as client,
    ):
        assert (await client.get(url)).status_code == 401
        assert (await client.get(url.replace("/metrics", "/healthz"))).json() == {"status": "ok"}
