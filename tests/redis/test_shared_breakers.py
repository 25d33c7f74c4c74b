"""Circuit breakers that processes have in common, and what becomes of them with Redis."""

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from perdure.agents import PermanentError, TransientError
from perdure.agents.model_calls.circuit_breaker import CircuitBreakers, ProviderDown
from perdure.redis.connection import RedisConnection
from perdure.redis.redis_breakers import RedisBreakers
from tests.support.redis_server import RedisServer
from tests.support.until import until_async

PROVIDER = "openai at https://user:secret@api.example/v1"
QUICK = 0.3

FAILS = """
import asyncio, sys
from perdure.agents import TransientError
from perdure.agents.model_calls.circuit_breaker import CircuitBreakers
from perdure.redis.connection import RedisConnection
from perdure.redis.redis_breakers import RedisBreakers

async def main():
    connection = RedisConnection(sys.argv[1], "installation")
    breakers = CircuitBreakers(shared=RedisBreakers(connection, cool_down=60))
    for _ in range(5):
        try:
            async with breakers.request(sys.argv[2]):
                raise TransientError("503")
        except TransientError:
            pass
    await connection.close()

asyncio.run(main())
"""


@pytest_asyncio.fixture(params=[60.0])
async def processes(
    request: pytest.FixtureRequest, redis_server: RedisServer
) -> AsyncIterator[list[CircuitBreakers]]:
    """Return the breakers of two processes, which cool down for so many seconds."""
    connections = [RedisConnection(redis_server.url, "installation") for _ in range(2)]
    yield [
        CircuitBreakers(shared=RedisBreakers(connection, threshold=4, cool_down=request.param))
        for connection in connections
    ]
    for connection in connections:
        await connection.close()


async def fail(breakers: CircuitBreakers) -> None:
    with pytest.raises(TransientError):
        async with breakers.request(PROVIDER):
            raise TransientError("503")


async def succeed(breakers: CircuitBreakers) -> bool:
    """Make a request that succeeds, and return whether it was admitted."""
    try:
        async with breakers.request(PROVIDER):
            return True
    except ProviderDown:
        return False


async def test_what_fails_in_one_process_is_left_alone_by_another(
    connection: RedisConnection, redis_server: RedisServer
) -> None:
    breakers = CircuitBreakers(shared=RedisBreakers(connection))
    assert await succeed(breakers)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FAILS, redis_server.url, PROVIDER
    )
    assert await process.wait() == 0
    with pytest.raises(ProviderDown, match="is left alone") as raised:
        async with breakers.request(PROVIDER):
            raise AssertionError("it was admitted")
    assert raised.value.retry_after is not None
    assert 0 < raised.value.retry_after <= 70
    async with breakers.request("another provider"):
        pass
    keys = await connection.client.keys("*")
    assert keys
    assert not any(b"secret" in key for key in keys)
    assert all([await connection.client.ttl(key) > 0 for key in keys])


async def test_failures_in_a_row_are_those_of_all(processes: list[CircuitBreakers]) -> None:
    one, other = processes
    for _ in range(2):
        await fail(one)
        await fail(other)
    assert not await succeed(one)
    assert not await succeed(other)


async def test_a_response_in_between_begins_anew(processes: list[CircuitBreakers]) -> None:
    one, other = processes
    for _ in range(3):
        await fail(one)
    with pytest.raises(PermanentError):
        async with other.request(PROVIDER):
            raise PermanentError("it refuses, and so it is up")
    await fail(one)
    assert await succeed(other)


@pytest.mark.parametrize("processes", [QUICK], indirect=True)
async def test_one_request_of_all_tries_whether_it_is_back(
    processes: list[CircuitBreakers],
) -> None:
    one, other = processes
    for _ in range(4):
        await fail(one)

    async def tried() -> bool:
        try:
            async with one.request(PROVIDER):
                assert not await succeed(other), "there were two trials"
                assert not await succeed(one), "there were two trials"
                raise TransientError("still down")
        except ProviderDown:
            return False
        except TransientError:
            return True

    await until_async(tried, "a trial")
    # It is left alone again, for twice as long; then a trial succeeds, and all go on.
    await until_async(lambda: succeed(other), "the next trial")
    assert await succeed(one)


@pytest.mark.parametrize("processes", [QUICK], indirect=True)
async def test_a_trial_that_says_nothing_is_followed_by_another(
    processes: list[CircuitBreakers],
) -> None:
    one, other = processes
    for _ in range(4):
        await fail(one)

    async def is_cancelled() -> bool:
        try:
            async with one.request(PROVIDER):
                raise KeyboardInterrupt
        except ProviderDown:
            return False
        except KeyboardInterrupt:
            return True

    await until_async(is_cancelled, "a trial")
    assert await succeed(other)


async def test_a_process_whose_redis_dies_goes_on_with_its_own(
    processes: list[CircuitBreakers], redis_server: RedisServer
) -> None:
    one, _ = processes
    async with one.request(PROVIDER):
        redis_server.kill()  # while a request is under way
    for _ in range(5):
        await fail(one)
    assert not await succeed(one), "its own is not open"
    redis_server.start()

    async def is_admitted_by_all() -> bool:
        return await succeed(one)

    await until_async(is_admitted_by_all, "Redis, which has forgotten all failures")


async def test_a_flush_closes_it_until_as_many_have_failed(
    connection: RedisConnection, processes: list[CircuitBreakers]
) -> None:
    one, other = processes
    for _ in range(4):
        await fail(one)
    await connection.client.flushall()
    assert await succeed(other)
    for _ in range(4):
        await fail(one)
    assert not await succeed(other)


async def test_what_another_version_keeps_is_not_understood(
    connection: RedisConnection, processes: list[CircuitBreakers]
) -> None:
    one, other = processes
    await fail(one)
    (key,) = await connection.client.keys("*")
    await connection.client.set(key, "not a hash")
    for _ in range(4):
        await fail(one)
    assert not await succeed(one), "its own is not open"
    assert await succeed(other)
