"""A goal from hand-in to stored result, on a real Temporal server."""

import asyncio
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError

from perdure.agents import (
    Agent,
    AgentSpec,
    Goal,
    InputError,
    ParametersRefused,
    Progress,
    Result,
    Run,
    StepFailed,
    UnknownAgent,
    Usage,
)
from perdure.messages import TASK_QUEUE
from perdure.models import GoalStatus
from perdure.stores.database import retry
from perdure.temporal.worker.run_worker import run_worker
from perdure.workflows import failure_policy
from perdure.workflows.agent_goal import AgentGoalWorkflow
from tests.support.plugins import registry_of
from tests.support.until import until_async

if TYPE_CHECKING:
    Install = Callable[..., Awaitable[Any]]

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Gate:
    """A place where an agent waits for its test."""

    def __init__(self) -> None:
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    async def wait(self) -> bool:
        self.reached.set()
        await self.open.wait()
        return True


def spec(name: str, agent: Any) -> AgentSpec:
    return AgentSpec(name=name, description="", agent=agent)


async def test_a_goal_completes_and_its_result_is_stored(install: "Install") -> None:
    async def writer(run: Run, goal: Goal) -> Result:
        await run.progress(10, "starting")
        words = await run.step("count", len, goal.description)
        await run.artifact("report.md", "# Report")
        await run.progress(90, "written")
        return Result(
            summary="written", data={"words": words}, usage=Usage(input_tokens=5, output_tokens=2)
        )

    here = await install(spec("writer", writer))
    workflow_id = await here.start("writer", goal_id="g-1")
    output, record = await here.finish(workflow_id)

    assert workflow_id.startswith("goal-g-1-")
    assert output.success
    assert output.error is None
    assert output.result.summary == "written"
    assert output.result.metadata == {"agent_type": "writer", "tokens_used": 7}
    assert 0 < output.execution_time < 60
    assert record.status is GoalStatus.COMPLETED
    assert record.success is True
    assert record.result.data == {"words": 3}
    assert [artifact.name for artifact in record.artifacts] == ["report.md"]
    assert record.progress == Progress(percentage=90, message="written")
    assert record.agent_version == "perdure-test 1.0"
    assert await here.stores.contents.read(record.artifacts[0].digest) == b"# Report"
    assert await here.stores.metrics.of(workflow_id) == {"execution_time": output.execution_time}
    assert await here.events(workflow_id) == [
        "run.started",
        "progress",
        "step.completed",
        "artifact",
        "progress",
        "run.completed",
    ]
    history = await here.replay(workflow_id, "completed")
    # Prepare and store ran inside workflow tasks: one ordinary activity only, the agent's.
    assert history.count("activity_task_scheduled_event_attributes") == 1
    assert history.count("marker_recorded_event_attributes") == 2


async def test_a_goal_on_postgresql(postgresql_url: str, install: "Install") -> None:
    async def writer(run: Run, goal: Goal) -> Result:
        for number in range(5):
            await run.step("count", len, goal.description * number)
            await run.progress(number * 20)
        await run.artifact("report.md", "# Report")
        return Result(summary="written", data={"nothing": "\x00"})

    here = await install(spec("writer", writer), database_url=postgresql_url)
    ids = [await here.start("writer") for _ in range(10)]
    for workflow_id in ids:
        output, record = await here.finish(workflow_id)
        assert output.success
        assert record.result.data == {"nothing": "\x00"}
        assert len(await here.events(workflow_id)) == 13
    assert len(await here.stores.goals.list(status=GoalStatus.COMPLETED)) == 10


async def test_the_contract_holds_for_a_client_that_knows_only_names(install: "Install") -> None:
    async def plain(run: Run, goal: Goal) -> Result:
        return Result(summary="done", data=goal.parameters)

    here = await install(spec("plain", plain))
    goal = {"goal_id": "raw", "description": "x", "agent_type": "plain", "parameters": {}}
    output = await here.client.execute_workflow(
        "AgentGoalWorkflow", goal, id="goal-raw-1", task_queue=TASK_QUEUE
    )
    assert {"success", "result", "execution_time"} <= output.keys()
    assert output["success"] is True
    assert (await here.stores.goals.get("goal-raw-1")).status is GoalStatus.COMPLETED


