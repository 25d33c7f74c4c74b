"""Deploys, lost workers, workers of other kinds: a goal goes on, and uses up no attempt."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from temporalio import activity

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.models import GoalStatus
from perdure.settings import Settings
from perdure.stores import open_stores
from tests.support.installation import Install
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

STEPS = 20


async def test_ten_deploys_and_ten_kills(install: Install) -> None:
    """Sharpest test 6: and its three attempts are all still there afterwards."""
    tries: Counter[int] = Counter()
    paid: list[int] = []
    reached = [asyncio.Event() for _ in range(STEPS)]
    tokens: list[bytes] = []
    attempts: list[int] = []

    async def pay(number: int) -> int:
        tries[number] += 1
        first = tries[number] == 1
        if first and number % 2 == 0:
            # A deploy: the step in flight when the worker is told to stop is finished.
            reached[number].set()
            await activity.wait_for_worker_shutdown()
        paid.append(number)
        if first and number % 2 == 1:
            # A kill: the effect is there, and nobody is left to journal it.
            tokens.append(activity.info().task_token)
            reached[number].set()
            await asyncio.Event().wait()
        return number

    async def patient(run: Run, goal: Goal) -> Result:
        total = 0
        for number in range(STEPS):
            total += await run.step("pay", pay, number)
        attempts.append(1)
        if len(attempts) < 3:
            raise ValueError("an attempt's own failure")
        return Result(data={"total": total})

    here = await install(AgentSpec(name="patient", description="", agent=patient), work=False)
    workflow_id = await here.start("patient")
    async with here.worker():
        await asyncio.wait_for(reached[0].wait(), 30)
    for number in range(1, STEPS - 1, 2):
        async with here.worker():
            await asyncio.wait_for(reached[number].wait(), 30)
            await here.complete_as_yielded(tokens[-1])
            await asyncio.wait_for(reached[number + 1].wait(), 30)
        await here.forget_sticky_queue(workflow_id)  # for the test's sake, which is in a hurry
    async with here.worker():
        await asyncio.wait_for(reached[STEPS - 1].wait(), 30)
        await here.complete_as_yielded(tokens[-1])
        output, record = await here.finish(workflow_id)
    assert output.success
    assert record.result is not None
    assert record.result.data == {"total": sum(range(STEPS))}
    assert len(attempts) == 3
    # What was in flight when its worker was killed is paid again; a deploy costs nothing.
    assert Counter(paid) == {number: 1 + number % 2 for number in range(STEPS)}
    types = Counter(event.type for event in await here.stored_events(workflow_id))
    assert types["step.completed"] == STEPS
    assert types["run.retrying"] == 2
    await here.replay(workflow_id, "deploys-and-kills")


async def test_a_late_second_yield_hurts_nobody(install: Install) -> None:
    """The token of an execution that is over is refused."""
    from temporalio.service import RPCError

    tokens: list[bytes] = []
    halted, paid = asyncio.Event(), list[int]()
    go = asyncio.Event()

    async def pay() -> None:
        tokens.append(activity.info().task_token)
        if len(tokens) == 1:
            await asyncio.Event().wait()
        halted.set()
        await go.wait()
        paid.append(1)

    async def paying(run: Run, goal: Goal) -> Result:
        await run.step("pay", pay)
        return Result(summary="paid")

    here = await install(AgentSpec(name="paying", description="", agent=paying))
    workflow_id = await here.start("paying")

    async def has_begun() -> bool:
        return bool(tokens)

    await until_async(has_begun)
    await here.complete_as_yielded(tokens[0])
    await halted.wait()
    with pytest.raises(RPCError):
        await here.complete_as_yielded(tokens[0])
    go.set()
    output, _ = await here.finish(workflow_id)
    assert output.success
    assert paid == [1]


async def test_an_agent_that_one_worker_lacks_finishes_on_another(install: Install) -> None:
    """A plugin is removed while its goal runs, and installed again."""
    reached, paid = asyncio.Event(), list[int]()

    async def slow() -> None:
        paid.append(1)
        reached.set()
        await activity.wait_for_worker_shutdown()

    async def patient(run: Run, goal: Goal) -> Result:
        await run.step("slow", slow)
        await run.step("pay", paid.append, 2)
        return Result(summary="finished elsewhere")

    async def plain(run: Run, goal: Goal) -> Result:
        return Result()

    here = await install(AgentSpec(name="patient", description="", agent=patient), work=False)
    async with here.worker():
        workflow_id = await here.start("patient")
        await reached.wait()
    async with here.worker(AgentSpec(name="plain", description="", agent=plain)):
        await here.until_history_has(workflow_id, "activity_task_failed_event_attributes")
        assert (await here.stores.goals.get(workflow_id)).status is GoalStatus.RUNNING
    async with here.worker():
        output, _ = await here.finish(workflow_id)
    assert output.success
    assert paid == [1, 2]
    await here.replay(workflow_id, "agent-missing-on-one-worker")


async def test_a_worker_with_other_stores_is_refused(install: Install, tmp_path: Path) -> None:
    """It would pay for everything again; the goal waits for one that has the run's stores."""
    reached, paid = asyncio.Event(), list[int]()

    async def slow() -> None:
        paid.append(1)
        reached.set()
        await activity.wait_for_worker_shutdown()

    async def patient(run: Run, goal: Goal) -> Result:
        await run.step("slow", slow)
        await run.step("pay", paid.append, 2)
        return Result(summary="finished")

    here = await install(AgentSpec(name="patient", description="", agent=patient), work=False)
    async with here.worker():
        workflow_id = await here.start("patient")
        await reached.wait()
    async with open_stores(Settings(home=tmp_path / "other")) as others:
        async with here.worker(stores=others):
            await here.until_history_has(workflow_id, "activity_task_failed_event_attributes")
        assert await others.goals.list() == []
    history = await here.handle(workflow_id).fetch_history()
    message = next(
        event.activity_task_failed_event_attributes.failure.message
        for event in history.events
        if event.HasField("activity_task_failed_event_attributes")
    )
    assert "this worker has other stores than those the run began in" in message
    assert paid == [1]
    async with here.worker():
        assert (await here.finish(workflow_id))[0].success
    assert paid == [1, 2]
    await here.replay(workflow_id, "other-stores")
