"""Temporal's own ways to turn a run back, or to give up an execution: nothing is paid twice."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.messages import WORKFLOW_TYPE, GoalOutput, StoreInput, WorkflowState
from perdure.models import GoalStatus, ResultReference
from perdure.temporal.client import workflow_gateway
from perdure.temporal.worker import worker
from perdure.workflows import agent_goal, failure_policy
from perdure.workflows.agent_goal import AgentGoalWorkflow
from perdure.workflows.failure_policy import RETRY, WORKFLOW_FAILURES
from tests.support.installation import Install, Installation

MILLISECOND: Final = timedelta(milliseconds=1)

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


@workflow.defn(name=WORKFLOW_TYPE, failure_exception_types=WORKFLOW_FAILURES)
class LaterWorkflow(AgentGoalWorkflow):
    """The workflow as a later version has it that no history on record replays with."""

    @workflow.run
    async def run(self, goal: Goal, state: WorkflowState | None = None) -> GoalOutput:
        await workflow.sleep(0.001)
        return await super().run(goal, state)


@workflow.defn(name=WORKFLOW_TYPE, failure_exception_types=WORKFLOW_FAILURES)
class FaultyWorkflow(AgentGoalWorkflow):
    """The workflow with a fault of ours at its end."""

    @workflow.run
    async def run(self, goal: Goal, state: WorkflowState | None = None) -> GoalOutput:
        return await super().run(goal, state)

    async def _end(self, ended: StoreInput) -> ResultReference:
        if workflow.info().attempt == 1:
            raise KeyError("a fault of ours")
        return await super()._end(ended)


@pytest.mark.parametrize("later", [LaterWorkflow, FaultyWorkflow])
async def test_a_workflow_that_a_fault_of_ours_fails_is_tried_again_and_pays_nothing_again(
    install: Install, monkeypatch: pytest.MonkeyPatch, later: type[AgentGoalWorkflow]
) -> None:
    paid: list[int] = []

    async def paying(run: Run, goal: Goal) -> Result:
        for number in range(3):
            await run.step("pay", paid.append, number)
        decision = await run.approve("go on?")
        await run.step("pay", paid.append, 3)
        return Result(data={"approved": decision.approved})

    here = await install(AgentSpec(name="paying", description="", agent=paying), work=False)
    async with here.worker():
        workflow_id = await here.start("paying")
        await here.question(workflow_id, "go on?")
        await here.until_idle(workflow_id)
    first = (await here.handle(workflow_id).describe()).run_id
    monkeypatch.setattr(worker, "AgentGoalWorkflow", later)
    await here.forget_sticky_queue(workflow_id)
    async with here.worker():
        await here.answer(workflow_id, "go on?")
        output, record = await here.finish(workflow_id)
    assert output.success
    assert record.status is GoalStatus.COMPLETED
    assert record.result is not None
    assert record.result.data == {"approved": True}
    assert paid == [0, 1, 2, 3]
    assert (await here.handle(workflow_id).describe()).run_id != first
    failed = await here.client.get_workflow_handle(workflow_id, run_id=first).describe()
    assert failed.status is WorkflowExecutionStatus.FAILED


async def test_a_workflow_that_fails_every_time_ends_on_record(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its third attempt; and the goal is no longer said to run."""
    attempts: list[int] = []

    async def fail(_: AgentGoalWorkflow, ended: StoreInput) -> ResultReference:
        attempts.append(workflow.info().attempt)
        raise KeyError("a fault of ours")

    async def nothing(run: Run, goal: Goal) -> Result:
        return Result()

    monkeypatch.setattr(AgentGoalWorkflow, "_end", fail)
    monkeypatch.setattr(workflow_gateway, "RETRY", replace(RETRY, initial_interval=MILLISECOND))
    here = await install(AgentSpec(name="nothing", description="", agent=nothing))
    workflow_id = await here.start("nothing")
    with pytest.raises(WorkflowFailureError):
        await here.finish(workflow_id)
    assert attempts == [1, 2, 3]
    assert await here.service.reconciliation.reconcile_run(workflow_id)
    record = await here.stores.goals.get(workflow_id)
    assert record.status is GoalStatus.FAILED
    assert record.error is not None
    assert "a fault of ours" in record.error.message
