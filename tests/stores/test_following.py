"""Following runs: nothing is missed, nothing is told twice, and many cost no more than one."""

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
from perdure.stores.events.event_feed import SQLITE_LOOK_SECONDS, Reader, feed_of
from perdure.stores.events.event_log import add_event
from perdure.stores.events.follow import follow_events
from perdure.stores.events.run_tail import PAGE, WINDOW, RunTail, Told

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
    return [event.number async for event in follow_events(stores, workflow_id, after)]


async def fill(stores: Stores, count: int) -> None:
    def add(transaction: Transaction) -> None:
        for number in range(count):
            add_event(transaction, "run", "progress", {"n": number})

    await stores.database.write(add)


async def complete(stores: Stores, status: GoalStatus = GoalStatus.COMPLETED) -> None:
    await stores.results.store("run", status, None, 1.0)


async def all_begun(stores: Stores, readers: int = 1, workflow_id: str = "run") -> None:
    """Return when so many read and wait for news."""
    runs = feed_of(stores.database)._runs
    async with asyncio.timeout(30):
        while workflow_id not in runs or waiting(runs[workflow_id]) < readers:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def waiting(run: RunTail) -> int:
    return len(run._moved._waiters)


@contextmanager
def statements(stores: Stores) -> Iterator[list[str]]:
    """Note every statement that these stores execute."""
    noted: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        noted.append(statement)

    engine = stores.database._engine  # type: ignore[attr-defined]
    engine = getattr(engine, "sync_engine", engine)
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield noted
    finally:
        event.remove(engine, "before_cursor_execute", note)


def reads_of_events(noted: list[str]) -> int:
    return sum("events.data" in statement for statement in noted)


async def test_what_was_and_then_what_comes_to_the_end(stores: Stores, run: str) -> None:
    await fill(stores, 3)
    reading = asyncio.create_task(numbers(stores))
    late = asyncio.create_task(numbers(stores, after=3))
    await all_begun(stores, 2)
    await stores.events.append(run, "progress", {})
    await complete(stores)

    assert await reading == [1, 2, 3, 4, 5, 6]
    assert await late == [4, 5, 6]
    assert await numbers(stores, after=6) == []


async def test_two_processes_write_at_once_and_nothing_is_missed(
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
    for told, after in zip(await asyncio.gather(*reading), (0, 0, 1, 100, 500), strict=True):
        assert told == list(range(after + 1, last + 1))


async def test_a_crowd_costs_one_query(stores: Stores, others: Stores, run: str) -> None:
    await fill(stores, 5)
    with statements(stores) as noted:
        reading = [asyncio.create_task(numbers(stores)) for _ in range(READERS)]
        await all_begun(stores, READERS)
        assert reads_of_events(noted) == 1
        noted.clear()
        began = asyncio.get_running_loop().time()

        await others.events.append(run, "progress", {})
        await all_begun(stores, READERS)
        await complete(others)
        told = await asyncio.gather(*reading)

        # Each of two events was read once, or both together; the looks are as many as fit in the
        # time, however many read.
        assert 1 <= reads_of_events(noted) <= 2
        took = asyncio.get_running_loop().time() - began
        looks = sum("last_event" in statement for statement in noted) - reads_of_events(noted)
        assert looks <= took / SQLITE_LOOK_SECONDS + 2
    assert told == [[1, 2, 3, 4, 5, 6, 7, 8]] * READERS


async def test_what_this_process_stores_is_read_by_nobody(stores: Stores, run: str) -> None:
    reading = asyncio.create_task(numbers(stores))
    await all_begun(stores)
    with statements(stores) as noted:
        for _ in range(50):
            await stores.events.append(run, "progress", {})
        await complete(stores)
        assert await reading == list(range(1, 53))
    # A look may come between a commit and its announcement.
    assert reads_of_events(noted) < 50


async def test_runs_share_a_look(stores: Stores, begin: Callable[[str], Awaitable[None]]) -> None:
    names = [f"run{number}" for number in range(1200)]
    for name in names:
        await begin(name)
    reading = [asyncio.create_task(numbers(stores, workflow_id=name)) for name in names]
    for name in names:
        await all_begun(stores, workflow_id=name)
    for name in names[::100]:
        await stores.results.store(name, GoalStatus.COMPLETED, None, 1.0)
        assert await reading[names.index(name)] == [1, 2]
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)


async def test_who_is_slow_misses_nothing_and_costs_no_memory(
    stores: Stores, others: Stores, run: str
) -> None:
    feed = feed_of(stores.database)
    with feed.watch(run) as slow, feed.watch(run) as quick:
        assert [told.event.number for told in await slow.next()] == [1]
        seen = 0
        for writer in (stores, others) * 3:
            await fill(writer, WINDOW)
            while seen < 1 + WINDOW:
                seen += len(await quick.next())
            seen -= WINDOW
        assert len(feed._runs[run]._window) == WINDOW
        last = 1 + 6 * WINDOW
        assert last > 2 * PAGE
        await complete(others)

        caught_up = [told.event.number async for page in pages(slow) for told in page]

        assert caught_up == list(range(2, last + 2))


async def pages(reader: Reader) -> AsyncIterator[Sequence[Told]]:
    while told := await reader.next():
        yield told


async def test_who_goes_away_takes_nothing_along(stores: Stores, run: str) -> None:
    feed = feed_of(stores.database)
    first, second = (asyncio.create_task(numbers(stores)) for _ in range(2))
    await asyncio.sleep(0)  # both wait for the same read now
    first.cancel()
    await all_begun(stores)
    assert feed._runs[run].readers == 1
    await complete(stores)
    assert await second == [1, 2]
    assert feed._runs == {}
    assert feed._looking is not None
    await asyncio.wait_for(feed._looking, 5)  # nobody follows: nobody looks


