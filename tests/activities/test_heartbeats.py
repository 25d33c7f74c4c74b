"""How often activities heartbeat: the less often, the more of them a worker runs."""

import asyncio

import pytest
from temporalio.testing import ActivityEnvironment

from perdure.activities import heartbeats
from perdure.activities.heartbeats import heartbeat_seconds, heartbeating


@pytest.mark.parametrize(
    ("activities", "seconds"), [(1, 2.0), (100, 2.0), (200, 4.0), (600, 12.0), (10_000, 12.0)]
)
def test_a_worker_with_many_sends_each_ones_heartbeats_less_often(
    activities: int, seconds: float
) -> None:
    assert heartbeat_seconds(activities) == seconds


async def test_those_that_have_ended_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    beats = asyncio.Semaphore(0)

    def seconds(activities: int) -> float:
        counted.append(activities)
        return 0.0

    monkeypatch.setattr(heartbeats, "heartbeat_seconds", seconds)

    async def run(number: int) -> None:
        environment = ActivityEnvironment()
        environment.on_heartbeat = lambda *_: beats.release()

        async def work() -> None:
            async with heartbeating(lambda: (number,)):
                await beats.acquire()

        await environment.run(work)

    await asyncio.gather(run(1), run(2))
    assert max(counted) == 2
    counted.clear()
    await run(3)
    assert set(counted) == {1}
