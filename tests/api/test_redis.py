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


async def test_what_one_api_has_counted_counts_for_the_others(
    serve_api: ServeApi, server: DevelopmentServer, redis_server: RedisServer
) -> None:
    given = {"worker": False, "key_rate": "4/hour", "redis_url": redis_server.url}
    one, other = [await serve_api(server.address, **given) for _ in range(2)]

    async def send(api: httpx.AsyncClient) -> tuple[int, str]:
        answer = await api.get("/api/agents", headers=headers)
        return answer.status_code, answer.headers["ratelimit"].partition(";t=")[0]

    key = (await one.post("/api/keys", json={"name": "limited", "scopes": ["read"]})).json()["key"]
    headers = {"Authorization": f"Bearer {key}"}
    assert await send(one) == (200, '"key";r=3')
    assert await send(other) == (200, '"key";r=2')
    assert await send(one) == (200, '"key";r=1')
    assert await send(one) == (200, '"key";r=0')
    for api in one, other:
        assert await send(api) == (429, '"key";r=0')
    # What each has counted by itself is left when Redis is not.
    redis_server.kill()
    assert await send(one) == (200, '"key";r=0')
    assert await send(one) == (429, '"key";r=0')
    assert await send(other) == (200, '"key";r=2')


async def test_an_empty_redis_allows_no_process_more_than_it_may_by_itself(
    serve_api: ServeApi, server: DevelopmentServer, redis_server: RedisServer
) -> None:
    api = await serve_api(
        server.address, worker=False, key_rate="2/hour", redis_url=redis_server.url
    )
    key = (await api.post("/api/keys", json={"name": "limited", "scopes": ["read"]})).json()["key"]
    headers = {"Authorization": f"Bearer {key}"}
    statuses = [(await api.get("/api/agents", headers=headers)).status_code for _ in range(3)]
    redis_server.kill()
    redis_server.start()
    statuses.append((await api.get("/api/agents", headers=headers)).status_code)
    redis_server.pause()
    try:
        statuses.append((await api.get("/api/agents", headers=headers)).status_code)
    finally:
        redis_server.resume()
    assert statuses == [200, 200, 429, 429, 429]
