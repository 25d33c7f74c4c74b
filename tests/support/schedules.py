"""Schedules on the test run's server: they would start goals of tests that are over."""

from perdure.temporal.schedules.errors import UnknownSchedule
from perdure.temporal.schedules.service import ScheduleService
from tests.support.until import until_async


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
