"""Only so many goals at once: the others wait, parked, and go on when it is their turn."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.models import GoalStatus
from perdure.temporal.client.connection import connect
from perdure.temporal.worker.run_worker import run_worker
from tests.support.postgresql import PostgreSQL
from tests.support.until import LIMIT_SECONDS, until_async

if TYPE_CHECKING:
    from tests.support.installation import Install, Installation

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOLDER = """
import asyncio
from perdure.agents import AgentSpec, Result, hookimpl

async def held(run, goal):
    await asyncio.sleep(3600)
    return Result()

@hookimpl
def register_agents():
    return [AgentSpec(name="held", description="Goes on for ever.", agent=held)]
"""


class Counted:
    """An agent whose goals are counted while they run."""

    def __init__(self) -> None:
        self.running = 0
        self.most = 0
        self.order: list[str] = []
        self.may_end = asyncio.Event()

    def spec(self, name: str = "counted") -> AgentSpec:
        async def counted(run: Run, goal: Goal) -> Result:
            self.running += 1
            self.most = max(self.most, self.running)
            self.order.append(goal.goal_id)
            try:
                await self.may_end.wait()
                await run.step("work", asyncio.sleep, 0.02)
            finally:
                self.running -= 1
            return Result(summary="done")

        return AgentSpec(name=name, description="", agent=counted)


@asynccontextmanager
async def workers(here: "Installation", count: int, limits: str) -> AsyncIterator[None]:
    settings = here.settings.model_copy(update={"concurrent_goals": limits})
    async with AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(
                run_worker(
                    await connect(here.address), here.stores, here.service.registry, settings
                )
            )
        yield


async def hand_in(
    here: "Installation", agent: str, goal_id: str, tenant: str = "acme", priority: int = 3
) -> str:
    goal = Goal(goal_id=goal_id, description="x", agent_type=agent, priority=priority)
    run = await here.service.of(tenant).start(goal)
    here.started.append(run)
    return run


async def until_waits(here: "Installation", run: str) -> str:
    """Wait until a goal waits for a slot; return what is said of it."""

    async def waits() -> str | None:
        slot = (await here.stores.goals.get(run)).slot
        return slot.message if slot else None

    return str(await until_async(waits, "the goal to wait for a slot"))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_no_more_run_at_once_than_may_and_another_tenant_overtakes(
    install: "Install", request: pytest.FixtureRequest, database: str
) -> None:
    url = ""
    if database == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        await server.execute("CREATE DATABASE limits")
        url = server.url("limits")
    counted = Counted()
    here = await install(counted.spec(), work=False, database_url=url)
    async with workers(here, 2, "agent:counted=3"):
        runs = [await hand_in(here, "counted", f"acme-{number}") for number in range(20)]
        assert await until_waits(here, runs[-1]) == "3 of 3 goals of agent counted are running"
        runs.append(await hand_in(here, "counted", "last", priority=5))
        runs.append(await hand_in(here, "counted", "small", "small"))
        runs.append(await hand_in(here, "counted", "urgent", priority=1))
        for run in runs[-3:]:
            await until_waits(here, run)
        described = (await here.handle(runs[-1]).describe()).raw_description
        assert not described.pending_activities
        timeline = await here.stores.timelines.of(await here.stores.goals.get(runs[-1]))
        assert [execution.end for execution in timeline.executions] == ["waiting"]
        counted.may_end.set()
        for run in runs:
            output, record = await here.finish(run)
            assert (output.success, record.slot) == (True, None)
    assert counted.most == 3
    # Three get their slots together, and begin in any order.
    assert counted.order.index("urgent") < 6
    assert counted.order.index("small") < 9
    assert counted.order.index("last") >= len(counted.order) - 3
    types = await here.replay(runs[-1], "waits-for-a-slot")
    # Before its turn it was executed by nobody.
    assert types.count("activity_task_scheduled_event_attributes") == 1
    assert [event.type for event in await here.stored_events(runs[-1])][:3] == [
        *("run.started", "run.waiting", "run.resumed"),
    ]


async def test_a_parked_goal_holds_no_slot_and_asks_for_one_again(install: "Install") -> None:
    counted = Counted()

    async def asks(run: Run, goal: Goal) -> Result:
        await run.approve("go on?")
        counted.order.append(goal.goal_id)
        return Result(summary="approved")

    here = await install(
        counted.spec(), AgentSpec(name="asks", description="", agent=asks), work=False
    )
    async with workers(here, 1, "tenant=1"):
        parked = await hand_in(here, "asks", "parked")
        await here.until_status(parked, GoalStatus.WAITING)
        first = await hand_in(here, "counted", "first")
        second = await hand_in(here, "counted", "second")
        await until_waits(here, second)
        await here.answer(parked, "go on?")
        # It is executed, finds no slot, and comes before the one that has not begun.
        assert await until_waits(here, parked) == "1 of 1 goals of tenant acme are running"
        counted.may_end.set()
        for run in (first, parked, second):
            assert (await here.finish(run))[0].success
        assert counted.most == 1
    assert counted.order == ["first", "parked", "second"]
    await here.replay(parked, "waits-for-a-slot-again")


async def test_a_goal_that_waits_can_be_cancelled_and_paused(install: "Install") -> None:
    counted = Counted()
    here = await install(counted.spec(), work=False)
    async with workers(here, 1, "tenant:acme=1"):
        first = await hand_in(here, "counted", "first")
        await here.until_event(first, "run.started")
        paused, cancelled, last = [
            await hand_in(here, "counted", name) for name in ("paused", "cancelled", "last")
        ]
        for run in (paused, cancelled, last):
            await until_waits(here, run)
        await here.service.control.pause(paused)
        await here.service.control.cancel(cancelled)
        await here.until_status(cancelled, GoalStatus.CANCELLED)
        counted.may_end.set()
        for run in (first, last):
            assert (await here.finish(run))[0].success
        assert (await here.stores.goals.get(paused)).status is GoalStatus.PAUSED
        await here.service.control.resume(paused)
        assert (await here.finish(paused))[0].success
    assert sorted(counted.order) == ["first", "last", "paused"]


async def test_the_slot_of_a_worker_that_was_killed_is_free_within_seconds(
    install: "Install", tmp_path: Path
) -> None:
    counted = Counted()
    counted.may_end.set()
    plugin = tmp_path / "holder.py"
    plugin.write_text(HOLDER)

    async def held(run: Run, goal: Goal) -> Result:
        raise AssertionError("it runs in another process")

    here = await install(
        counted.spec(), AgentSpec(name="held", description="", agent=held, pool="gpu"), work=False
    )
    environment = os.environ | {
        "PERDURE_HOME": str(here.settings.home),
        "PERDURE_CONCURRENT_GOALS": "tenant=1",
        "TEMPORAL_ADDRESS": here.address,
    }
    command = (sys.executable, "-m", "perdure.cli", "worker", "--pool", "gpu")
    killed = await asyncio.create_subprocess_exec(
        *command, "--plugin", str(plugin), env=environment, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with workers(here, 1, "tenant=1"):
            holding = await hand_in(here, "held", "holding")
            await here.until_history_has(holding, "activity_task_scheduled_event_attributes")

            async def is_held() -> bool:
                from sqlalchemy import text

                query = text("SELECT count(*) FROM goal_slots WHERE worker IS NOT NULL")
                return bool(
                    await here.stores.database.read(lambda read: read.execute(query).scalar_one())
                )

            await until_async(is_held, "the slot to be held")
            waiting = await hand_in(here, "counted", "waiting")
            await until_waits(here, waiting)
            killed.kill()
            await killed.wait()
            began = time.monotonic()
            assert (await asyncio.wait_for(here.finish(waiting), LIMIT_SECONDS))[0].success
            # Its heartbeats, and its presence, would have told after thirty.
            assert time.monotonic() - began < 25
    finally:
        if killed.returncode is None:
            killed.kill()
            await killed.wait()