async def test_big_results_stay_out_of_the_history(install: "Install") -> None:
    async def big(run: Run, goal: Goal) -> Result:
        block = await run.step("make", lambda: "x" * 3_000_000)
        await run.artifact("big.txt", block)
        return Result(summary="s" * 1000, data={"block": block})

    here = await install(spec("big", big))
    workflow_id = await here.start("big")
    output, record = await here.finish(workflow_id)
    history = await here.handle(workflow_id).fetch_history()
    assert len(record.result.data["block"]) == 3_000_000
    assert output.result.size > 3_000_000
    assert sum(event.ByteSize() for event in history.events) < 10_000


async def test_a_permanent_error_is_not_tried_again(install: "Install") -> None:
    attempts = []

    async def picky(run: Run, goal: Goal) -> Result:
        attempts.append(1)
        raise InputError("there is no file sales.csv: give another path")

    here = await install(spec("picky", picky))
    workflow_id = await here.start("picky")
    output, record = await here.finish(workflow_id)
    assert len(attempts) == 1
    assert not output.success
    assert (output.error.type, output.error.message) == (
        "InputError",
        "there is no file sales.csv: give another path",
    )
    assert record.status is GoalStatus.FAILED
    assert record.error == output.error
    await here.replay(workflow_id, "permanent-failure")


async def test_three_attempts_pay_for_each_step_once_and_keep_what_was_made(
    install: "Install",
) -> None:
    paid: list[int] = []
    attempts: list[int] = []

    class Unlucky(Agent[None]):
        async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
            attempts.append(1)
            for number in range(3):
                await self.run.step("pay", paid.append, number)
                yield Progress(percentage=number * 30)
            await self.run.artifact("partial.md", "half")
            raise ConnectionError(f"cut off, time {len(attempts)}")

        async def get_results(self) -> Result:
            return Result(summary="half of it", data={"done": 3})

    here = await install(spec("unlucky", Unlucky))
    workflow_id = await here.start("unlucky")
    output, record = await here.finish(workflow_id)
    assert len(attempts) == 3
    assert paid == [0, 1, 2]
    assert output.error.message == "cut off, time 3"
    assert record.success is False
    assert record.result.data == {"done": 3}
    assert [artifact.name for artifact in record.artifacts] == ["partial.md"]
    events = await here.events(workflow_id)
    assert events.count("run.retrying") == 2
    assert events.count("progress") == 3
    assert events[-1] == "run.failed"
    await here.replay(workflow_id, "three-failures")


async def test_a_step_that_ended_an_attempt_runs_again_in_the_next(install: "Install") -> None:
    outcomes = iter([OSError("reset"), OSError("reset"), None])

    def fetch() -> str:
        error = next(outcomes)
        if error:
            raise error
        return "page"

    async def fetcher(run: Run, goal: Goal) -> Result:
        return Result(summary=await run.step("fetch", fetch))

    here = await install(spec("fetcher", fetcher))
    output, _ = await here.finish(await here.start("fetcher"))
    assert output.success
    assert output.result.summary == "page"


