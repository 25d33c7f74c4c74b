"""The schedules as the caller's tenant has them."""

from typing import Annotated

from fastapi import Depends, Request

from perdure.api.routes.dependencies import service_of
from perdure.temporal.schedules.service import ScheduleService


async def _schedules(request: Request) -> ScheduleService:
    return ScheduleService(service_of(request))


Schedules = Annotated[ScheduleService, Depends(_schedules)]
