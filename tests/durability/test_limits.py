"""What a goal may use at most, and how long it may be silent."""

import asyncio

import pytest

from perdure.activities import execution_watchdog
from perdure.agents import AgentSpec, Goal, Result, Run, Usage
from perdure.messages import ExecuteOutput
from perdure.models import Budget, FailureKind, GoalStatus
from perdure.workflows import failure_policy
from tests.support.installation import Install

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_budget_of_steps_is_shared_with_delegates_and_kept_across_retries(
    install: Install,
) -> None:
    paid: list[int] = []
    attempts: list[int] = []

    async def parent(run: Run, goal: Goal) -> Result:
        attempts.append(1)
        for number in range(3):
            await run.step("pay", paid.append, number)
        await run.delegate("child", "three of the budget")
        if len(attempts) < 3:
            raise ValueError("an attempt of its own")
        for number in range(100):
            await run.step("pay", paid.append, 100 + number)
        return Result()

    async def child(run: Run, goal: Goal) -> Result:
        for number in range(3):
            await run.step("pay", paid.append, 10 + number)
        return Result()

    here = await install(
        AgentSpec(name="parent", description="", agent=parent),
        AgentSpec(name="child", description="", agent=child),
    )
    workflow_id = await here.start("parent", budget=Budget(steps=8))
    output, record = await here.finish(workflow_id)
    assert output.error is not None
    assert output.error.kind is FailureKind.BUDGET
    assert "which is all its budget allows" in output.error.message
    assert paid == [0, 1, 2, 10, 11, 12, 100, 101]
    assert record.status is GoalStatus.FAILED
    await here.replay(workflow_id, "budget")
    # Picked up again it has no more than it had.
    await here.service.control.retry(workflow_id)
    output, _ = await here.finish(workflow_id)
    assert output.error is not None
    assert output.error.kind is FailureKind.BUDGET
    assert len(paid) == 8


async def test_a_budget_of_tokens_is_a_ceiling_for_the_whole_tree(install: Install) -> None:
    used: list[int] = []

    async def ask_with(run: Run, number: int) -> None:
        await run.spend(Usage(input_tokens=60, output_tokens=40), model="test")
        used.append(100)

    async def child(run: Run, goal: Goal) -> Result:
        async def ask(number: int) -> None:
            await ask_with(run, number)

        for number in range(2):
            await run.step("ask", ask, number)
        return Result()

    async def asking(run: Run, goal: Goal) -> Result:
        async def ask(number: int) -> None:
            await ask_with(run, number)

        results = await asyncio.gather(
            *(run.delegate("child", str(number)) for number in range(4)), return_exceptions=True
        )
        failed = sum(isinstance(result, BaseException) for result in results)
        await run.step("ask", ask, failed)
        return Result()

    here = await install(
        AgentSpec(name="parent", description="", agent=asking),
        AgentSpec(name="child", description="", agent=child),
    )
    workflow_id = await here.start("parent", budget=Budget(tokens=550))
    output, _ = await here.finish(workflow_id)
    assert output.error is not None
    assert output.error.kind is FailureKind.BUDGET
    assert sum(used) == 500


async def test_a_budget_of_seconds_counts_work_and_no_waiting(install: Install) -> None:
    async def slow(run: Run, goal: Goal) -> Result:
        await run.step("quick", len, "x")
        await run.approve("go on?")
        await asyncio.Event().wait()
        return Result()

    here = await install(AgentSpec(name="slow", description="", agent=slow))
    workflow_id = await here.start("slow", budget=Budget(seconds=1.0))
    await here.until_status(workflow_id, GoalStatus.WAITING)
    await asyncio.sleep(1.2)  # longer than the budget, and it is not at work
    await here.answer(workflow_id, "go on?")
    output, _ = await here.finish(workflow_id)
    assert output.error is not None
    assert output.error.kind is FailureKind.BUDGET
    spending = await here.stores.ledger.of(workflow_id)
    assert 0.8 < spending.seconds < 4


