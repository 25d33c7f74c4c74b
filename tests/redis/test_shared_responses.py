"""Responses of models that processes share: Redis answers for the stores, and never otherwise."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import delete

from perdure.models import Usage
from perdure.redis.connection import RedisConnection
from perdure.redis.shared_cache import SharedCache
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.database import schema
from tests.support.redis_server import RedisServer
from tests.support.until import until_async


@pytest.fixture
def settings(tmp_path: Path, redis_server: RedisServer) -> Settings:
    return Settings(home=tmp_path / "home", redis_url=redis_server.url)


@asynccontextmanager
async def two_processes(settings: Settings) -> AsyncIterator[tuple[Stores, Stores]]:
    async with open_stores(settings) as one, open_stores(settings) as other:
        yield one, other


async def forget(stores: Stores) -> None:
    """Delete what the database has, so that only Redis can answer."""
    await stores.database.write(
        lambda transaction: transaction.connection.execute(delete(schema.responses))
    )


async def test_what_one_has_read_redis_answers_to_another(settings: Settings) -> None:
    async with two_processes(settings) as (one, other):
        await one.of("acme").responses.put("request", "response", Usage())
        assert await one.of("acme").responses.get("request") == "response"
        await forget(one)
        assert await other.of("acme").responses.get("request") == "response"
        assert await other.of("globex").responses.get("request") is None
        assert await other.of("acme").responses.get("another") is None


async def test_another_installation_has_others(
    settings: Settings, tmp_path: Path, redis_server: RedisServer
) -> None:
    elsewhere = Settings(home=tmp_path / "elsewhere", redis_url=redis_server.url)
    async with open_stores(settings) as one, open_stores(elsewhere) as other:
        await one.responses.put("request", "response", Usage())
        assert await one.responses.get("request") == "response"
        assert await other.responses.get("request") is None


async def test_the_stores_answer_whatever_becomes_of_redis(
    settings: Settings, redis_server: RedisServer
) -> None:
    async with two_processes(settings) as (one, other):
        await one.responses.put("request", "response", Usage())
        assert await one.responses.get("request") == "response"
        redis_server.kill()
        assert await other.responses.get("request") == "response"
        await one.responses.put("second", "response", Usage())
        redis_server.start()  # empty
        for each in one, other:
            assert each.redis is not None
            await until_async(each.redis.is_up, "Redis")
            assert await each.responses.get("request") == "response"
            assert await each.responses.get("second") == "response"
        redis_server.pause()
        try:
            assert await other.responses.get("request") == "response"
        finally:
            redis_server.resume()


@pytest.mark.parametrize(
    "value",
    [
        b"2\ndefault\nrequest\nof another version",
        b"1\ndefault\nanother\nof another request",
        b"1\nacme\nrequest\nof another tenant",
        b"1\ndefault\nrequest\n\xff\xfe",
        b"",
    ],
)
async def test_another_value_is_not_read(connection: RedisConnection, value: bytes) -> None:
    cache = SharedCache(connection, "responses", 60)
    await cache.put("default", "request", "response")
    (name,) = await connection.client.keys("*")
    await connection.client.set(name, value)
    assert await cache.get("default", "request") is None
    await cache.put("default", "request", "response")
    assert await cache.get("default", "request") == "response"


async def test_another_kind_of_value_is_not_read(connection: RedisConnection) -> None:
    name = connection.key("responses", "default", "request")
    await connection.client.hset(name, "field", "value")
    cache = SharedCache(connection, "responses", 60)
    assert await cache.get("default", "request") is None


async def test_all_that_is_kept_expires(connection: RedisConnection) -> None:
    await SharedCache(connection, "responses", 60).put("default", "request", "response")
    (name,) = await connection.client.keys("*")
    assert name == b"perdure:installation:responses:default:request"
    assert 0 < await connection.client.ttl(name) <= 60
