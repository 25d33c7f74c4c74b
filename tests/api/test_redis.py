"""The API with a Redis that it shares with others."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from perdure.temporal.server.development_server import DevelopmentServer
from tests.support.redis_server import RedisServer
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]


async def test_it_is_ready_without_redis_and_says_so(
    serve_api: ServeApi, server: DevelopmentServer, redis_server: RedisServer
) -> None:
    api = await serve_api(server.address, worker=False, redis_url=redis_server.url)

    async def redis() -> bool:
        ready = await api.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
        found: bool = ready.json()["redis"]
        return found

    await until_async(redis, "Redis")
    redis_server.kill()
    assert not await redis()
    redis_server.start()
    await until_async(redis, "Redis again")