async def test_a_reader_that_is_cancelled_between_loses_no_event(stores: Stores, run: str) -> None:
    feed = feed_of(stores.database)
    with feed.watch(run) as reader:
        for number in range(1, 20):
            asked = asyncio.create_task(reader.next())
            for _ in range(number % 4):
                await asyncio.sleep(0)
            asked.cancel()
            told = (await asyncio.gather(asked, return_exceptions=True))[0]
            if isinstance(told, asyncio.CancelledError):
                told = await reader.next()
            assert not isinstance(told, BaseException)
            assert [item.event.number for item in told] == [number]
            await stores.events.append(run, "progress", {})


def reopen(transaction: Transaction) -> None:
    opened = update(schema.goals).values(status="running", ended_at=None, success=None)
    transaction.connection.execute(opened)
    add_event(transaction, "run", "run.retrying", {})


async def test_a_failed_run_that_is_taken_up_again_goes_on(
    stores: Stores, others: Stores, run: str
) -> None:
    await complete(stores, GoalStatus.FAILED)
    assert await numbers(stores) == [1, 2]

    await others.database.write(reopen)
    reading = [asyncio.create_task(numbers(stores, after)) for after in (0, 2)]
    await all_begun(stores, 2)
    await complete(others)
    assert await asyncio.gather(*reading) == [[1, 2, 3, 4], [3, 4]]


async def test_who_was_behind_when_a_run_was_taken_up_again_goes_on(
    stores: Stores, others: Stores, run: str
) -> None:
    feed = feed_of(stores.database)
    with feed.watch(run) as reader:
        await reader.next()
        await complete(others, GoalStatus.FAILED)
        while feed._runs[run].status != "failed":  # noqa: ASYNC110 -- nobody says so
            await asyncio.sleep(0.005)
        await stores.database.write(reopen)
        told: list[int] = []
        while len(told) < 2:
            told += [item.event.number for item in await reader.next()]
        waiting = asyncio.create_task(reader.next())
        await complete(others)
        assert [item.event.type for item in await waiting] == ["run.completed"]
        assert await reader.next() == ()
    assert told == [2, 3]


async def test_a_run_that_is_closed_again_without_a_word_ends(
    stores: Stores, others: Stores, run: str
) -> None:
    await complete(stores, GoalStatus.FAILED)
    await others.database.write(reopen)
    reading = asyncio.create_task(numbers(stores))
    await all_begun(stores)
    closed = update(schema.goals).values(status="failed", ended_at=datetime.now(UTC))
    await others.database.write(lambda transaction: transaction.connection.execute(closed))
    assert await asyncio.wait_for(reading, 10) == [1, 2, 3]


@pytest.mark.parametrize("type_", ["run.completed", "run.failed"])
async def test_a_final_event_alone_is_no_end(stores: Stores, run: str, type_: EventType) -> None:
    await stores.events.append(run, type_, {})
    reading = asyncio.create_task(numbers(stores))
    await all_begun(stores)
    await stores.events.append(run, "progress", {})
    await complete(stores)
    assert await reading == [1, 2, 3, 4]


async def test_an_unknown_run_is_named(stores: Stores) -> None:
    with pytest.raises(UnknownGoal, match="'nowhere'"):
        await numbers(stores, workflow_id="nowhere")


async def test_a_run_whose_record_goes_ends_its_readers(
    stores: Stores, others: Stores, run: str
) -> None:
    reading = asyncio.create_task(numbers(stores))
    await all_begun(stores)
    await others.database.write(
        lambda transaction: transaction.connection.execute(text("DELETE FROM goals"))
    )
    with pytest.raises(UnknownGoal, match="'run'"):
        await asyncio.wait_for(reading, 10)


async def test_a_type_of_a_newer_version_is_told(stores: Stores, others: Stores, run: str) -> None:
    await others.events.append(run, "progress", {"metres": 3})
    change = update(schema.events).where(schema.events.c.number == 2).values(type="run.levitated")
    await others.database.write(lambda transaction: transaction.connection.execute(change))
    with feed_of(stores.database).watch(run) as reader:
        _, told = await reader.next()
    assert (told.event.type, told.event.data) == ("run.levitated", {"metres": 3})
    assert '"type":"run.levitated"' in told.json


async def test_stores_that_close_end_their_readers(settings: Settings) -> None:
    async with open_stores(settings) as stores:
        goal = Goal(goal_id="sales", description="Profile the sales", agent_type="analysis")
        await stores.goals.begin(goal, "run", datetime.now(UTC))
        waiting = asyncio.create_task(numbers(stores))
        await all_begun(stores)
    with pytest.raises(StoreUnavailable, match="were closed"):
        await waiting


async def test_what_changed_is_told_after_an_error_too(
    stores: Stores, others: Stores, run: str
) -> None:
    database = stores.database
    found = await database.read_changes(lambda _: "first", None)
    assert found is not None
    mark, value = found
    assert value == "first"
    if database.is_sqlite:
        assert await database.read_changes(lambda _: "again", mark) is None
    await others.events.append(run, "progress", {})
    with pytest.raises(Exception, match="no_such"):
        await database.read_changes(lambda c: c.execute(text("SELECT * FROM no_such")), mark)
    assert (await database.read_changes(lambda _: "then", mark) or ("", ""))[1] == "then"
