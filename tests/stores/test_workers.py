"""Which workers there are."""

import asyncio
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from perdure.agents.plugins.registry import AgentRegistry
from perdure.settings import Settings
from perdure.stores import Stores
from perdure.stores.database import schema
from perdure.stores.runs.workers import WorkerProcess
from perdure.temporal.worker.presence import report_presence
from tests.support.until import until_async

WORKER = WorkerProcess("a" * 32, "box", 7, "0.1", "", 5, datetime(2026, 3, 1, tzinfo=UTC))


async def set_seen(stores: Stores, ago: timedelta) -> None:
    change = update(schema.workers).values(seen_at=datetime.now(UTC) - ago)
    await stores.database.write(lambda writing: writing.connection.execute(change))


async def test_a_worker_is_there_until_it_is_silent(stores: Stores) -> None:
    await stores.workers.beat(WORKER, {"echo": "perdure-echo 1.0"}, 2)
    await stores.workers.beat(WORKER, {"echo": "perdure-echo 1.1"}, 3)
    (found,) = await stores.workers.list()
    assert (found.identity, found.alive) == ("7@box", True)
    assert (found.slots, found.used, found.free) == (5, 3, 2)
    assert found.agents == {"echo": "perdure-echo 1.1"}
    await set_seen(stores, timedelta(minutes=1))
    (lost,) = await stores.workers.list()
    assert not lost.alive
    await set_seen(stores, timedelta(days=2))
    other = WorkerProcess("b" * 32, "box", 8, "0.1", "", 5, WORKER.started_at)
    await stores.workers.beat(other, {}, 0)
    assert [worker.worker_id for worker in await stores.workers.list()] == ["b" * 32]
    await stores.workers.remove("b" * 32)
    assert await stores.workers.list() == []


async def test_a_worker_says_that_it_is_there_and_that_it_stops(
    stores: Stores, settings: Settings
) -> None:
    registry = AgentRegistry.from_loaded({}, [])
    beating = asyncio.create_task(
        report_presence(stores, registry, settings, "f" * 32, beat_seconds=0.01)
    )

    async def is_seen_again() -> bool:
        return any(
            worker.seen_at - worker.started_at > timedelta(seconds=0.05)
            for worker in await stores.workers.list()
        )

    await until_async(is_seen_again)
    beating.cancel()
    await asyncio.wait([beating])
    assert await stores.workers.list() == []
