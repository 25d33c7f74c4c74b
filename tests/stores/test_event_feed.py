"""The event feed: no event is missed or repeated, and many readers cost no more than one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import event, text, update

from perdure.models import EventType, Goal, GoalStatus
from perdure.settings import Settings
from perdure.stores import Stores, StoreUnavailable, UnknownGoal, open_stores
from perdure.stores.database import schema
from perdure.stores.database.engine import Transaction
from perdure.stores.events.event_feed import SQLITE_POLL_SECONDS, EventReader
from perdure.stores.events.event_store import add_event
from perdure.stores.events.run_tail import PAGE_SIZE, WINDOW_SIZE, RunTail, StoredEvent
from tests.support.until import until_async

READERS = 500

_WRITE = """
import asyncio, sys
from perdure.settings import Settings
from perdure.stores import open_stores

async def main():
    async with open_stores(Settings.model_validate_json(sys.argv[2])) as stores:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        append = stores.events.append
        await asyncio.gather(
            *(append("run", "progress", {"by": sys.argv[1], "n": n}) for n in range(300))
        )

asyncio.run(main())
"""


@pytest.fixture
async def others(settings: Settings, stores: Stores) -> AsyncIterator[Stores]:
    """Open the same stores a second time, as another process would."""
    async with open_stores(settings) as opened:
        yield opened


async def numbers(stores: Stores, after: int = 0, workflow_id: str = "run") -> list[int]:
    return [event.number async for event in stores.events.follow(workflow_id, after)]


async def fill(stores: Stores, count: int) -> None:
    def add(transaction: Transaction) -> None:
        for number in range(count):
            add_event(transaction, "run", "progress", {"n": number})

    await stores.database.write(add)


async def complete(stores: Stores, status: GoalStatus = GoalStatus.COMPLETED) -> None:
    await stores.results.store("run", status, None, 1.0)


async def all_started(stores: Stores, readers: int = 1, workflow_id: str = "run") -> None:
    """Return when so many readers wait for the next event."""
    tails = stores.events.feed._tails
    await until_async(lambda: workflow_id in tails and waiting(tails[workflow_id]) >= readers)


def waiting(tail: RunTail) -> int:
    return len(tail._change._waiters)


@contextmanager
def statements(stores: Stores) -> Iterator[list[str]]:
    """Record every statement that these stores execute."""
    executed: list[str] = []

    def record(_c: object, _cursor: object, statement: str, *_: object) -> None:
        executed.append(statement)

    engine = stores.database._engine  # type: ignore[attr-defined]
    engine = getattr(engine, "sync_engine", engine)
    event.listen(engine, "before_cursor_execute", record)
    try:
        yield executed
    finally:
        event.remove(engine, "before_cursor_execute", record)


def reads_of_events(executed: list[str]) -> int:
    return sum("events.data" in statement for statement in executed)


async def test_a_reader_gets_past_and_new_events_to_the_end(stores: Stores, run: str) -> None:
    await fill(stores, 3)
    reading = asyncio.create_task(numbers(stores))
    late = asyncio.create_task(numbers(stores, after=3))
    await all_started(stores, 2)
    await stores.events.append(run, "progress", {})
    await complete(stores)

    assert await reading == [1, 2, 3, 4, 5, 6]
    assert await late == [4, 5, 6]
    assert await numbers(stores, after=6) == []


async def test_no_event_of_two_processes_is_missed(
    settings: Settings,
    stores: Stores,
    run: str,
    processes: Callable[..., Awaitable[list[str]]],
) -> None:
    reading = [asyncio.create_task(numbers(stores, after)) for after in (0, 0, 1, 100, 500)]
    own = [asyncio.create_task(stores.events.append(run, "progress", {})) for _ in range(100)]
    await processes(_WRITE, 2, settings.model_dump_json())
    await asyncio.gather(*own)
    await complete(stores)

    last = 1 + 100 + 2 * 300 + 1
    for received, after in zip(await asyncio.gather(*reading), (0, 0, 1, 100, 500), strict=True):
        assert received == list(range(after + 1, last + 1))


async def test_many_readers_cost_one_query(stores: Stores, others: Stores, run: str) -> None:
    await fill(stores, 5)
    with statements(stores) as executed:
        reading = [asyncio.create_task(numbers(stores)) for _ in range(READERS)]
        await all_started(stores, READERS)
        assert reads_of_events(executed) == 1
        executed.clear()
        began = asyncio.get_running_loop().time()

        await others.events.append(run, "progress", {})
        await all_started(stores, READERS)
        await complete(others)
        received = await asyncio.gather(*reading)

        # Each of two events was read once, or both together; there are as many polls as fit in the
        # time, however many readers there are.
        assert 1 <= reads_of_events(executed) <= 2
        took = asyncio.get_running_loop().time() - began
        polls = sum("last_event" in statement for statement in executed) - reads_of_events(executed)
        assert polls <= took / SQLITE_POLL_SECONDS + 2
    assert received == [[1, 2, 3, 4, 5, 6, 7, 8]] * READERS


async def test_events_of_this_process_are_not_read(stores: Stores, run: str) -> None:
    reading = asyncio.create_task(numbers(stores))
    await all_started(stores)
    with statements(stores) as executed:
        for _ in range(50):
            await stores.events.append(run, "progress", {})
        await complete(stores)
        assert await reading == list(range(1, 53))
    # A poll may come between a commit and its announcement.
    assert reads_of_events(executed) < 50


async def test_runs_share_a_poll(
    stores: Stores, create_run: Callable[[str], Awaitable[None]]
) -> None:
    names = [f"run{number}" for number in range(1200)]
    for name in names:
        await create_run(name)
    reading = [asyncio.create_task(numbers(stores, workflow_id=name)) for name in names]
    for name in names:
        await all_started(stores, workflow_id=name)
    for name in names[::100]:
        await stores.results.store(name, GoalStatus.COMPLETED, None, 1.0)
        assert await reading[names.index(name)] == [1, 2]
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)


async def test_a_slow_reader_misses_nothing_and_costs_no_memory(
    stores: Stores, others: Stores, run: str
) -> None:
    feed = stores.events.feed
    with feed.follow(run) as slow, feed.follow(run) as quick:
        assert [stored.event.number for stored in await slow.next()] == [1]
        seen = 0
        for writer in (stores, others) * 3:
            await fill(writer, WINDOW_SIZE)
            while seen < 1 + WINDOW_SIZE:
                seen += len(await quick.next())
            seen -= WINDOW_SIZE
        assert len(feed._tails[run]._window) == WINDOW_SIZE
        last = 1 + 6 * WINDOW_SIZE
        assert last > 2 * PAGE_SIZE
        await complete(others)

        caught_up = [stored.event.number async for page in pages(slow) for stored in page]

        assert caught_up == list(range(2, last + 2))


async def pages(reader: EventReader) -> AsyncIterator[Sequence[StoredEvent]]:
    while page := await reader.next():
        yield page


async def test_a_cancelled_reader_does_not_disturb_others(stores: Stores, run: str) -> None:
    feed = stores.events.feed
    first, second = (asyncio.create_task(numbers(stores)) for _ in range(2))
    await asyncio.sleep(0)  # both await the same read now
    first.cancel()
    await all_started(stores)
    assert feed._tails[run].readers == 1
    await complete(stores)
    assert await second == [1, 2]
    assert feed._tails == {}
    assert feed._polling is not None
    await asyncio.wait_for(feed._polling, 5)  # no reader, no poll


async def test_a_cancelled_read_loses_no_event(stores: Stores, run: str) -> None:
    feed = stores.events.feed
    with feed.follow(run) as reader:
        for number in range(1, 20):
            reading = asyncio.create_task(reader.next())
            for _ in range(number % 4):
                await asyncio.sleep(0)
            reading.cancel()
            page = (await asyncio.gather(reading, return_exceptions=True))[0]
            if isinstance(page, asyncio.CancelledError):
                page = await reader.next()
            assert not isinstance(page, BaseException)
            assert [stored.event.number for stored in page] == [number]
            await stores.events.append(run, "progress", {})


def reopen(transaction: Transaction) -> None:
    opened = update(schema.goals).values(status="running", ended_at=None, success=None)
    transaction.connection.execute(opened)
    add_event(transaction, "run", "run.retrying", {})


async def test_a_failed_run_that_is_retried_goes_on(
    stores: Stores, others: Stores, run: str
) -> None:
    await complete(stores, GoalStatus.FAILED)
    assert await numbers(stores) == [1, 2]

    await others.database.write(reopen)
    reading = [asyncio.create_task(numbers(stores, after)) for after in (0, 2)]
    await all_started(stores, 2)
    await complete(others)
    assert await asyncio.gather(*reading) == [[1, 2, 3, 4], [3, 4]]


async def test_a_reader_that_is_behind_at_a_retry_goes_on(
    stores: Stores, others: Stores, run: str
) -> None:
    feed = stores.events.feed
    with feed.follow(run) as reader:
        await reader.next()
        await complete(others, GoalStatus.FAILED)
        await until_async(lambda: feed._tails[run].status == "failed")
        await stores.database.write(reopen)
        received: list[int] = []
        while len(received) < 2:
            received += [stored.event.number for stored in await reader.next()]
        waiting = asyncio.create_task(reader.next())
        await complete(others)
        assert [stored.event.type for stored in await waiting] == ["run.completed"]
        assert await reader.next() == ()
    assert received == [2, 3]


async def test_a_run_that_is_closed_without_an_event_ends(
    stores: Stores, others: Stores, run: str
) -> None:
    await complete(stores, GoalStatus.FAILED)
    await others.database.write(reopen)
    reading = asyncio.create_task(numbers(stores))
    await all_started(stores)
    closed = update(schema.goals).values(status="failed", ended_at=datetime.now(UTC))
    await others.database.write(lambda transaction: transaction.connection.execute(closed))
    assert await asyncio.wait_for(reading, 10) == [1, 2, 3]


@pytest.mark.parametrize("type_", ["run.completed", "run.failed"])
async def test_a_final_event_alone_is_no_end(stores: Stores, run: str, type_: EventType) -> None:
    await stores.events.append(run, type_, {})
    reading = asyncio.create_task(numbers(stores))
    await all_started(stores)
    await stores.events.append(run, "progress", {})
    await complete(stores)
    assert await reading == [1, 2, 3, 4]


async def test_an_unknown_run_is_named(stores: Stores) -> None:
    with pytest.raises(UnknownGoal, match="'nowhere'"):
        await numbers(stores, workflow_id="nowhere")


async def test_a_deleted_run_ends_its_readers(stores: Stores, others: Stores, run: str) -> None:
    reading = asyncio.create_task(numbers(stores))
    await all_started(stores)
    await others.database.write(
        lambda transaction: transaction.connection.execute(text("DELETE FROM goals"))
    )
    with pytest.raises(UnknownGoal, match="'run'"):
        await asyncio.wait_for(reading, 10)


async def test_an_event_type_of_a_newer_version_is_returned(
    stores: Stores, others: Stores, run: str
) -> None:
    await others.events.append(run, "progress", {"metres": 3})
    change = update(schema.events).where(schema.events.c.number == 2).values(type="run.levitated")
    await others.database.write(lambda transaction: transaction.connection.execute(change))
    with stores.events.feed.follow(run) as reader:
        _, stored = await reader.next()
    assert (stored.event.type, stored.event.data) == ("run.levitated", {"metres": 3})
    assert '"type":"run.levitated"' in stored.json


async def test_closing_the_stores_ends_readers(settings: Settings) -> None:
    async with open_stores(settings) as stores:
        goal = Goal(goal_id="sales", description="Profile the sales", agent_type="analysis")
        await stores.goals.create(goal, "run", datetime.now(UTC))
        waiting = asyncio.create_task(numbers(stores))
        await all_started(stores)
    with pytest.raises(StoreUnavailable, match="were closed"):
        await waiting


async def test_a_change_is_found_after_an_error_too(
    stores: Stores, others: Stores, run: str
) -> None:
    database = stores.database
    found = await database.read_if_changed(lambda _: "first", None)
    assert found is not None
    version, value = found
    assert value == "first"
    if database.is_sqlite:
        assert await database.read_if_changed(lambda _: "again", version) is None
    await others.events.append(run, "progress", {})
    with pytest.raises(Exception, match="no_such"):
        await database.read_if_changed(lambda c: c.execute(text("SELECT * FROM no_such")), version)
    assert (await database.read_if_changed(lambda _: "then", version) or ("", ""))[1] == "then"
