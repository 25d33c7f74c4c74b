"""Goals say which schedule has started them; a tenant's limits hold for them; retries go on."""

from datetime import UTC, datetime

import pytest

from perdure.agents import AgentSpec, Goal, InputError, Result, Run
from perdure.api.access.quotas import TooManyRequests
from perdure.api.gateway.rates import RateLimits
from perdure.models import GoalRecord, GoalStatus
from perdure.schemas.schedules.records import StartStatus
from perdure.settings import Rate
from tests.support.installation import Install
from tests.support.redis_server import RedisServer
from tests.support.schedules import GATES, SAY, Here, day, delete_all
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_goal_names_its_schedule_and_its_time(here: Here) -> None:
    following = [{"goal_id": "second", "agent_type": "say", "description": "{result}"}]
    await here.create(cron=["0 7 * * *"], time_zone="Europe/Berlin", on_success=following)
    await here.create("other")
    await here.service.backfill("test", day("2025-10-24"), day("2025-10-24T23:00"))
    await here.trigger("other", StartStatus.COMPLETED, 1)
    by_hand = await here.installation.start("say", goal_id="by-hand")
    await here.installation.finish(by_hand)

    async def came() -> list[GoalRecord]:
        goals = await here.installation.stores.goals.list(schedule="test")
        return goals if [goal.status for goal in goals] == [GoalStatus.COMPLETED] * 2 else []

    goals = await until_async(came, "both goals")
    assert {goal.goal_id for goal in goals} == {"test", "second"}
    seven = datetime(2025, 10, 24, 5, tzinfo=UTC)
    assert {(goal.schedule, goal.scheduled_at) for goal in goals} == {("test", seven)}
    [triggered] = await here.installation.stores.goals.list(schedule="other")
    assert triggered.scheduled_at is not None
    alone = await here.installation.stores.goals.get(by_hand)
    assert (alone.schedule, alone.scheduled_at) == (None, None)
    assert await here.installation.stores.of("one").goals.list(schedule="test") == []
    counts = await here.installation.stores.goals.counts(schedule="test")
    assert counts == {GoalStatus.COMPLETED: 2}


async def test_a_tenants_rate_of_goals_holds_for_what_its_schedules_start(
    install: Install,
) -> None:
    here = Here(await install(SAY, tenant_goals=Rate(2, 86_400)))
    await delete_all(here.service)
    try:
        await here.create()
        await here.trigger("test", StartStatus.COMPLETED, 1)
        await here.trigger("test", StartStatus.COMPLETED, 2)
        await here.service.trigger("test")
        client = here.installation.client

        async def waits() -> bool:
            described = await client.get_schedule_handle(here.service.id_of("test")).describe()
            for action in described.info.running_actions:
                handle = client.get_workflow_handle(action.workflow_id)  # type: ignore[attr-defined]
                pending = (await handle.describe()).raw_description.pending_activities
                if any("may start 2 goals" in one.last_failure.message for one in pending):
                    return True
            return False

        await until_async(waits, "a start that waits for its turn")
        assert len(await here.goals()) == 2
        described = await client.get_schedule_handle(here.service.id_of("test")).describe()
        for action in described.info.running_actions:  # else another test's worker starts its goal
            await client.get_workflow_handle(action.workflow_id).terminate()  # type: ignore[attr-defined]
    finally:
        await delete_all(here.service)


async def test_with_redis_they_count_together_with_what_is_handed_in(
    install: Install, redis_server: RedisServer
) -> None:
    installation = await install(SAY, tenant_goals=Rate(2, 86_400), redis_url=redis_server.url)
    here = Here(installation)
    await delete_all(here.service)
    limits = RateLimits(installation.settings, installation.stores.redis)
    try:
        await limits.use("goals", "default")  # as the API does for a hand-in
        await here.create()
        await here.trigger("test", StartStatus.COMPLETED, 1)
        with pytest.raises(TooManyRequests, match="2 goals"):
            await limits.use("goals", "default")
    finally:
        await delete_all(here.service)


async def test_limits_of_goals_that_run_at_once_hold_for_them(install: Install) -> None:
    here = Here(await install(SAY, concurrent_goals="tenant:default=1"))
    await delete_all(here.service)
    try:
        gated = {"parameters": {"gate": "limited"}}
        await here.create(goal=gated, overlap="allow-all", cron=["@daily"])
        await here.service.backfill("test", day("2025-01-01"), day("2025-01-02"))

        async def one_waits() -> bool:
            records = [
                await here.installation.stores.goals.get(goal.workflow_id)
                for goal in await here.goals()
            ]
            return len(records) == 2 and sum(one.slot is not None for one in records) == 1

        await until_async(one_waits, "a goal that waits for a slot")
        GATES["limited"].set()
        await here.starts("test", StartStatus.COMPLETED, 2)
    finally:
        GATES["limited"].set()
        await delete_all(here.service)


async def test_what_follows_is_started_when_a_retry_by_hand_has_succeeded(
    install: Install,
) -> None:
    broken = {"first", "second"}

    async def mends(run: Run, goal: Goal) -> Result:
        if goal.goal_id in broken:
            raise InputError(f"{goal.goal_id} is broken: mend it")
        return Result(summary=f"did {goal.description}")

    here = Here(await install(AgentSpec(name="mends", description="", agent=mends)))
    await delete_all(here.service)
    try:
        following = [
            {"goal_id": "second", "agent_type": "mends", "description": "after {workflow_id}"},
            {
                "goal_id": "third",
                "agent_type": "mends",
                "description": "{result} at {scheduled_time}",
            },
        ]
        first = {"goal_id": "first", "agent_type": "mends"}
        await here.create(
            goal=first, on_success=following, cron=["0 7 * * *"], time_zone="Europe/Berlin"
        )
        await here.service.backfill("test", day("2025-10-24"), day("2025-10-24T23:00"))
        [start] = await here.starts("test", StartStatus.FAILED, 1)
        assert [goal.goal_id for goal in start.goals] == ["first"]
        for goal_id in ("first", "second"):
            # What follows fails in its turn, and is retried as well.
            [failed] = await until_failed(here, goal_id)
            broken.discard(goal_id)
            await here.installation.service.control.retry(failed.workflow_id)
        completed = [(name, GoalStatus.COMPLETED) for name in ("first", "second", "third")]

        async def all_are_shown() -> bool:
            [start] = (await here.service.get("test")).starts or []
            return [(goal.goal_id, goal.status) for goal in start.goals] == completed

        await until_async(all_are_shown, "all three goals in the start")
        by_id = {goal.goal_id: goal for goal in await here.goals()}
        assert len(by_id) == len(await here.goals()) == 3
        assert by_id["second"].description == f"after {by_id['first'].workflow_id}"
        assert by_id["third"].description == (
            f"did after {by_id['first'].workflow_id} at 2025-10-24T07:00:00+02:00"
        )
        assert {goal.schedule for goal in by_id.values()} == {"test"}
        assert len({goal.scheduled_at for goal in by_id.values()}) == 1
    finally:
        await delete_all(here.service)


async def until_failed(here: Here, goal_id: str) -> list[GoalRecord]:
    async def failed() -> list[GoalRecord]:
        goals = await here.goals()
        return [
            goal for goal in goals if (goal.goal_id, goal.status) == (goal_id, GoalStatus.FAILED)
        ]

    return await until_async(failed, f"the failure of {goal_id}")