async def test_cancelling_keeps_what_was_made_and_cleans_up_once(install: "Install") -> None:
    gate, cleaned = Gate(), []

    class Slow(Agent[None]):
        async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
            await self.run.artifact("draft.md", "so far")
            yield Progress(percentage=40)
            await gate.wait()

        async def get_results(self) -> Result:
            return Result(summary="as far as it came")

        async def cleanup(self) -> None:
            cleaned.append(1)

    here = await install(spec("slow", Slow))
    workflow_id = await here.start("slow")
    await gate.reached.wait()
    assert await here.service.control.cancel(workflow_id)
    with pytest.raises(WorkflowFailureError):
        await here.handle(workflow_id).result()
    record = await here.stores.goals.get(workflow_id)
    assert record.status is GoalStatus.CANCELLED
    assert record.success is False
    assert record.result.summary == "as far as it came"
    assert [artifact.name for artifact in record.artifacts] == ["draft.md"]
    assert cleaned == [1]
    assert (await here.handle(workflow_id).describe()).status is WorkflowExecutionStatus.CANCELED
    assert not await here.service.control.cancel(workflow_id)
    await here.replay(workflow_id, "cancelled")


async def test_a_worker_that_stops_yields_its_goals(install: "Install") -> None:
    gate, paid = Gate(), list[int]()

    async def patient(run: Run, goal: Goal) -> Result:
        await run.step("pay", paid.append, 1)
        await gate.wait()
        return Result(summary="finished elsewhere")

    # It waits between two steps for longer than a worker that stops does.
    here = await install(spec("patient", patient), work=False, drain_seconds=1)
    async with here.worker():
        workflow_id = await here.start("patient")
        await gate.reached.wait()
    gate.open.set()
    async with here.worker():
        output, _ = await here.finish(workflow_id)
    assert output.result.summary == "finished elsewhere"
    assert paid == [1]
    await here.replay(workflow_id, "yielded")


@pytest.mark.sqlite
async def test_slow_stores_make_prepare_and_store_ordinary_activities(install: "Install") -> None:
    """Another process holds the database's write lock for longer than a quick activity may take."""
    gate = Gate()

    async def plain(run: Run, goal: Goal) -> Result:
        gate.reached.set()
        return Result(summary="done")

    here = await install(spec("plain", plain))
    intruder = sqlite3.connect(here.settings.home / "perdure.db", isolation_level=None)

    async def is_ordinary() -> bool:
        history = await here.handle(workflow_id).fetch_history()
        return any(
            event.activity_task_scheduled_event_attributes.activity_type.name
            == "prepare_agent_context"
            for event in history.events
        )

    workflow_id = "goal-slow-stores"
    intruder.execute("BEGIN IMMEDIATE")
    goal = Goal(goal_id="slow", description="x", agent_type="plain")
    await here.client.start_workflow(
        "AgentGoalWorkflow", goal, id=workflow_id, task_queue=TASK_QUEUE
    )
    await until_async(is_ordinary, "an ordinary activity")
    intruder.execute("COMMIT")
    output, record = await here.finish(workflow_id)
    intruder.close()
    assert output.success
    assert record.status is GoalStatus.COMPLETED
    await here.replay(workflow_id, "ordinary-prepare")


