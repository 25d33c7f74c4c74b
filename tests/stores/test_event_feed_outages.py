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
from tests.support.until import until_async


class Proxy:
    """Forwards the connections of its own port to a server, and can be closed."""

    def __init__(self, server_port: int) -> None:
        self.port = 0
        self._server_port = server_port
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._listener = await asyncio.start_server(self._forward, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._listener is not None
        self._listener.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._listener.wait_closed()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._writers |= {writer, server_writer}
        try:
            await asyncio.gather(
                self._copy(reader, server_writer), self._copy(server_reader, writer)
            )
        finally:
            self._writers -= {writer, server_writer}

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                target.write(data)
        except ConnectionError:
            pass
        finally:
            target.transport.abort()


@pytest.fixture
async def proxy(postgresql: PostgreSQL) -> AsyncIterator[Proxy]:
    proxy = Proxy(postgresql.port)
    await proxy.open()
    yield proxy
    await proxy.close()


async def test_readers_outlive_an_outage(postgresql_url: str, proxy: Proxy, tmp_path: Path) -> None:
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
    postgresql_url: str, proxy: Proxy, tmp_path: Path
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
