"""Agents of other libraries in a worker that is killed after the second model call."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from perdure.activities.prepare import Prepare
from perdure.activities.store import Store
from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.messages import TASK_QUEUE
from perdure.temporal.worker.recovery import recover
from perdure.testing import ModelServer
from perdure.workflows.agent_goal import AgentGoalWorkflow
from tests.adapters.scripted import ANSWER, LIBRARIES, script

if TYPE_CHECKING:
    from tests.installation import Install

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).parents[2]

Begin = Callable[..., int]


async def elsewhere(run: Run, goal: Goal) -> Result:
    raise AssertionError("it runs in another process")


@pytest.fixture(scope="module")
def begin() -> Iterator[Begin]:
    """Return a function that starts a worker, and returns its pid."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.adapters.worker_process"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},  # for tests.adapters
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def start(**order: object) -> int:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    try:
        yield start
    finally:
        process.communicate(timeout=20)


def is_up(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("library", LIBRARIES)
async def test_no_call_is_paid_twice_and_no_tool_is_done_twice(
    library: str, install: "Install", begin: Begin
) -> None:
    here = await install(
        AgentSpec(name="guide", description="Tells of places.", agent=elsewhere), work=False
    )
    home = here.settings.home
    address = here.client.service_client.config.target_host
    (home / "halts").touch()
    with ModelServer(script) as server:
        async with Worker(
            here.client,
            task_queue=TASK_QUEUE,
            workflows=[AgentGoalWorkflow],
            activities=[
                Prepare(here.stores, here.service.registry).prepare_agent_context,
                Store(here.stores).store_agent_results,
            ],
            no_remote_activities=True,
            workflow_runner=UnsandboxedWorkflowRunner(),
        ):
            order = {"home": str(home), "address": address, "library": library}
            workers = [begin(**order, environment=server.environment) for _ in range(2)]
            workflow_id = await here.start("guide")

            async def halted() -> bool:
                assert any(map(is_up, workers)), "both workers have ended"
                return (home / "halted").exists()

            await here.until(halted, "the slow tool")
            assert len(server.requests) == 2
            done = (home / "done").read_text().splitlines()
            (working,) = {int(line.split()[-1]) for line in done}
            os.kill(working, signal.SIGKILL)

            async def is_dead() -> bool:
                return not is_up(working)

            await here.until(is_dead, "the worker's death")
            assert await recover(here.client, home) == 1
            output, record = await here.finish(workflow_id)
            workers.remove(working)
            os.kill(workers[0], signal.SIGKILL)
        assert output.success, record.error
        assert record.result is not None
        assert record.result.summary == ANSWER
        assert len(server.requests) == 3
        assert server.paid_in_vain == 0
        assert record.result.usage.tokens_used == server.billed
    done = [line.rsplit(" ", 1)[0] for line in (home / "done").read_text().splitlines()]
    assert sorted(done) == ["count Oslo", "find Oslo", "slow Oslo"]
    told = await here.told(workflow_id)
    assert [event.data["tool"] for event in told if event.type == "tool.called"] == [
        "find",
        "count",
        "slow",
    ]
    text = [str(event.data["text"]) for event in told if event.type == "text.delta"]
    assert "".join(text) == ANSWER
