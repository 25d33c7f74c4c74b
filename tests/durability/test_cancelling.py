"""Cancelling a goal, whatever it is doing: it stops, and its agent is cleaned up once."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError

from perdure.agents import Agent, AgentSpec, Progress, Result, Run
from perdure.agents import execution as driver
from perdure.agents.steps.errors import Throttled
from perdure.models import GoalRecord, GoalStatus
from perdure.stores.runs.executions import ExecutionStore
from tests.support.installation import Install, Installation

pytestmark = pytest.mark.asyncio(loop_scope="session")

# From the request until all is stored: what is bounded here is bounded in production.
BOUND = 10.0


class Witness:
    """What happened to agents, seen from outside."""

    def __init__(self) -> None:
        self.reached, self.open = asyncio.Event(), asyncio.Event()
        self.cleaned: list[str] = []
        self.stopped_at = 0.0
        self.done: list[str] = []

    async def gate(self) -> None:
        self.reached.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.stopped_at = time.monotonic()
            raise


def agent_that(witness: Witness, name: str, does: Any) -> AgentSpec:
    """Return an agent that does something and records its clean-up with the witness."""

    class Witnessed(Agent[None]):
        async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
            yield Progress(percentage=1)
            await does(self.run)

        async def get_results(self) -> Result:
            return Result(summary=f"{name}: as far as it came")

        async def cleanup(self) -> None:
            witness.cleaned.append(name)

    return AgentSpec(name=name, description="", agent=Witnessed)


async def cancelled(here: Installation, workflow_id: str) -> GoalRecord:
    """Wait for the goal's end and see that it is a cancelled one."""
    with pytest.raises(WorkflowFailureError):
        await asyncio.wait_for(here.handle(workflow_id).result(), BOUND)
    description = await here.handle(workflow_id).describe()
    assert description.status is WorkflowExecutionStatus.CANCELED
    record = await here.stores.goals.get(workflow_id)
    assert record.status is GoalStatus.CANCELLED
    types = [event.type for event in await here.stored_events(workflow_id)]
    assert types.count("run.cancelled") == 1
    assert types[-1] == "run.cancelled"
    return record


async def test_a_working_agent_notices_within_two_seconds(install: Install) -> None:
    """Sharpest test 7, while working."""
    witness = Witness()

    async def work(run: Run) -> None:
        await run.artifact("draft.md", "so far")
        await run.step("work", witness.gate)

    here = await install(agent_that(witness, "worker", work))
    workflow_id = await here.start("worker")
    await witness.reached.wait()
    cancelled_at = time.monotonic()
    await here.service.control.cancel(workflow_id)
    record = await cancelled(here, workflow_id)
    assert witness.stopped_at - cancelled_at < 2
    assert record.result is not None
    assert record.result.summary == "worker: as far as it came"
    assert [artifact.name for artifact in record.artifacts] == ["draft.md"]
    assert witness.cleaned == ["worker"]


async def test_a_cancel_that_only_temporal_knows_of_reaches_the_agent(install: Install) -> None:
    witness = Witness()

    async def work(run: Run) -> None:
        await run.step("work", witness.gate)

    here = await install(agent_that(witness, "worker", work))
    workflow_id = await here.start("worker")
    await witness.reached.wait()
    await here.handle(workflow_id).cancel()
    await cancelled(here, workflow_id)
    assert witness.cleaned == ["worker"]


async def test_cancelled_while_suspended(install: Install) -> None:
    """The clean-up is an activity of its own then, on any worker."""
    witness = Witness()

    async def ask(run: Run) -> None:
        await run.step("before", witness.done.append, "before")
        await run.approve("go on?")
        await run.step("after", witness.done.append, "after")

    here = await install(agent_that(witness, "asker", ask))
    workflow_id = await here.start("asker")
    await here.until_status(workflow_id, GoalStatus.WAITING)
    assert witness.cleaned == []
    await here.service.control.cancel(workflow_id)
    await cancelled(here, workflow_id)
    assert witness.cleaned == ["asker"]
    assert witness.done == ["before"]
    types = await here.replay(workflow_id, "cancelled-while-suspended")
    # The agent's own, and its clean-up.
    assert types.count("activity_task_scheduled_event_attributes") == 2


