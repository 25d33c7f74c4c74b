"""A stream ends when its caller may no longer have it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from perdure.api.gateway import lasting
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.server.development_server import DevelopmentServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
GOAL = {
    "goal_id": "lasting",
    "description": "say it",
    "agent_type": "echo",
    "parameters": {"wait": True},
}


async def until_the_end(lines: AsyncIterator[str]) -> None:
    async for _ in lines:
        continue


async def test_a_stream_ends_with_the_key_that_began_it(
    serve_api: ServeApi,
    server: DevelopmentServer,
    own_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lasting.LastingRequest.__init__, "__defaults__", (0.1,))
    async with open_stores(Settings(home=own_home)) as stores:
        kept, _ = await stores.access.keys.create("stays", ["admin"])
        key, record = await stores.access.keys.create("goes", ["read"])
        api = await serve_api(server.address)
        stays = {"Authorization": f"Bearer {kept}"}
        started = await api.post("/api/execute-goal", json=GOAL, headers=stays)
        path = f"/api/goals/{started.json()['workflow_id']}"
        goes = {"Authorization": f"Bearer {key}"}
        async with api.stream("GET", f"{path}/events", headers=goes) as stream:
            lines = stream.aiter_lines()
            while "run.started" not in await anext(lines):
                continue
            await stores.access.keys.revoke(record.key_id)
            with pytest.raises(httpx.RemoteProtocolError):  # it is cut off, and does not end
                await until_the_end(lines)
        await api.post(f"{path}/cancel", headers=stays)
        events = await api.get(f"{path}/events", headers=stays)
        assert "run.cancelled" in events.text
