"""The event store: numbered without a gap."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from perdure.models import Event
from perdure.stores import Stores, UnknownGoal
from tests.support.until import until_async

CreateRun = Callable[[str], Awaitable[None]]


async def test_events_come_back_in_order(stores: Stores, run: str) -> None:
    appended = await stores.events.append(run, "run.retrying", {"attempt": 2, "why": ["a", None]})

    events = await stores.events.after(run, 0)
    assert [(event.number, event.type) for event in events] == [
        (1, "run.started"),
        (2, "run.retrying"),
    ]
    assert events[1] == appended
    assert events[1].time.utcoffset() == timedelta(0)


async def test_events_are_read_from_any_number_in_pages(stores: Stores, run: str) -> None:
    for _ in range(9):
        await stores.events.append(run, "progress", {"percentage": 1})

    async def numbers(after: int, limit: int) -> list[int]:
        return [event.number for event in await stores.events.after(run, after, limit)]

    assert await numbers(0, 4) == [1, 2, 3, 4]
    assert await numbers(4, 4) == [5, 6, 7, 8]
    assert await numbers(8, 4) == [9, 10]
    assert await numbers(10, 4) == []


async def test_numbers_of_concurrent_writes_have_no_gap(
    stores: Stores, create_run: CreateRun
) -> None:
    runs = [f"run{number}" for number in range(5)]
    for run in runs:
        await create_run(run)

    await asyncio.gather(
        *(stores.events.append(run, "progress", {"n": n}) for n in range(40) for run in runs)
    )

    for run in runs:
        events = await stores.events.after(run, 0)
        assert [event.number for event in events] == list(range(1, 42))
        assert sorted(str(event.data["n"]) for event in events[1:]) == sorted(map(str, range(40)))


async def test_an_event_of_an_unknown_run_is_refused(stores: Stores) -> None:
    with pytest.raises(UnknownGoal, match="'nowhere'"):
        await stores.events.append("nowhere", "run.retrying", {})


async def test_subscribers_get_committed_events(stores: Stores, create_run: CreateRun) -> None:
    received: list[Event] = []
    stores.events.subscribe(received.append)
    await create_run("run")
    await stores.events.append("run", "progress", {"n": 1})
    with pytest.raises(UnknownGoal):
        await stores.events.append("nowhere", "progress", {})

    await until_async(lambda: len(received) >= 2)  # PostgreSQL's subscribers are called in a moment

    assert received == await stores.events.after("run", 0)


async def test_a_cancelled_write_is_whole_or_absent_and_hurts_no_other(
    stores: Stores, run: str
) -> None:
    writes = [
        asyncio.create_task(stores.events.append(run, "progress", {"n": n})) for n in range(60)
    ]
    await writes[5]
    for write in writes[::2]:
        write.cancel()
    await asyncio.gather(*writes, return_exceptions=True)

    last = await stores.events.append(run, "progress", {"n": 60})

    events = await stores.events.after(run, 1)
    assert [event.number for event in events] == list(range(2, last.number + 1))
    assert {event.data["n"] for event in events} >= {*range(1, 60, 2), 60}


async def test_the_last_steps_of_a_run_are_known_by_their_numbers(stores: Stores, run: str) -> None:
    async def tell(end: str, step: str, **data: float) -> None:
        await stores.events.append(run, f"step.{end}", {"step": step, **data})  # type: ignore[arg-type]

    assert await stores.events.recent_steps(run) == []
    for number in range(1, 12):
        await tell("started", "look", number=number)
        await stores.events.append(run, "progress", {"percentage": number})
        await tell("completed", "look", number=number, seconds=0.5)
    await tell("failed", "publish", number=1, seconds=2.0)
    await tell("started", "look", number=12)
    await tell("started", "of an older version")

    steps = await stores.events.recent_steps(run)
    assert len(steps) == 10
    assert [(step.label, step.status, step.seconds) for step in steps[-4:]] == [
        ("look (11)", "completed", 0.5),
        ("publish", "failed", 2.0),
        ("look (12)", "started", None),
        ("of an older version", "started", None),
    ]
    assert steps[0].label == "look (5)"
