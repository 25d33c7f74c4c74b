"""Schedules on the test run's server: they would start goals of tests that are over."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from perdure.agents import AgentSpec, Goal, InputError, InputPath, Result, Run
from perdure.models import GoalRecord
from perdure.models.schedules.content import ScheduleContent
from perdure.schemas.schedules.records import ScheduleRecord, ScheduleStart, StartStatus
from perdure.temporal.schedules.errors import UnknownSchedule
from perdure.temporal.schedules.service import ScheduleService
from tests.support.installation import Installation
from tests.support.until import until_async

GATES: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
BERLIN = "Europe/Berlin"


class Parameters(BaseModel):
    gate: str = ""
    fail: bool = False
    path: InputPath | None = None
    page: str = ""


async def say(run: Run, goal: Goal, parameters: Parameters) -> Result:
    if parameters.gate:
        await GATES[parameters.gate].wait()
    if parameters.fail:
        raise InputError("it was asked to fail: ask otherwise")
    return Result(summary=f"said {goal.description}")


SAY = AgentSpec(name="say", description="Says it.", agent=say, parameters=Parameters)


class Here:
    """An installation with schedules, which are gone after the test."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.service = ScheduleService(installation.service)

    async def create(self, name: str = "test", **given: Any) -> ScheduleRecord:
        return await self.service.create(content(name, **given))

    async def starts(self, name: str, status: StartStatus, count: int) -> Sequence[ScheduleStart]:
        """Return the starts of a schedule, newest first, once so many have come to a status."""

        async def come() -> Sequence[ScheduleStart]:
            starts = (await self.service.get(name)).starts or []
            return starts if sum(one.status is status for one in starts) >= count else []

        return await until_async(come, f"{count} starts {status.value}")

    async def trigger(self, name: str, status: StartStatus, count: int) -> Sequence[ScheduleStart]:
        await self.service.trigger(name)
        return await self.starts(name, status, count)

    async def goals(self) -> list[GoalRecord]:
        """Return the goals on record, the oldest first."""
        return (await self.installation.stores.goals.list(limit=100))[::-1]


def content(name: str = "test", **given: Any) -> ScheduleContent:
    goal = {"goal_id": name, "description": "hello", "agent_type": "say"} | given.pop("goal", {})
    given.setdefault("cron", ["@yearly"])
    return ScheduleContent.model_validate({"name": name, "goal": goal} | given)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def delete_all(*services: ScheduleService) -> None:
    """Delete the schedules of some tenants, and return when none is listed any more."""

    async def are_gone() -> bool:
        names = [(one, each.schedule.name) for one in services for each in await one.list()]
        for service, name in names:
            try:
                await service.delete(name)
            except UnknownSchedule:  # it is listed a moment longer
                continue
        return not names

    await until_async(are_gone, "the end of all schedules")
