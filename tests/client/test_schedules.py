"""Schedules over the client."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from pydantic import JsonValue

from perdure.client import AsyncClient, Conflict, InvalidRequest, NotFound
from perdure.models import Budget, GoalContent
from perdure.schemas.schedules.records import ScheduleRecord, StartStatus
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOAL = GoalContent(
    goal_id="report", description="Report of {scheduled_time}", agent_type="count", priority=2
)
AFTER = GoalContent(goal_id="mail", description="Mail {result}", agent_type="count")


@pytest_asyncio.fixture(loop_scope="session")
async def schedules(client: AsyncClient) -> AsyncIterator[AsyncClient]:
    """Return a client; its schedule is gone after the test."""
    yield client
    try:
        await client.schedules.delete("daily")
    except NotFound:
        return


async def test_the_way_of_a_schedule(schedules: AsyncClient) -> None:
    client = schedules
    made = await client.schedules.create("daily", GOAL, cron="0 7 * * *", on_success=[AFTER])
    assert made.schedule.goal == GOAL
    assert made.schedule.on_success == (AFTER,)
    with pytest.raises(Conflict, match="already"):
        await client.schedules.create("daily", GOAL, every_seconds=60)

    async def listed() -> list[str]:
        return [one.schedule.name for one in (await client.schedules.list()).schedules]

    await until_async(listed, "a list with it")
    assert await listed() == ["daily"]
    assert (await client.schedules.pause("daily")).paused
    moment = datetime(2025, 1, 1, 7, tzinfo=UTC)
    filled = await client.schedules.backfill("daily", start_at=moment, end_at=moment)
    assert filled.times == [moment]
    await client.schedules.trigger("daily")

    async def started() -> ScheduleRecord | None:
        record = await client.schedules.show("daily")
        ended = [one for one in record.starts or [] if len(one.goals) == 2]
        done = [one.status is StartStatus.COMPLETED for one in ended]
        return record if done == [True, True] else None

    record = await until_async(started, "two starts")
    assert record is not None
    assert record.starts is not None
    first, second = record.starts[-1].goals
    goal = await client.goals.show(first.workflow_id)
    assert (goal.description, goal.priority) == ("Report of 2025-01-01T07:00:00+00:00", 2)
    assert (await client.goals.show(second.workflow_id)).description == f"Mail {goal.description}"
    assert not (await client.schedules.resume("daily")).paused
    await client.schedules.delete("daily")
    with pytest.raises(NotFound):
        await client.schedules.show("daily")


async def test_what_is_given_changes(schedules: AsyncClient) -> None:
    client = schedules
    made = await client.schedules.create("daily", GOAL, cron="0 7 * * *", on_success=[AFTER])
    changed = await client.schedules.update("daily", cron=["0 8 * * *"], overlap="buffer-all")
    expected = {"cron": ("0 8 * * *",), "overlap": "buffer-all"}
    assert changed.schedule == made.schedule.model_copy(update=expected)
    goal: dict[str, JsonValue] = {"description": "Other words", "budget": {"tokens": 5}}
    changed = await client.schedules.update("daily", goal=goal, on_success=[], every_seconds=60)
    assert changed.schedule.goal.description == "Other words"
    assert changed.schedule.goal.priority == 2
    assert (changed.schedule.cron, changed.schedule.every_seconds) == ((), 60)
    assert changed.schedule.on_success == ()
    end_at = datetime(2099, 1, 1, tzinfo=UTC)
    assert (await client.schedules.update("daily", end_at=end_at)).schedule.end_at == end_at
    assert (await client.schedules.update("daily", end_at=None)).schedule.end_at is None
    with pytest.raises(InvalidRequest, match="no time zone"):
        await client.schedules.update("daily", time_zone="Mars")
    with pytest.raises(NotFound):
        await client.schedules.update("weekly", jitter_seconds=1)


async def test_what_is_refused(schedules: AsyncClient) -> None:
    limited = GOAL.model_copy(update={"budget": Budget(cost=1)})
    with pytest.raises(InvalidRequest, match="would never start anything"):
        await schedules.schedules.create("daily", limited, cron="0 0 30 2 *")
    with pytest.raises(NotFound):
        await schedules.schedules.trigger("daily")
