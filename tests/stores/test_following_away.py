"""Following runs while the database goes away and comes back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url

from perdure.models import Goal, GoalStatus
from perdure.settings import Settings
from perdure.stores import StoreUnavailable, open_stores
from perdure.stores.events.event_feed import AWAY_SECONDS, feed_of
from perdure.stores.events.follow import follow_events
from perdure.stores.events.run_tail import WINDOW

if TYPE_CHECKING:
    # Registered by the conftest: not importable when the tests run.
    from tests.postgresql import PostgreSQL


class Road:
    """Leads from a port of its own to a server, and can be closed."""

    def __init__(self, server_port: int) -> None:
        self.port = 0
        self._server_port = server_port
        self._listener: asyncio.Server | None = None
        self._travellers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._listener = await asyncio.start_server(self._lead, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._listener is not None
        self._listener.close()
        for traveller in self._travellers:
            traveller.transport.abort()
        await self._listener.wait_closed()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._travellers |= {writer, back}
        try:
            await asyncio.gather(self._carry(reader, back), self._carry(there, writer))
        finally:
            self._travellers -= {writer, back}

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                target.write(data)
        except ConnectionError:
            pass
        finally:
            target.transport.abort()


@pytest.fixture
async def road(postgresql: "PostgreSQL") -> AsyncIterator[Road]:
    road = Road(postgresql.port)
    await road.open()
    yield road
    await road.close()


async def test_readers_outlive_a_database_that_is_away(
    postgresql: "PostgreSQL", road: Road, tmp_path: Path
) -> None:
    name = await postgresql.create_database()
    direct = Settings(home=tmp_path, database_url=postgresql.url(name))
    by_road = make_url(direct.database_url).set(port=road.port)
    settings = Settings(home=tmp_path, database_url=by_road.render_as_string())
    goal = Goal(goal_id="g", description="d", agent_type="a")
    try:
        async with open_stores(direct) as others, open_stores(settings) as stores:
            await others.goals.begin(goal, "run", datetime.now(UTC))
            feed = feed_of(stores.database)
            told: asyncio.Queue[int] = asyncio.Queue()

            async def follow() -> None:
                async for event in follow_events(stores, "run"):
                    told.put_nowait(event.number)

            reading = asyncio.create_task(follow())
            assert await told.get() == 1
            for number in (2, 3):
                await road.close()
                async with asyncio.timeout(30):
                    while not feed.away:  # noqa: ASYNC110 -- the feed tells readers, not tests
                        await asyncio.sleep(0.01)
                with feed.watch("another") as late:
                    assert late.status is None
                    with pytest.raises(StoreUnavailable):
                        await late.next()
                await others.events.append("run", "progress", {})
                assert told.empty()
                await road.open()
                assert await asyncio.wait_for(told.get(), 30) == number
            await others.results.store("run", GoalStatus.COMPLETED, None, 1.0)
            await asyncio.wait_for(reading, 30)
            assert told.get_nowait() == 4
    finally:
        await postgresql.drop_database(name)


async def test_who_is_behind_reads_on_when_the_database_is_back(
    postgresql: "PostgreSQL", road: Road, tmp_path: Path
) -> None:
    name = await postgresql.create_database()
    by_road = make_url(postgresql.url(name)).set(port=road.port)
    settings = Settings(home=tmp_path, database_url=by_road.render_as_string())
    goal = Goal(goal_id="g", description="d", agent_type="a")
    try:
        async with open_stores(settings) as stores:
            await stores.goals.begin(goal, "run", datetime.now(UTC))
            with feed_of(stores.database).watch("run") as behind:
                assert len(await behind.next()) == 1
                for _ in range(WINDOW + 1):
                    await stores.events.append("run", "progress", {})
                await road.close()
                # Only the store has what comes next, and it is away.
                reading = asyncio.create_task(behind.next())
                done, _ = await asyncio.wait([reading], timeout=AWAY_SECONDS)
                assert not done
                await road.open()
                told = await asyncio.wait_for(reading, 30)
                assert [item.event.number for item in told] == list(range(2, WINDOW + 3))
    finally:
        await postgresql.drop_database(name)
