"""Schedules that are changed in place: what is given changes, and nothing else."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from perdure.agents.parameters import ParametersRefused
from perdure.agents.plugins.registry import UnknownAgent
from perdure.models.schedules.content import OverlapPolicy, ScheduleContent
from perdure.schemas.schedules.records import StartStatus
from perdure.schemas.schedules.requests import ScheduleChanges
from perdure.stores.database.errors import InputRefused
from perdure.temporal.schedules.errors import UnknownSchedule
from tests.support.schedules import BERLIN, Here
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")


def changes(**given: Any) -> ScheduleChanges:
    return ScheduleChanges.model_validate(given)


async def test_what_is_given_changes_and_nothing_else(here: Here) -> None:
    following = [{"goal_id": "second", "agent_type": "say", "description": "{result}"}]
    made = await here.create(
        cron=["0 7 * * *"],
        time_zone=BERLIN,
        overlap=OverlapPolicy.BUFFER_ONE,
        jitter_seconds=5,
        goal={"parameters": {"page": "a"}, "priority": 2, "budget": {"tokens": 10}},
        on_success=following,
    )
    await here.trigger("test", StartStatus.COMPLETED, 1)
    await here.service.pause("test")
    before = made.schedule

    updated = await here.service.update("test", changes(cron=["30 8 * * *"]))
    assert updated.schedule == before.model_copy(update={"cron": ("30 8 * * *",)})
    assert (updated.paused, updated.note, updated.started) == (True, "by hand", 1)
    assert {(time.hour, time.minute) for time in updated.next_times} <= {(8, 30), (8, 31)}
    assert updated.starts is not None
    assert len(updated.starts) == 1

    updated = await here.service.update("test", changes(goal={"description": "other words"}))
    goal = before.goal.model_copy(update={"description": "other words"})
    assert updated.schedule.goal == goal
    assert updated.schedule.on_success == before.on_success
    updated = await here.service.update(
        "test", changes(goal={"budget": None, "parameters": {"page": "b"}}, on_success=[])
    )
    assert (updated.schedule.goal.budget, updated.schedule.goal.parameters) == (None, {"page": "b"})
    assert updated.schedule.on_success == ()
    [listed] = await here.service.list()
    assert listed.schedule.goal.description == "other words"
    assert (listed.schedule.cron, listed.paused) == (("30 8 * * *",), True)
    [start, _] = await here.trigger("test", StartStatus.COMPLETED, 2)
    record = await here.installation.stores.goals.get(start.goals[0].workflow_id)
    assert (record.description, record.parameters, record.priority) == (
        "other words",
        {"page": "b"},
        2,
    )
    assert not (await here.service.resume("test")).paused


async def test_what_it_started_before_is_shown_under_its_old_name(here: Here) -> None:
    await here.create()
    await here.trigger("test", StartStatus.COMPLETED, 1)
    await here.service.update("test", changes(goal={"goal_id": "renamed"}))
    starts = await here.trigger("test", StartStatus.COMPLETED, 2)
    assert [goal.goal_id for start in starts for goal in start.goals] == ["renamed", "test"]


async def test_a_cron_takes_the_place_of_an_interval_and_the_other_way_round(here: Here) -> None:
    await here.create(cron=[], every_seconds=600, offset_seconds=60)
    updated = (await here.service.update("test", changes(cron=["@daily"]))).schedule
    assert (updated.cron, updated.every_seconds, updated.offset_seconds) == (("@daily",), None, 0)
    updated = (await here.service.update("test", changes(every_seconds=60))).schedule
    assert (updated.cron, updated.every_seconds) == ((), 60)
    both = await here.service.update("test", changes(cron=["@daily"], every_seconds=60))
    assert (both.schedule.cron, both.schedule.every_seconds) == (("@daily",), 60)
    soon = datetime.now(UTC) + timedelta(days=40)
    ends = await here.service.update("test", changes(end_at=soon))
    assert ends.schedule.end_at == soon
    endless = await here.service.update("test", changes(end_at=None))
    assert endless.schedule.end_at is None


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"cron": ["0 0 30 2 *"]}, "'test' would never start anything"),
        ({"end_at": datetime(2020, 1, 1, tzinfo=UTC)}, "'test' would never start anything"),
        ({"cron": ["nonsense"]}, "'test' cannot be as it is described"),
        ({"cron": []}, "cannot be changed so: say when"),
        ({"time_zone": "Mars/Olympus"}, "time_zone: there is no time zone"),
        ({"time_zone": None}, "time_zone: "),
        ({"goal": {"description": "  "}}, r"goal\.description: say in words"),
        ({"goal": {"priority": 9}}, r"goal\.priority: "),
        ({"only_if_changed": True}, "names nothing that could change"),
    ],
)
async def test_a_change_that_makes_none_of_it_is_refused_and_changes_nothing(
    here: Here, given: dict[str, Any], match: str
) -> None:
    before = (await here.create()).schedule
    with pytest.raises(InputRefused, match=match):
        await here.service.update("test", changes(**given))
    assert (await here.service.get("test")).schedule == before
    await here.trigger("test", StartStatus.COMPLETED, 1)


async def test_its_goal_is_checked_and_its_name_must_be_known(here: Here) -> None:
    await here.create()
    with pytest.raises(UnknownAgent):
        await here.service.update("test", changes(goal={"agent_type": "nobody"}))
    with pytest.raises(ParametersRefused, match="nothing"):
        await here.service.update("test", changes(goal={"parameters": {"nothing": 1}}))
    with pytest.raises(UnknownSchedule):
        await here.service.update("tes", changes(jitter_seconds=1))
    with pytest.raises(ValidationError, match="name"):
        changes(name="other")
    assert isinstance((await here.service.get("test")).schedule, ScheduleContent)


async def test_those_that_change_at_once_leave_a_schedule(here: Here) -> None:
    await here.create()
    await asyncio.gather(
        *(here.service.update("test", changes(jitter_seconds=number)) for number in range(1, 6))
    )

    async def works() -> bool:
        return (await here.service.get("test")).schedule.jitter_seconds in range(1, 6)

    await until_async(works, "a schedule")
