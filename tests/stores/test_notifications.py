"""Followers on PostgreSQL are woken, behind a pooler too, and miss nothing when they cannot be."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url

from perdure.models import Goal, GoalStatus
from perdure.settings import Settings
from perdure.stores import Stores, StoreUnavailable, open_stores
from perdure.stores.database.retry import with_retries
from perdure.stores.events import event_feed
from perdure.stores.events.change_listener import NotListening
from perdure.stores.events.database_listener import check_listening
from perdure.stores.events.notifications import (
    CHANNEL,
    FOLLOWED_LOCK,
    notify_followers,
    notify_self,
    parse_notification,
    run_digest,
)
from tests.support.pgbouncer import run_pgbouncer
from tests.support.postgresql import PostgreSQL, run_postgresql
from tests.support.until import until_async

GOAL = Goal(goal_id="g", description="d", agent_type="a")


@pytest.fixture
def direct(postgresql_url: str, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", database_url=postgresql_url)


@pytest.fixture(scope="module")
def pooler(postgresql: PostgreSQL) -> Iterator[int]:
    with run_pgbouncer(postgresql) as port:
        yield port


def at_port(url: str, port: int) -> str:
    return make_url(url).set(port=port).render_as_string()


@pytest.fixture
def pooled(direct: Settings, pooler: int) -> Settings:
    """Return settings as the documentation has them for a pooler."""
    url = at_port(direct.database_url, pooler)
    return direct.model_copy(update={"database_url": url, "listen_url": direct.database_url})


@asynccontextmanager
async def followed(stores: Stores, run: str = "run") -> AsyncIterator[asyncio.Queue[int]]:
    """Follow a run, and give the numbers of its events as they come."""
    received: asyncio.Queue[int] = asyncio.Queue()

    async def follow() -> None:
        async for event in stores.events.follow(run):
            received.put_nowait(event.number)

    reading = asyncio.create_task(follow())
    try:
        yield received
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def has(received: asyncio.Queue[int], count: int) -> bool:
    return received.qsize() >= count


async def until_listening(stores: Stores) -> None:
    await until_async(lambda: stores.events.feed._is_notified, "listening")


@pytest.mark.parametrize("through", ["direct", "pooled"])
async def test_followers_are_woken_and_do_not_poll(
    direct: Settings, pooled: Settings, through: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = direct if through == "direct" else pooled
    # Nothing but a notification brings an event.
    monkeypatch.setattr(event_feed, "LISTENING_POLL_SECONDS", 3600.0)
    async with open_stores(settings) as others, open_stores(settings) as stores:
        await others.goals.create(GOAL, "run", datetime.now(UTC))
        async with followed(stores) as received:
            assert await received.get() == 1
            await until_listening(stores)
            for number in range(2, 40):
                await others.events.append("run", "progress", {})
                assert await asyncio.wait_for(received.get(), 60) == number
            await others.results.store("run", GoalStatus.COMPLETED, None, 1.0)
            assert await asyncio.wait_for(received.get(), 60) == 40


async def test_without_its_own_address_a_pooler_is_polled_and_named(
    pooled: Settings, pooler: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.stores.events.database_listener.PROBE_SECONDS", 0.5)
    url = f"{pooled.database_url}?prepared_statement_cache_size=0"
    settings = pooled.model_copy(update={"database_url": url, "listen_url": ""})
    async with open_stores(settings) as others, open_stores(settings) as stores:
        with pytest.raises(NotListening, match=r"does not arrive.*set PERDURE_LISTEN_URL"):
            await check_listening(stores.database)
        await others.goals.create(GOAL, "run", datetime.now(UTC))
        async with followed(stores) as received:
            for number in range(1, 40):
                assert await asyncio.wait_for(received.get(), 60) == number
                await others.events.append("run", "progress", {})
        assert not stores.events.feed._is_notified


async def test_another_database_is_no_place_to_listen_to(
    direct: Settings, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.stores.events.database_listener.PROBE_SECONDS", 0.5)
    settings = direct.model_copy(update={"listen_url": postgresql.url()})
    async with open_stores(settings) as stores:
        with pytest.raises(NotListening, match="does not arrive"):
            await check_listening(stores.database)


async def test_a_server_that_does_not_answer_is_named(direct: Settings) -> None:
    settings = direct.model_copy(update={"listen_url": at_port(direct.database_url, 1)})
    async with open_stores(settings) as stores:
        with pytest.raises(NotListening, match=r"127\.0\.0\.1:1/.*cannot be listened to"):
            await check_listening(stores.database)


@pytest.mark.parametrize("url", ["nonsense", "sqlite:///x", "mysql://x/y"])
async def test_what_is_no_address_to_listen_to_is_refused(direct: Settings, url: str) -> None:
    with pytest.raises(StoreUnavailable, match="PERDURE_LISTEN_URL"):
        async with open_stores(direct.model_copy(update={"listen_url": url})):
            pass


async def test_nobody_is_notified_while_nobody_follows(direct: Settings) -> None:
    heard: list[str] = []
    connection = await asyncpg.connect(direct.database_url.replace("+asyncpg", ""))
    try:
        await connection.add_listener(CHANNEL, lambda *call: heard.append(str(call[3])))
        async with open_stores(direct) as stores, open_stores(direct) as others:
            await stores.goals.create(GOAL, "run", datetime.now(UTC))
            await stores.events.append("run", "progress", {})
            sender = stores.database.sender

            async def nobody_is_told() -> bool:
                return not await stores.database.write(
                    lambda writing: notify_followers(writing, sender, ["run"])
                )

            # What looks whether anybody follows is taken for one who does, for that moment.
            await until_async(nobody_is_told, "nobody to be told")
            heard.clear()
            await stores.database.write(lambda t: notify_self(t, sender))
            await until_async(lambda: heard, "a notification")
            assert heard == [f"{sender}:"]
            async with followed(others):
                await until_listening(others)
                await stores.events.append("run", "progress", {})
                named = f"{sender}:{run_digest('run')}"
                await until_async(lambda: named in heard, "a notification of the run")
    finally:
        await connection.close()


async def test_many_runs_are_several_notifications(direct: Settings) -> None:
    runs = [f"run-{number}" for number in range(1000)]
    heard: list[str] = []
    connection = await asyncpg.connect(direct.database_url.replace("+asyncpg", ""))
    try:
        await connection.add_listener(CHANNEL, lambda *call: heard.append(str(call[3])))
        await connection.execute(f"SELECT pg_advisory_lock_shared({FOLLOWED_LOCK})")
        async with open_stores(direct) as stores:
            assert await stores.database.write(lambda t: notify_followers(t, "x", runs))
        await until_async(lambda: len(heard) == 3, "three notifications")
        digests = [digest for payload in heard for digest in parse_notification(payload)[1]]
        assert digests == [run_digest(run) for run in runs]
    finally:
        await connection.close()


@pytest.mark.parametrize("is_listened_to", [True, False])
async def test_nothing_is_lost_or_doubled_when_the_server_is_killed(
    tmp_path: Path, is_listened_to: bool
) -> None:
    with run_postgresql(outlives_kills=True) as server:
        async with server.database() as url:
            listen_url = url if is_listened_to else at_port(url, 1)
            settings = Settings(home=tmp_path, database_url=url, listen_url=listen_url)
            async with open_stores(settings) as others, open_stores(settings) as stores:
                await others.goals.create(GOAL, "run", datetime.now(UTC))
                async with followed(stores) as received:
                    # A follower that has begun outlives the server, and none begins without one.
                    expected = (await others.events.append("run", "progress", {})).number
                    await until_async(partial(has, received, expected), "the first event")
                    for _ in range(3):
                        if is_listened_to:
                            await until_listening(stores)
                        await with_retries(lambda: others.events.append("run", "progress", {}))
                        await asyncio.to_thread(server.kill)
                        writing = asyncio.create_task(
                            with_retries(lambda: others.events.append("run", "progress", {}))
                        )
                        await asyncio.to_thread(server.start)
                        expected = (await writing).number
                        await until_async(partial(has, received, expected), "every event")
                    assert [received.get_nowait() for _ in range(expected)] == list(
                        range(1, expected + 1)
                    )
                    assert received.empty()
                    if not is_listened_to:
                        assert not stores.events.feed._is_notified
