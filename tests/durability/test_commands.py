"""Commands of real workers: nothing of them outlives the goal's cancellation or the worker."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from temporalio.client import WorkflowFailureError

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.models import GoalStatus
from tests.durability.conftest import Workers
from tests.support.installation import Install, Installation
from tests.support.processes import children, is_running
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

STARTING_PROGRAM = Path(__file__).with_name("starting_program.py")


async def started(folder: Path) -> list[int]:
    """Return the ids of what the program has started, and of itself, once it has."""
    file = folder / "pids"
    await until_async(file.exists, "the program's start")
    pids = [int(pid) for pid in file.read_text().split()]
    assert len(pids) == 3
    assert all(map(is_running, pids))
    return pids


async def gone(pids: list[int]) -> None:
    await until_async(lambda: not any(map(is_running, pids)), f"the end of {pids}", seconds=30)


def serving(folder: Path) -> AgentSpec:
    async def serve(run: Run, goal: Goal) -> Result:
        ended = await run.command([sys.executable, str(STARTING_PROGRAM), folder], name="serve")
        return Result(summary=ended.stdout)

    return AgentSpec(name="serving", description="", agent=serve)


async def until_shown(here: Installation, workflow_id: str, text: str) -> None:
    async def is_shown() -> bool:
        shown = [
            str(event.data["text"])
            for event in await here.stored_events(workflow_id)
            if event.type == "text.delta" and str(event.data["stream"]).endswith(".stdout")
        ]
        return text in "".join(shown)

    await until_async(is_shown, f"the text {text!r}")


@pytest.mark.parametrize("also_supervisor", [False, True])
async def test_nothing_of_it_outlives_a_worker_that_is_killed(
    workers: Workers, also_supervisor: bool
) -> None:
    """What had ended before is not run again, what was under way is."""
    pid = workers.start()
    workflow_id = await workers.here.start("commanding")
    program, child, fled = await started(workers.home)
    await until_shown(workers.here, workflow_id, "serving\n")
    (supervisor,) = children(pid)
    if also_supervisor:
        os.kill(pid, signal.SIGSTOP)
        os.kill(supervisor, signal.SIGKILL)
    workers.kill(pid)
    await workers.died(pid)
    if also_supervisor:
        # With nobody left to end what it has started, the kernel ends the program itself.
        await gone([supervisor, program])
        os.kill(child, signal.SIGKILL)
        os.kill(fled, signal.SIGKILL)
    await gone([program, child, fled, supervisor])
    await workers.recover()
    workers.start()
    _, record = await workers.here.finish(workflow_id)
    assert record.result is not None
    assert record.result.summary == "ran\nthe second time\n"
    assert (workers.home / "ran").read_text() == "ran\n"


async def test_a_command_answers_from_the_journal_after_a_kill(workers: Workers) -> None:
    pid = workers.start(dies=("between",))
    (workers.home / "pids").touch()
    workflow_id = await workers.here.start("commanding")
    await workers.died(pid)
    await workers.recover()
    workers.start()
    _, record = await workers.here.finish(workflow_id)
    assert record.result is not None
    assert record.result.summary == "ran\nthe second time\n"
    assert (workers.home / "ran").read_text() == "ran\n"


async def test_it_is_ended_when_the_goal_is_cancelled(install: Install, tmp_path: Path) -> None:
    here = await install(serving(tmp_path))
    workflow_id = await here.start("serving")
    pids = await started(tmp_path)
    await here.service.control.cancel(workflow_id)
    with pytest.raises(WorkflowFailureError):
        await asyncio.wait_for(here.handle(workflow_id).result(), 30)
    await gone(pids)
    assert (await here.stores.goals.get(workflow_id)).status is GoalStatus.CANCELLED


async def test_it_is_ended_when_the_worker_stops_and_run_again_by_the_next(
    install: Install, tmp_path: Path
) -> None:
    here = await install(serving(tmp_path), work=False, drain_seconds=0.2)
    async with here.worker():
        workflow_id = await here.start("serving")
        pids = await started(tmp_path)
    await gone(pids)
    async with here.worker():
        _, record = await here.finish(workflow_id)
    assert record.result is not None
    assert record.result.summary == "the second time\n"
