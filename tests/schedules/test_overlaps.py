"""What becomes of a start whose time comes while the one before it runs, under a real clock.

All policies at once: a schedule starts something every two seconds for a while, and no goal of it
ends before its gate opens.
"""

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from perdure.models import GoalStatus
from perdure.models.schedules.content import OverlapPolicy
from perdure.schemas.schedules.records import ScheduleRecord, StartStatus
from tests.support.schedules import GATES, Here
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECONDS = 14


class Overlaps:
    """A schedule for each policy, when all of them are over and their gates still shut."""

    def __init__(self, here: Here) -> None:
        self.here = here

    async def begin(self) -> None:
        end_at = datetime.now(UTC) + timedelta(seconds=SECONDS)
        for policy in OverlapPolicy:
            GATES[policy.value].clear()
            await self.here.create(
                policy.value,
                cron=[],
                every_seconds=2,
                end_at=end_at,
                overlap=policy,
                goal={"parameters": {"gate": policy.value}},
            )

        async def are_over() -> bool:
            records = [await self.show(policy) for policy in OverlapPolicy]
            return not any(record.next_times for record in records)

        await until_async(are_over, "the end of all schedules")

    async def show(self, policy: OverlapPolicy) -> ScheduleRecord:
        return await self.here.service.get(policy.value)

    async def statuses(self, policy: OverlapPolicy) -> list[StartStatus]:
        """Return what became of the starts, the newest first."""
        return [start.status for start in (await self.show(policy)).starts or []]

    async def until_they_are(self, policy: OverlapPolicy, *expected: StartStatus) -> None:
        async def are() -> bool:
            return await self.statuses(policy) == [*expected]

        await until_async(are, f"{policy.value} to have {expected}")

    async def goals(self, policy: OverlapPolicy) -> list[GoalStatus]:
        goals = await self.here.installation.stores.goals.list(schedule=policy.value, limit=100)
        return [goal.status for goal in goals]


@pytest_asyncio.fixture(loop_scope="session")
async def overlaps(here: Here) -> Overlaps:
    overlaps = Overlaps(here)
    await overlaps.begin()
    return overlaps


async def test_each_policy(overlaps: Overlaps) -> None:
    running, completed = StartStatus.RUNNING, StartStatus.COMPLETED

    await overlaps.until_they_are(OverlapPolicy.SKIP, running)
    assert (await overlaps.show(OverlapPolicy.SKIP)).skipped
    GATES["skip"].set()
    await overlaps.until_they_are(OverlapPolicy.SKIP, completed)

    await overlaps.until_they_are(OverlapPolicy.BUFFER_ONE, running)
    assert (await overlaps.show(OverlapPolicy.BUFFER_ONE)).skipped
    GATES["buffer-one"].set()
    await overlaps.until_they_are(OverlapPolicy.BUFFER_ONE, completed, completed)

    # As many as came due: what is left out of the others is started here.
    await overlaps.until_they_are(OverlapPolicy.BUFFER_ALL, running)
    assert not (await overlaps.show(OverlapPolicy.BUFFER_ALL)).skipped

    async def all_run() -> int:
        statuses = await overlaps.statuses(OverlapPolicy.ALLOW_ALL)
        return len(statuses) if {*statuses} == {running} and len(statuses) > 2 else 0

    side_by_side = await until_async(all_run, "goals side by side")
    GATES["buffer-all"].set()

    async def all_followed() -> int:
        statuses = await overlaps.statuses(OverlapPolicy.BUFFER_ALL)
        return len(statuses) if {*statuses} == {completed} and len(statuses) > 2 else 0

    await until_async(all_followed, "goals one after the other")
    GATES["allow-all"].set()
    await overlaps.until_they_are(OverlapPolicy.ALLOW_ALL, *[completed] * side_by_side)

    for policy in (OverlapPolicy.CANCEL_OTHER, OverlapPolicy.TERMINATE_OTHER):

        async def only_one_runs(policy: OverlapPolicy = policy) -> bool:
            goals = await overlaps.goals(policy)
            return goals[:1] == [GoalStatus.RUNNING] and {*goals[1:]} == {GoalStatus.CANCELLED}

        await until_async(only_one_runs, f"one goal of {policy.value}")
        GATES[policy.value].set()

        async def has_ended(policy: OverlapPolicy = policy) -> bool:
            return (await overlaps.goals(policy))[0] is GoalStatus.COMPLETED

        await until_async(has_ended, f"the end of {policy.value}")
        assert GoalStatus.RUNNING not in await overlaps.goals(policy)
