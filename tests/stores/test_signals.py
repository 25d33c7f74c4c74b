"""The signal store."""

import asyncio

import pytest
from pydantic import JsonValue

from perdure.models import GoalStatus
from perdure.stores import Stores, UnknownGoal
from perdure.stores.database.errors import InputRefused, RunEnded
from perdure.stores.journal.signals import MAX_SIGNAL_BYTES


async def test_signals_are_numbered_by_name_and_have_events(stores: Stores, run: str) -> None:
    assert await stores.signals.send(run, "go", None) == 1
    assert await stores.signals.send(run, "go", {"a": ["\0", "é"]}) == 2
    assert await stores.signals.send(run, "stop", True) == 1
    events = [event.data for event in await stores.events.after(run, 1)]
    assert events == [
        {"name": "go", "number": 1},
        {"name": "go", "number": 2},
        {"name": "stop", "number": 1},
    ]


async def test_sent_at_once_each_has_its_number(stores: Stores, run: str) -> None:
    numbers = await asyncio.gather(*(stores.signals.send(run, "go", n) for n in range(20)))
    assert sorted(numbers) == list(range(1, 21))


async def test_a_run_that_has_ended_accepts_none(stores: Stores, run: str) -> None:
    await stores.results.store(run, GoalStatus.FAILED, None, 1.0)
    with pytest.raises(RunEnded, match=r"has ended \(failed\)"):
        await stores.signals.send(run, "go", None)
    with pytest.raises(UnknownGoal, match="'nowhere'"):
        await stores.signals.send("nowhere", "go", None)
    assert [event.type for event in await stores.events.after(run, 0)] == [
        "run.started",
        "run.failed",
    ]


@pytest.mark.parametrize("name", ["", "a b", "-a", "a/b", "é", "x" * 101, "a\n"])
async def test_what_is_no_name_is_refused(stores: Stores, run: str, name: str) -> None:
    with pytest.raises(InputRefused, match="no name for a signal"):
        await stores.signals.send(run, name, None)


@pytest.mark.parametrize("data", ["x" * MAX_SIGNAL_BYTES, float("nan")])
async def test_data_that_cannot_be_kept_is_refused(
    stores: Stores, run: str, data: JsonValue
) -> None:
    with pytest.raises(InputRefused, match="'go'"):
        await stores.signals.send(run, "go", data)
