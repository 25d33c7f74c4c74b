"""A server that is down at the time of a start makes up for it within the catch-up window."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from perdure.schemas.schedules.records import ScheduleRecord, StartStatus
from perdure.temporal.server.development_server import run_development_server
from tests.support.installation import Install
from tests.support.schedules import SAY, Here
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

# The shortest that Temporal keeps to.
WINDOW_SECONDS = 10


async def until_it_is(moment: datetime) -> None:
    await until_async(lambda: datetime.now(UTC) > moment, moment.isoformat())


async def test_what_was_due_meanwhile_is_started_unless_it_is_too_late(
    install: Install, server_binary: Path, tmp_path: Path
) -> None:
    home = tmp_path / "temporal"
    async with run_development_server(server_binary, home, port=0, ui_port=0) as server:
        here = Here(await install(SAY, work=False, address=server.address))
        # One start each, at a full second.
        due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=20)
        once = {
            "cron": [],
            "every_seconds": 1,
            "start_at": due,
            "end_at": due,
            "goal": {"description": "{scheduled_time}"},
        }
        await here.create("patient", **once)
        await here.create("strict", catch_up_seconds=WINDOW_SECONDS, **once)
        assert (await here.service.get("patient")).next_times == [due]
    assert datetime.now(UTC) < due, "the server has not stopped in time"
    await until_it_is(due + timedelta(seconds=WINDOW_SECONDS + 5))

    async with run_development_server(server_binary, home, port=0, ui_port=0) as server:
        again = Here(await install(SAY, address=server.address))
        [start] = await again.starts("patient", StartStatus.COMPLETED, 1)
        assert start.scheduled_at == due
        assert start.started_at > due + timedelta(seconds=WINDOW_SECONDS)
        [goal] = await again.goals()
        assert (goal.description, goal.scheduled_at) == (due.isoformat(), due)

        async def was_missed() -> ScheduleRecord | None:
            record = await again.service.get("strict")
            return record if record.missed else None

        strict = await until_async(was_missed, "a start that is too late")
        assert strict is not None
        assert (strict.started, strict.missed, strict.starts) == (0, 1, [])
        await asyncio.gather(again.service.delete("patient"), again.service.delete("strict"))
