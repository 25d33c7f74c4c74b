"""Temporal's own ways to turn a run back, or to give up an execution: nothing is paid twice."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.models import GoalStatus
from perdure.workflows import agent_goal, failure_policy
from tests.support.installation import Install, Installation

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def reset(here: Installation, workflow_id: str) -> str:
    """Turn a run back to its first workflow task, and return its new run's id."""
    history = await here.handle(workflow_id).fetch_history()
    first = next(
        event.event_id
        for event in history.events
        if event.HasField("workflow_task_completed_event_attributes")
    )
    answer = await here.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=here.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id),
            reason="somebody turns it back",
            workflow_task_finish_event_id=first,
            request_id=str(uuid4()),
        )
    )
    return answer.run_id


async def test_a_run_that_is_reset_pays_for_no_step_again(install: Install) -> None:
    paid: list[int] = []
    halted = asyncio.Event()
    go_on = asyncio.Event()

    async def paying(run: Run, goal: Goal) -> Result:
        for number in range(3):
            await run.step("pay", paid.append, number)
        halted.set()
        await go_on.wait()
        await run.step("pay", paid.append, 3)
        return Result(data={"paid": 4})

    here = await install(AgentSpec(name="paying", description="", agent=paying))
    workflow_id = await here.start("paying")
    await halted.wait()
    halted.clear()
    run_id = await reset(here, workflow_id)
    await halted.wait()
    assert paid == [0, 1, 2]
    go_on.set()
    output, record = await here.finish(workflow_id)
    assert output.success
    assert record.status is GoalStatus.COMPLETED
    assert paid == [0, 1, 2, 3]
    await here.replay(workflow_id, "reset", run_id)


async def test_a_run_that_is_reset_after_its_end_keeps_its_result(install: Install) -> None:
    paid: list[int] = []

    async def paying(run: Run, goal: Goal) -> Result:
        await run.step("pay", paid.append, len(paid))
        return Result(data={"paid": len(paid)})

    here = await install(AgentSpec(name="paying", description="", agent=paying))
    workflow_id = await here.start("paying")
    _, before = await here.finish(workflow_id)
    run_id = await reset(here, workflow_id)
    output, _ = await here.finish(workflow_id)
    assert output.error is not None
    assert "has ended and its result is stored" in output.error.message
    assert await here.stores.goals.get(workflow_id) == before
    assert paid == [0]
    await here.replay(workflow_id, "reset-after-its-end", run_id)


async def test_an_execution_that_times_out_is_an_attempt_that_failed(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_goal, "EXECUTE_TIMEOUT", timedelta(seconds=1))
    monkeypatch.setattr(failure_policy, "MAX_DELAY", timedelta(seconds=0.1))
    paid: list[int] = []
    attempts: list[int] = []

    async def paying(run: Run, goal: Goal) -> Result:
        attempts.append(1)
        await run.step("pay", paid.append, 0)
        if len(attempts) < 3:
            await asyncio.Event().wait()
        return Result(summary="in the end")

    here = await install(AgentSpec(name="paying", description="", agent=paying))
    workflow_id = await here.start("paying")
    output, record = await here.finish(workflow_id)
    assert output.success
    assert record.result is not None
    assert record.result.summary == "in the end"
    assert (paid, len(attempts)) == ([0], 3)
    kinds = await here.replay(workflow_id, "timed-out")
    assert kinds.count("activity_task_timed_out_event_attributes") == 2
