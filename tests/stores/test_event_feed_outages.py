"""The event feed while the database is unavailable."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url

from perdure.models import Goal, GoalStatus
from perdure.settings import Settings
from perdure.stores import StoreUnavailable, open_stores
from perdure.stores.events.event_feed import RECONNECT_SECONDS
from perdure.stores.events.run_tail import WINDOW_SIZE
from tests.support.postgresql import PostgreSQL
from tests.support.relay import Relay, relay_to
from tests.support.until import until_async


@pytest.fixture
async def proxy(postgresql: PostgreSQL) -> AsyncIterator[Relay]:
    async with relay_to(postgresql.port) as relay:
        yield relay


async def test_readers_outlive_an_outage(postgresql_url: str, proxy: Relay, tmp_path: Path) -> None:
    direct = Settings(home=tmp_path, database_url=postgresql_url)
    proxied = make_url(direct.database_url).set(port=proxy.port)
    settings = Settings(home=tmp_path, database_url=proxied.render_as_string())
    goal = Goal(goal_id="g", description="d", agent_type="a")
    async with open_stores(direct) as others, open_stores(settings) as stores:
        await others.goals.create(goal, "run", datetime.now(UTC))
        feed = stores.events.feed
        received: asyncio.Queue[int] = asyncio.Queue()

        async def follow() -> None:
            async for event in stores.events.follow("run"):
                received.put_nowait(event.number)

        reading = asyncio.create_task(follow())
        assert await received.get() == 1
        for number in (2, 3):
            await proxy.close()
            await until_async(lambda: feed.is_unavailable, "the database's absence")
            with feed.follow("another") as late:
                assert late.status is None
                with pytest.raises(StoreUnavailable):
                    await late.next()
            await others.events.append("run", "progress", {})
            assert received.empty()
            await proxy.open()
            assert await asyncio.wait_for(received.get(), 30) == number
        await others.results.store("run", GoalStatus.COMPLETED, None, 1.0)
        await asyncio.wait_for(reading, 30)
        assert received.get_nowait() == 4


async def test_a_reader_that_is_behind_goes_on_after_an_outage(
    postgresql_url: str, proxy: Relay, tmp_path: Path
) -> None:
    proxied = make_url(postgresql_url).set(port=proxy.port)
    settings = Settings(home=tmp_path, database_url=proxied.render_as_string())
    goal = Goal(goal_id="g", description="d", agent_type="a")
    async with open_stores(settings) as stores:
        await stores.goals.create(goal, "run", datetime.now(UTC))
        with stores.events.feed.follow("run") as behind:
            assert len(await behind.next()) == 1
            for _ in range(WINDOW_SIZE + 1):
                await stores.events.append("run", "progress", {})
            await proxy.close()
            # Only the database has the next events, and it is unavailable.
            reading = asyncio.create_task(behind.next())
            done, _ = await asyncio.wait([reading], timeout=RECONNECT_SECONDS)
            assert not done
            await proxy.open()
            page = await asyncio.wait_for(reading, 30)
            assert [stored.event.number for stored in page] == list(range(2, WINDOW_SIZE + 3))