async def test_an_agent_without_a_sign_of_progress_is_failed_as_stalled(install: Install) -> None:
    attempts: list[int] = []

    async def stuck(run: Run, goal: Goal) -> Result:
        attempts.append(1)
        await run.step("one", len, "x")
        await asyncio.Event().wait()
        return Result()

    here = await install(AgentSpec(name="stuck", description="", agent=stuck), stall_seconds=0.3)
    workflow_id = await here.start("stuck")
    output, record = await here.finish(workflow_id)
    assert output.error is not None
    assert output.error.kind is FailureKind.STALLED
    assert "made no progress for 0.3 seconds" in output.error.message
    assert "PERDURE_STALL_SECONDS" in output.error.message
    assert len(attempts) == 3
    assert record.status is GoalStatus.FAILED
    await here.replay(workflow_id, "stalled")


async def test_a_dead_letter_is_picked_up_with_its_journal(install: Install) -> None:
    paid: list[int] = []
    broken = [True]

    async def poisoned(run: Run, goal: Goal) -> Result:
        await run.step("pay", paid.append, 1)
        if broken:
            raise ValueError("poisoned")
        await run.step("pay", paid.append, 2)
        return Result(summary="healed")

    here = await install(AgentSpec(name="poisoned", description="", agent=poisoned))
    workflow_id = await here.start("poisoned")
    output, record = await here.finish(workflow_id)
    assert not output.success
    assert record.status is GoalStatus.FAILED
    broken.clear()
    assert await here.service.control.retry_all() == [workflow_id]
    output, record = await here.finish(workflow_id)
    assert output.success
    assert record.status is GoalStatus.COMPLETED
    assert paid == [1, 2]
    types = [event.type for event in await here.stored_events(workflow_id)]
    assert types.count("run.retried") == 1
    await here.replay(workflow_id, "retried-dead-letter")


async def test_a_step_that_no_execution_has_time_for_fails_with_a_sentence(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution_watchdog, "DRAIN_AFTER_SECONDS", 0.2)
    monkeypatch.setattr(execution_watchdog, "CLOSE_AFTER_SECONDS", 0.4)
    begun: list[int] = []

    async def endless(run: Run, goal: Goal) -> Result:
        async def wait() -> None:
            begun.append(1)
            await asyncio.Event().wait()

        await run.step("wait for ever", wait)
        return Result()

    here = await install(AgentSpec(name="endless", description="", agent=endless))
    output, _ = await here.finish(await here.start("endless"))
    assert output.error is not None
    assert output.error.type == "StepTooLong"
    assert "'wait for ever'" in output.error.message
    assert begun == [1]


async def test_a_goal_that_kills_its_workers_is_given_up(install: Install) -> None:
    """Somebody sees worker after worker die while it runs."""
    reached = asyncio.Event()

    async def deadly(run: Run, goal: Goal) -> Result:
        reached.set()
        await asyncio.Event().wait()
        return Result()

    here = await install(AgentSpec(name="deadly", description="", agent=deadly))
    workflow_id = await here.start("deadly")
    for _ in range(failure_policy.MAX_FAILURES[failure_policy.FailureCause.DEAD_WORKER]):
        await reached.wait()
        reached.clear()
        pending = (await here.handle(workflow_id).describe()).raw_description.pending_activities
        handle = here.client.get_async_activity_handle(
            workflow_id=workflow_id, run_id=None, activity_id=pending[0].activity_id
        )
        await handle.complete(ExecuteOutput(yielded=True, lost=True))
    output, _ = await here.finish(workflow_id)
    assert output.error is not None
    assert output.error.type == "DeadWorker"


async def test_each_of_many_executions_has_its_turn(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution_watchdog, "CHECKED_AT_ONCE", 1)
    monkeypatch.setattr(execution_watchdog, "DRAIN_AFTER_SECONDS", 0.2)
    monkeypatch.setattr(execution_watchdog, "CLOSE_AFTER_SECONDS", 0.4)

    async def endless(run: Run, goal: Goal) -> Result:
        await run.step("wait for ever", asyncio.Event().wait)
        return Result()

    here = await install(AgentSpec(name="endless", description="", agent=endless))
    runs = [await here.start("endless") for _ in range(3)]
    for run in runs:
        output, _ = await here.finish(run)
        assert output.error is not None
        assert output.error.type == "StepTooLong"
