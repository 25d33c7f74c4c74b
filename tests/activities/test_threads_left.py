"""Plain step functions that go on after their goal has ended: logged, counted, shown by doctor."""

import asyncio
import threading

import pytest
from structlog.testing import capture_logs
from temporalio.client import WorkflowFailureError

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.cli.commands.doctor import check_threads
from perdure.stores.spending.metrics import THREADS_LEFT_METRIC
from tests.support.installation import Install
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_those_of_a_cancelled_goal_are_logged_and_counted(install: Install) -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()

    def block(number: int) -> int:
        begun.release()
        go_on.wait(60)
        return number

    async def blocking(run: Run, goal: Goal) -> Result:
        await run.step("quick", int, "5")
        await asyncio.gather(run.step("first", block, 1), run.step("second", block, 2))
        return Result()

    here = await install(AgentSpec(name="blocking", description="", agent=blocking))
    assert await check_threads(here.stores) == []
    with capture_logs() as logged:
        workflow_id = await here.start("blocking")
        for _ in range(2):
            await until_async(lambda: begun.acquire(blocking=False), "the start of a step")
        await here.service.control.cancel(workflow_id)
        with pytest.raises(WorkflowFailureError):
            await asyncio.wait_for(here.handle(workflow_id).result(), 30)
    go_on.set()
    warnings = [entry for entry in logged if "a plain step function goes on" in entry["event"]]
    assert sorted(entry["step"] for entry in warnings) == ["first", "second"]
    assert {entry["workflow_id"] for entry in warnings} == {workflow_id}
    assert {entry["agent"] for entry in warnings} == {"blocking"}
    assert (await here.stores.metrics.of(workflow_id))[THREADS_LEFT_METRIC] == 2
    (check,) = await check_threads(here.stores)
    assert check.part == "blocking: steps that end with their goals"
    assert "(functions: 2, goals: 1)" in check.advice
    assert not check.found
    assert not check.required


async def test_those_of_a_goal_that_went_well_are_none(install: Install) -> None:
    def fail() -> None:
        raise ValueError("no")

    async def working(run: Run, goal: Goal) -> Result:
        await run.step("quick", int, "5")
        await asyncio.gather(run.step("bad", fail), return_exceptions=True)
        return Result()

    here = await install(AgentSpec(name="working", description="", agent=working))
    with capture_logs() as logged:
        workflow_id = await here.start("working")
        assert (await here.finish(workflow_id))[0].success
    assert not [entry for entry in logged if "a plain step function" in entry["event"]]
    assert THREADS_LEFT_METRIC not in await here.stores.metrics.of(workflow_id)
    assert await check_threads(here.stores) == []
