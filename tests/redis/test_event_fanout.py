"""Followers of runs are told of new events over Redis, and miss none when it cannot be."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from perdure.models import Goal, GoalStatus
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.events import event_feed
from tests.stores.test_notifications import followed
from tests.support.redis_server import RedisServer
from tests.support.until import until_async

GOAL = Goal(goal_id="g", description="d", agent_type="a")


@pytest.fixture
def settings(postgresql_url: str, tmp_path: Path, redis_server: RedisServer) -> Settings:
    home = tmp_path / "home"
    return Settings(home=home, database_url=postgresql_url, redis_url=redis_server.url)


def listening(stores: Stores) -> tuple[bool, bool]:
    """Return whether Redis and PostgreSQL are listened to."""
    redis, database = stores.events.feed._listeners
    return redis.is_listening, database.is_listening


async def test_followers_are_woken_by_redis_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing but a notification brings an event.
    monkeypatch.setattr(event_feed, "LISTENING_POLL_SECONDS", 3600.0)
    async with open_stores(settings) as others, open_stores(settings) as stores:
        await others.goals.create(GOAL, "run", datetime.now(UTC))
        async with followed(stores) as received:
            assert await received.get() == 1
            await until_async(lambda: listening(stores) == (True, False), "listening to Redis")
            for number in range(2, 40):
                await others.events.append("run", "progress", {})
                assert await asyncio.wait_for(received.get(), 60) == number
            await others.results.store("run", GoalStatus.COMPLETED, None, 1.0)
            assert await asyncio.wait_for(received.get(), 60) == 40
            assert listening(stores) == (True, False)


async def test_another_installation_is_told_nothing(
    settings: Settings, postgresql_url: str, tmp_path: Path, redis_server: RedisServer
) -> None:
    async with open_stores(settings) as stores:
        assert stores.redis is not None
        elsewhere = Settings(home=tmp_path / "elsewhere", redis_url=redis_server.url)
        async with open_stores(elsewhere) as others:
            assert others.redis is not None
            assert stores.redis.key("events") != others.redis.key("events")


@pytest.mark.parametrize("how", ["dies", "hangs"])
async def test_postgresql_notifies_while_redis_does_not(
    settings: Settings, redis_server: RedisServer, how: str
) -> None:
    async with open_stores(settings) as others, open_stores(settings) as stores:
        await others.goals.create(GOAL, "run", datetime.now(UTC))
        numbers = iter(range(1, 1_000))

        async def tell(count: int) -> None:
            """Store events, and see that each arrives once and in order."""
            for _ in range(count):
                assert await asyncio.wait_for(received.get(), 60) == next(numbers)
                await others.events.append("run", "progress", {})

        async with followed(stores) as received:
            await until_async(lambda: listening(stores)[0], "listening to Redis")
            await tell(5)
            if how == "dies":
                redis_server.kill()
            else:
                redis_server.pause()
            try:
                await tell(5)
                await until_async(
                    lambda: listening(stores) == (False, True), "listening to PostgreSQL"
                )
                await tell(5)
            finally:
                if how == "dies":
                    redis_server.start()
                else:
                    redis_server.resume()
            await until_async(lambda: listening(stores)[0], "listening to Redis again")
            await tell(5)
            await others.results.store("run", GoalStatus.COMPLETED, None, 1.0)


async def test_what_nobody_understands_harms_nobody(
    settings: Settings, redis_server: RedisServer
) -> None:
    async with open_stores(settings) as others, open_stores(settings) as stores:
        await others.goals.create(GOAL, "run", datetime.now(UTC))
        assert others.redis is not None
        channel = others.redis.key("events")
        async with followed(stores) as received:
            assert await received.get() == 1
            await until_async(lambda: listening(stores)[0], "listening to Redis")
            for message in (b"", b"\xff", b"2\nanother version", b":,,,"):
                await others.redis.client.publish(channel, message)
            await others.events.append("run", "progress", {})
            assert await asyncio.wait_for(received.get(), 60) == 2
            assert listening(stores)[0]
