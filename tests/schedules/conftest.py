"""An installation with schedules, which are gone after each test."""

from collections.abc import AsyncIterator

import pytest_asyncio

from perdure.temporal.schedules.service import ScheduleService
from tests.support.installation import Install
from tests.support.schedules import SAY, Here, delete_all

TENANTS = ("default", "one", "two")


@pytest_asyncio.fixture(loop_scope="session")
async def here(install: Install) -> AsyncIterator[Here]:
    here = Here(await install(SAY))
    services = [ScheduleService(here.installation.service.of(name)) for name in TENANTS]
    await delete_all(*services)
    yield here
    await delete_all(*services)
