"""A connection to a Redis of the test's own."""

from collections.abc import AsyncIterator

import pytest_asyncio

from perdure.redis.connection import RedisConnection
from tests.support.redis_server import RedisServer


@pytest_asyncio.fixture
async def connection(redis_server: RedisServer) -> AsyncIterator[RedisConnection]:
    """Connect to it."""
    opened = RedisConnection(redis_server.url, "installation")
    yield opened
    await opened.close()
