"""The supervisor of a worker pool, among agents that do odd things."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import pytest_asyncio
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import Worker, WorkerDeploymentConfig

from perdure.messages import TASK_QUEUE
from perdure.models import DEFAULT_POOL, Goal
from perdure.settings import Settings
from perdure.temporal.client.connection import connect
from perdure.temporal.server.development_server import run_development_server
from perdure.temporal.worker.pool import Pool
from perdure.temporal.worker.versioning import current_build, deployment_name, make_current
from perdure.workflows.agent_goal import AgentGoalWorkflow
from tests.support.plugins import install_plugin
from tests.support.until import until_async

if TYPE_CHECKING:
    from temporalio.client import Client

    from perdure.temporal.server.development_server import DevelopmentServer

    StartPool = Callable[..., Awaitable[Pool]]

pytestmark = pytest.mark.asyncio(loop_scope="session")

ODD = """
import os, subprocess, sys, time
from pathlib import Path
from pydantic import BaseModel
from perdure.agents import AgentSpec, Result, hookimpl

class Parameters(BaseModel):
    folder: str

print("a plugin that prints while it is loaded", flush=True)

def chat(folder):
    print("x" * 300_000, flush=True)
    left_behind = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    note = Path(folder, "note")
    note.write_text(str(left_behind.pid))
    note.rename(Path(folder, f"left-behind-by-{os.getpid()}"))
    while not Path(folder, "go").exists():
        time.sleep(0.02)

async def chatty(run, goal):
    await run.step("chat", chat, goal.parameters["folder"])
    return Result(summary="chatted")

def work(folder):
    with open(Path(folder, "worked"), "a") as lines:
        lines.write(f"{os.getpid()} ")
    time.sleep(9)

async def slow(run, goal):
    await run.step("work", work, goal.parameters["folder"])
    return Result(summary="worked")

@hookimpl
def register_agents():
    return [
        AgentSpec(name="chatty", description="Prints.", agent=chatty, parameters=Parameters),
        AgentSpec(name="slow", description="Takes its time.", agent=slow, parameters=Parameters),
    ]
"""


@pytest.fixture
def folder(tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for the agents of this file, which are installed for child processes."""
    site = tmp_path / "site"
    install_plugin(site, "perdure-odd", ODD)
    paths = [str(site), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv("PERDURE_PLUGINS_ALLOW", "perdure-odd")
    work = tmp_path / "work"
    work.mkdir()
    return work


@pytest_asyncio.fixture(loop_scope="session")
async def client(server: "DevelopmentServer", monkeypatch: pytest.MonkeyPatch) -> "Client":
    """Return a client of the tests' server, which the child processes use too."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", server.address)
    return await connect(server.address)


@pytest_asyncio.fixture(loop_scope="session")
async def start_pool(client: "Client", folder: Path) -> AsyncIterator["StartPool"]:
    """Return a function that runs a pool of one worker and waits until it is ready."""
    async with AsyncExitStack() as stack:

        async def start(*, memory_grace_seconds: float = 60.0) -> Pool:
            pool = Pool(client, Settings(), 1, memory_grace_seconds=memory_grace_seconds)
            ready = asyncio.Event()
            running = asyncio.create_task(pool.run(ready.set))

            async def stop() -> None:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running

            stack.push_async_callback(stop)
            async with asyncio.timeout(60):
                waiting = asyncio.create_task(ready.wait())
                await asyncio.wait({waiting, running}, return_when=asyncio.FIRST_COMPLETED)
            assert ready.is_set()
            return pool

        yield start


async def _begin(client: "Client", agent: str, folder: Path) -> "asyncio.Task[bool]":
    goal = Goal(
        goal_id=agent, description="x", agent_type=agent, parameters={"folder": str(folder)}
    )
    handle = await client.start_workflow(
        AgentGoalWorkflow.run, goal, id=f"goal-{folder.parent.name}-{agent}", task_queue=TASK_QUEUE
    )

    async def succeeds() -> bool:
        async with asyncio.timeout(90):
            return (await handle.result()).success

    return asyncio.create_task(succeeds())


async def test_what_agents_print_and_leave_behind_hurts_no_supervisor(
    client: "Client", start_pool: "StartPool", folder: Path
) -> None:
    pool = await start_pool()
    succeeds = await _begin(client, "chatty", folder)
    dead = pool.children[0]
    try:
        await until_async((folder / f"left-behind-by-{dead}").exists)
        os.kill(dead, signal.SIGKILL)
        await until_async(lambda: pool.children.get(0, dead) != dead, seconds=10)
        assert all(process.is_running() for process in _left_behind(folder))
        await until_async((folder / f"left-behind-by-{pool.children[0]}").exists)
        (folder / "go").touch()
        assert await succeeds
    finally:
        for process in _left_behind(folder):
            process.kill()


def _left_behind(folder: Path) -> list[psutil.Process]:
    return [psutil.Process(int(path.read_text())) for path in folder.glob("left-behind-by-*")]


async def test_a_worker_that_has_grown_too_large_ends_its_step_and_is_replaced(
    client: "Client",
    start_pool: "StartPool",
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PERDURE_MEMORY_TARGET", "0.0005")  # any worker is larger
    pool = await start_pool(memory_grace_seconds=1)
    succeeds = await _begin(client, "slow", folder)
    await until_async((folder / "worked").exists)
    first = await until_async(lambda: (folder / "worked").read_text().split())
    await until_async(lambda: pool.children.get(0) not in {None, int(first[0])}, seconds=60)
    assert await succeeds
    # The supervisor checks every five seconds, and the step takes nine: it was not cut off.
    assert (folder / "worked").read_text().split() == first


async def test_a_worker_that_takes_a_dead_ones_place_does_not_take_the_goals_back(
    server_binary: Path,
    start_pool: "StartPool",
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # A server of its own: a whole namespace has one current version.
    async with run_development_server(server_binary, port=0, ui_port=0) as server:
        monkeypatch.setenv("TEMPORAL_ADDRESS", server.address)
        monkeypatch.setenv("PERDURE_BUILD_ID", "old")
        monkeypatch.setenv("PERDURE_MAKE_CURRENT", "true")
        pool = await start_pool()
        client = await connect(server.address)
        assert await current_build(client) == "old"
        newer = WorkerDeploymentConfig(
            version=WorkerDeploymentVersion(deployment_name(DEFAULT_POOL), "new"),
            use_worker_versioning=True,
            default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
        )
        async with Worker(
            client, task_queue=TASK_QUEUE, workflows=[AgentGoalWorkflow], deployment_config=newer
        ):
            await make_current(client, "new", replace=True)
            dead = pool.children[0]
            os.kill(dead, signal.SIGKILL)
            await until_async(lambda: pool.children.get(0) not in {None, dead})
            logged = ""

            def has_checked() -> bool:
                nonlocal logged
                logged += capfd.readouterr().err
                return "another version is current" in logged or logged.count("is current") > 1

            await until_async(has_checked)
            assert await current_build(client) == "new"