async def test_cancelled_just_before_suspending(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = Witness()
    suspend = ExecutionStore.suspend

    async def slowly(*arguments: Any) -> None:
        witness.reached.set()
        await witness.open.wait()
        await suspend(*arguments)

    monkeypatch.setattr(ExecutionStore, "suspend", slowly)

    async def ask(run: Run) -> None:
        await run.approve("go on?")

    here = await install(agent_that(witness, "asker", ask))
    workflow_id = await here.start("asker")
    await witness.reached.wait()
    await here.service.control.cancel(workflow_id)
    await here.until_history_has(
        workflow_id, "workflow_execution_cancel_requested_event_attributes"
    )
    # The execution ends with "it waits", after the goal was cancelled and before it heard of it.
    witness.open.set()
    await cancelled(here, workflow_id)
    assert witness.cleaned == ["asker"]
    await here.replay(workflow_id, "cancelled-while-suspending")


async def test_cancelled_while_delegating(install: Install) -> None:
    witness = Witness()

    async def delegate(run: Run) -> None:
        await asyncio.gather(
            run.delegate("working", "work"), run.delegate("asking", "ask"), return_exceptions=True
        )
        witness.done.append("went on")

    async def work(run: Run) -> None:
        await run.step("work", witness.gate)

    async def ask(run: Run) -> None:
        await run.approve("go on?")

    here = await install(
        agent_that(witness, "delegating", delegate),
        agent_that(witness, "working", work),
        agent_that(witness, "asking", ask),
    )
    workflow_id = await here.start("delegating")
    await witness.reached.wait()
    children = [wait.child for wait in await here.stores.waits.pending(workflow_id)]
    assert len(children) == 2
    asking = next(
        record.workflow_id
        for record in await here.stores.goals.list(delegated=True)
        if record.agent_type == "asking"
    )
    await here.until_status(asking, GoalStatus.WAITING)
    await here.service.control.cancel(workflow_id)
    await cancelled(here, workflow_id)
    for child in children:
        assert child is not None
        await cancelled(here, child)
    assert sorted(witness.cleaned) == ["asking", "delegating", "working"]
    assert witness.done == []
    await here.replay(workflow_id, "cancelled-while-delegating")


async def test_cancelled_while_an_attempt_is_failing(install: Install) -> None:
    """The execution ends with a failure after the goal was cancelled: there is no next attempt."""
    witness = Witness()
    attempts: list[int] = []

    class Failing(Agent[None]):
        async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
            attempts.append(1)
            yield Progress(percentage=1)
            raise ConnectionError("cut off")

        async def get_results(self) -> Result:
            await witness.gate()
            return Result(summary="half")

        async def cleanup(self) -> None:
            witness.cleaned.append("failing")

    here = await install(AgentSpec(name="failing", description="", agent=Failing))
    workflow_id = await here.start("failing")
    await witness.reached.wait()
    # Not through the service: a worker would hear of that from the stores.
    await here.handle(workflow_id).cancel()
    await here.until_history_has(
        workflow_id, "workflow_execution_cancel_requested_event_attributes"
    )
    witness.open.set()
    await cancelled(here, workflow_id)
    assert len(attempts) == 1
    assert witness.cleaned == ["failing"]
    await here.replay(workflow_id, "cancelled-while-failing")


async def test_cancelled_between_two_attempts(install: Install) -> None:
    witness = Witness()

    async def fail(run: Run) -> None:
        raise ConnectionError("cut off")

    here = await install(agent_that(witness, "failing", fail))
    workflow_id = await here.start("failing")
    await here.until_history_has(workflow_id, "timer_started_event_attributes")
    await here.service.control.cancel(workflow_id)
    record = await cancelled(here, workflow_id)
    assert record.result is not None
    assert witness.cleaned == ["failing"]


async def test_cancelled_while_paused(install: Install) -> None:
    witness = Witness()

    async def tick(number: int) -> None:
        await asyncio.sleep(0.01)
        witness.done.append(str(number))

    async def work(run: Run) -> None:
        for number in range(100_000):
            await run.step("tick", tick, number)

    here = await install(agent_that(witness, "worker", work))
    workflow_id = await here.start("worker")
    await here.until_event(workflow_id, "step.completed")
    await here.service.control.pause(workflow_id)
    await here.until_status(workflow_id, GoalStatus.PAUSED)
    done = len(witness.done)
    await here.service.control.cancel(workflow_id)
    await cancelled(here, workflow_id)
    assert len(witness.done) == done
    assert witness.cleaned == ["worker"]


async def test_cancelled_with_no_worker_up_before_it_ever_ran(install: Install) -> None:
    witness = Witness()

    async def work(run: Run) -> None:
        witness.done.append("ran")

    here = await install(agent_that(witness, "worker", work), work=False)
    workflow_id = await here.start("worker")
    await here.service.control.cancel(workflow_id)
    async with here.worker():
        await cancelled(here, workflow_id)
    assert (witness.done, witness.cleaned) == ([], [])


async def test_an_agent_that_ignores_its_cancellation_is_left_behind(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it does afterwards has no effect."""
    monkeypatch.setattr(driver, "CANCEL_SECONDS", 0.2)
    witness = Witness()
    refused: list[str] = []
    ended = asyncio.Event()

    async def cling(run: Run) -> None:
        while not witness.open.is_set():
            try:
                witness.reached.set()
                await witness.open.wait()
            except asyncio.CancelledError:
                continue
        for attempt in (
            run.step("mail", witness.done.append, "mail"),
            run.progress(99, "still here"),
            run.artifact("late.md", "late"),
            run.approve("still?"),
        ):
            try:
                await attempt
            except BaseException as error:
                refused.append(type(error).__name__)
        ended.set()

    here = await install(agent_that(witness, "clinging", cling))
    workflow_id = await here.start("clinging")
    await witness.reached.wait()
    await here.service.control.cancel(workflow_id)
    await cancelled(here, workflow_id)
    before = await here.stored_events(workflow_id)
    witness.open.set()
    await ended.wait()
    assert refused == ["Cancelled"] * 4
    assert witness.done == []
    assert await here.stored_events(workflow_id) == before
    assert witness.cleaned == ["clinging"]


async def test_the_clean_up_happens_once_however_a_goal_ends(install: Install) -> None:
    """After a wait and a retry, when it completes; and when it fails for good."""
    witness = Witness()
    tries: list[int] = []

    async def well(run: Run) -> None:
        await run.sleep(timedelta(milliseconds=10))
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("once")
        await run.approve("done?")

    async def badly(run: Run) -> None:
        raise ConnectionError("always")

    here = await install(agent_that(witness, "well", well), agent_that(witness, "badly", badly))
    completes, fails = await here.start("well"), await here.start("badly")
    await here.answer(completes, "done?")
    assert (await here.finish(completes))[0].success
    assert not (await here.finish(fails))[0].success
    assert sorted(witness.cleaned) == ["badly", "well"]


async def test_an_attempt_that_is_throttled_after_two_failures_is_not_the_end(
    install: Install,
) -> None:
    """The agent is not cleaned up while it goes on."""
    witness = Witness()
    troubles = [
        ConnectionError("one"),
        ConnectionError("two"),
        Throttled("slowly", retry_after=0.2),
        None,
    ]
    cleaned_by_then: list[int] = []

    async def busy(run: Run) -> None:
        cleaned_by_then.append(len(witness.cleaned))
        trouble = troubles.pop(0)
        if trouble is not None:
            raise trouble

    here = await install(agent_that(witness, "busy", busy))
    output, _ = await here.finish(await here.start("busy"))
    assert output.success
    assert cleaned_by_then == [0, 0, 0, 0]
    assert witness.cleaned == ["busy"]
