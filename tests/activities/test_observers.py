"""Observers get every event after it is stored, and none of them can hurt a goal."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from perdure.activities import observers
from perdure.models import Event, Goal
from perdure.settings import Settings
from perdure.stores import Stores, open_stores


class Recorder:
    def __init__(self) -> None:
        self.received: list[tuple[str, int]] = []

    async def on_event(self, event: Event) -> None:
        self.received.append((event.type, event.number))


class Broken:
    def __init__(self) -> None:
        self.called = 0

    async def on_event(self, event: Event) -> None:
        self.called += 1
        raise RuntimeError("no more paper")


class Hanging:
    def __init__(self) -> None:
        self.cancelled = asyncio.Event()

    async def on_event(self, event: Event) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()


async def begin(stores: Stores, workflow_id: str = "run") -> None:
    goal = Goal(goal_id="g", description="x", agent_type="echo")
    await stores.goals.create(goal, workflow_id, datetime.now(UTC))


async def test_an_observer_gets_each_event_in_order(own_home: Path) -> None:
    recorder = Recorder()
    async with open_stores(Settings(home=own_home)) as stores:
        async with observers.run_observers(stores.events, [recorder]):
            await begin(stores)
            for _ in range(3):
                await stores.events.append("run", "run.retrying", {})
        assert recorder.received == [("run.started", 1)] + [("run.retrying", n) for n in (2, 3, 4)]


async def test_broken_and_hanging_observers_delay_nobody(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observers, "OBSERVER_SECONDS", 0.2)
    broken, recorder, hanging = Broken(), Recorder(), Hanging()
    async with open_stores(Settings(home=own_home)) as stores:
        async with observers.run_observers(stores.events, [broken, hanging, recorder]):
            await begin(stores)
            await asyncio.wait_for(hanging.cancelled.wait(), 10)
            await begin(stores, "other")
        assert [number for _, number in recorder.received] == [1, 1]
        assert broken.called == 2  # one that has failed gets the next event all the same
        assert len(await stores.goals.list()) == 2


async def test_each_failure_is_counted_and_logged(own_home: Path) -> None:
    with structlog.testing.capture_logs() as logged:
        async with (
            open_stores(Settings(home=own_home)) as stores,
            observers.run_observers(stores.events, [Broken()]),
        ):
            await begin(stores)
            await stores.events.append("run", "run.retrying", {})
    failures = [(line["observer"], line["event_type"], line["failures"]) for line in logged]
    assert failures == [("Broken", "run.started", 1), ("Broken", "run.retrying", 2)]
    assert all("no more paper" in line["reason"] for line in logged)


async def test_an_observer_that_falls_behind_loses_events_not_goals(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observers, "OBSERVER_SECONDS", 0.1)
    monkeypatch.setattr(observers, "MAX_QUEUED_EVENTS", 2)
    async with (
        open_stores(Settings(home=own_home)) as stores,
        observers.run_observers(stores.events, [Hanging()]),
    ):
        await begin(stores)
        for _ in range(20):
            await stores.events.append("run", "run.retrying", {})
        assert len(await stores.events.after("run", 0)) == 21


async def test_observers_are_waited_for_together(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observers, "OBSERVER_SECONDS", 0.5)
    async with open_stores(Settings(home=own_home)) as stores:
        async with observers.run_observers(stores.events, [Hanging() for _ in range(20)]):
            await begin(stores)
            for _ in range(50):
                await stores.events.append("run", "run.retrying", {})
            stopped = asyncio.get_running_loop().time()
        # One after the other they would have taken ten seconds.
        assert asyncio.get_running_loop().time() - stopped < 5