async def test_stores_that_are_away_use_up_no_attempt(
    install: "Install", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of artifacts cannot be written for four attempts, then it can."""
    monkeypatch.setattr(retry, "RETRY_SECONDS", 0.1)
    tried: list[int] = []
    paid: list[int] = []

    async def writer(run: Run, goal: Goal) -> Result:
        await run.step("pay", paid.append, 1)
        tried.append(1)
        if len(tried) == 4:
            in_the_way.unlink()
        await run.artifact("report.md", "# Report")
        return Result(summary="written")

    here = await install(spec("writer", writer))
    in_the_way = here.settings.home / "artifacts"
    in_the_way.touch()
    workflow_id = await here.start("writer")
    output, record = await here.finish(workflow_id)
    assert output.success
    assert (len(tried), len(paid)) == (4, 1)
    assert [artifact.name for artifact in record.artifacts] == ["report.md"]
    await here.replay(workflow_id, "stores-away")


@pytest.mark.sqlite
async def test_stores_that_were_away_at_hand_in_lose_nothing(install: "Install") -> None:
    """The record could not be opened before the goal ended; storing opens it."""
    here = await install(_plain())
    workflow_id = "goal-late-record"
    intruder = sqlite3.connect(here.settings.home / "perdure.db", isolation_level=None)
    intruder.execute("ALTER TABLE goals RENAME TO goals_away")
    goal = Goal(goal_id="late", description="x", agent_type="plain")
    await here.client.start_workflow(
        "AgentGoalWorkflow", goal, id=workflow_id, task_queue=TASK_QUEUE
    )
    await here.until_history_has(workflow_id, "timer_started_event_attributes")
    intruder.execute("ALTER TABLE goals_away RENAME TO goals")
    intruder.close()
    output, record = await here.finish(workflow_id)
    assert output.success
    assert record.status is GoalStatus.COMPLETED
    await here.replay(workflow_id, "stores-away-at-hand-in")


@pytest.mark.sqlite
async def test_a_cancel_that_comes_while_storing_loses_no_result(install: "Install") -> None:
    intruders: list[sqlite3.Connection] = []

    class Plain(Agent[None]):
        async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
            yield Progress(percentage=100)

        async def get_results(self) -> Result:
            return Result(summary="done")

        async def cleanup(self) -> None:
            intruders[0].execute("BEGIN IMMEDIATE")  # from here on nothing can be stored

    here = await install(spec("plain", Plain))
    intruders.append(sqlite3.connect(here.settings.home / "perdure.db", isolation_level=None))
    workflow_id = await here.start("plain")
    await here.until_history_has(workflow_id, "activity_task_scheduled_event_attributes", 2)
    await here.service.control.cancel(workflow_id)
    await here.until_history_has(
        workflow_id, "workflow_execution_cancel_requested_event_attributes"
    )
    intruders[0].execute("COMMIT")
    intruders[0].close()
    output, record = await here.finish(workflow_id)
    assert output.success
    assert record.status is GoalStatus.COMPLETED
    assert record.result.summary == "done"
    await here.replay(workflow_id, "cancelled-while-storing")


ODD = {
    "exits": ("RuntimeError", "SystemExit: 3"),
    "exits-in-a-step": ("RuntimeError", "SystemExit: 4"),
    "returns-nothing": ("PermanentError", "returned NoneType: return a perdure.agents.Result"),
    "says-much": ("InputError", "3,000,000 characters in all"),
    "tells-much": ("", ""),
}


@pytest.mark.parametrize("kind", sorted(ODD))
async def test_odd_agents_end_in_an_honest_failure(install: "Install", kind: str) -> None:
    carried = asyncio.Event()

    async def leave() -> None:
        sys.exit(4)

    async def odd(run: Run, goal: Goal) -> Any:
        if kind == "exits":
            sys.exit(3)
        if kind == "exits-in-a-step":
            await run.step("leave", leave)
        if kind == "says-much":
            raise InputError("x" * 3_000_000)
        if kind == "tells-much":
            await run.progress(10, "x" * 3_000_000)
            await carried.wait()
            return Result(summary="told")
        return None

    here = await install(spec("odd", odd))
    workflow_id = await here.start("odd")
    if kind == "tells-much":
        # Where its progress is too large for a heartbeat, this never comes.
        await until_async(lambda: _heartbeat_of(here, workflow_id), "a heartbeat with progress")
        carried.set()
    output, record = await here.finish(workflow_id)
    type_, words = ODD[kind]
    assert output.success is (kind == "tells-much")
    if record.error is not None:
        assert record.error.type == type_
        assert words in record.error.message
        assert len(record.error.message) < 3000


async def _heartbeat_of(here: Any, workflow_id: str) -> bool:
    described = (await here.handle(workflow_id).describe()).raw_description
    return any(
        b'"percentage":10' in payload.data
        for pending in described.pending_activities
        for payload in pending.heartbeat_details.payloads
    )


async def test_what_cannot_be_run_is_refused_before_a_workflow_starts(install: "Install") -> None:
    here = await install(_plain())
    with pytest.raises(UnknownAgent, match="choose one of plain"):
        await here.start("plane")
    with pytest.raises(ParametersRefused, match="colour"):
        await here.start("plain", {"colour": "red"})
    assert await here.stores.goals.list() == []


async def test_input_that_is_no_goal_fails_the_workflow_instead_of_hanging_it(
    install: "Install",
) -> None:
    here = await install(_plain())
    with pytest.raises(WorkflowFailureError):
        await asyncio.wait_for(
            here.client.execute_workflow(
                "AgentGoalWorkflow", {"goal": 1}, id="goal-no-goal", task_queue=TASK_QUEUE
            ),
            20,
        )


async def test_an_agent_missing_at_every_worker_ends_in_a_recorded_failure(
    install: "Install", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failure_policy, "MAX_DELAY", timedelta(seconds=0.2))
    lost = failure_policy.FailureCause.LOST_WORKER
    monkeypatch.setitem(failure_policy.MAX_FAILURES, lost, 3)
    here = await install(_plain())
    await here.stores.agents.add({"removed": "perdure-removed 1.2.3"})
    goal = Goal(goal_id="gone", description="x", agent_type="removed")
    output = await here.client.execute_workflow(
        "AgentGoalWorkflow", goal, id="goal-gone", task_queue=TASK_QUEUE
    )
    assert output["error"]["type"] == "MissingAgent"
    assert "pip install perdure-removed" in output["error"]["message"]
    record = await here.stores.goals.get("goal-gone")
    assert record.status is GoalStatus.FAILED
    # It was waited for: three executions found it missing.
    assert (await here.events("goal-gone")).count("run.retrying") == 2


async def test_an_agent_that_nobody_ever_had_fails_at_once(install: "Install") -> None:
    """A misspelt goal, and a misspelt delegate, with the sentence that lists what exists."""

    async def parent(run: Run, goal: Goal) -> Result:
        try:
            await run.delegate("plane", "x")
        except StepFailed as error:
            return Result(summary=str(error))
        return Result(summary="nothing failed")

    spec = AgentSpec(name="parent", description="", agent=parent)
    here = await install(_plain(), spec)
    goal = Goal(goal_id="misspelt", description="x", agent_type="planes")
    output = await here.client.execute_workflow(
        "AgentGoalWorkflow", goal, id="goal-misspelt", task_queue=TASK_QUEUE
    )
    assert output["error"]["type"] == "UnknownAgent"
    assert "choose one of parent, plain" in output["error"]["message"]
    history = await here.client.get_workflow_handle("goal-misspelt").fetch_history()
    executed = [event.activity_task_scheduled_event_attributes for event in history.events]
    assert "execute_agent_task" not in {one.activity_type.name for one in executed}

    started = time.monotonic()
    _, record = await here.finish(await here.start("parent"))
    assert record.result is not None
    assert "no agent 'plane' is installed: choose one of parent, plain" in record.result.summary
    assert time.monotonic() - started < 30  # it took two minutes


async def test_an_agent_that_another_worker_has_is_waited_for(
    install: "Install", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it never ran: every worker that starts stores which agents it has."""
    monkeypatch.setattr(failure_policy, "MAX_DELAY", timedelta(seconds=0.2))
    rare = AgentSpec(name="rare", description="", agent=_plain().agent)
    here = await install(_plain(), work=False)
    async with run_worker(here.client, here.stores, registry_of(rare), here.settings):
        pass
    async with here.worker():
        goal = Goal(goal_id="rare", description="x", agent_type="rare")
        handle = await here.client.start_workflow(
            AgentGoalWorkflow.run, goal, id="goal-rare", task_queue=TASK_QUEUE
        )
        await here.until_event("goal-rare", "run.retrying")
    async with here.worker(rare):
        assert (await handle.result()).success


def _plain() -> AgentSpec:
    async def plain(run: Run, goal: Goal) -> Result:
        return Result(summary="done")

    return spec("plain", plain)
