"""Reassigning what a dead worker was executing, on a real server."""

import asyncio
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from perdure.messages import EXECUTE_ACTIVITY, ExecuteOutput
from perdure.temporal.client.connection import connect
from perdure.temporal.server.ports import free_port
from perdure.temporal.worker.recovery import recover
from perdure.temporal.worker.task_register import RegisteredTask

if TYPE_CHECKING:
    from perdure.temporal.server.development_server import DevelopmentServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

DYING_WORKER = """
import os, sys
from base64 import b64decode
from pathlib import Path
from perdure.temporal.worker.task_register import RegisteredTask, TaskRegister

home, token, workflow_id, run_id = sys.argv[1:]
register = TaskRegister(Path(home))
register.add(RegisteredTask(b64decode(token), workflow_id, run_id))
os.kill(os.getpid(), 9)
"""


@workflow.defn
class ExecutesOnce:
    """Executes as a goal does, and returns the output of that."""

    @workflow.run
    async def run(self) -> ExecuteOutput:
        executed: ExecuteOutput = await workflow.execute_activity(
            EXECUTE_ACTIVITY,
            result_type=ExecuteOutput,
            start_to_close_timeout=timedelta(minutes=5),
        )
        return executed


Handle = WorkflowHandle[ExecutesOnce, ExecuteOutput]


@asynccontextmanager
async def executing(client: Client, name: str) -> AsyncIterator[tuple[Handle, RegisteredTask]]:
    """Start an execution that ends only when somebody else completes it."""
    started: asyncio.Future[RegisteredTask] = asyncio.get_running_loop().create_future()

    @activity.defn(name=EXECUTE_ACTIVITY)
    async def execute() -> ExecuteOutput:
        info = activity.info()
        started.set_result(
            RegisteredTask(info.task_token, info.workflow_id or "", info.workflow_run_id or "")
        )
        activity.raise_complete_async()

    worker = Worker(
        client,
        task_queue=name,
        workflows=[ExecutesOnce],
        activities=[execute],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with asyncio.timeout(60), worker:
        handle = await client.start_workflow(ExecutesOnce.run, id=name, task_queue=name)
        yield handle, await started


def die_during(home: Path, task: RegisteredTask) -> None:
    """Run a worker that is killed while it executes a task."""
    token = b64encode(task.token).decode()
    command = [sys.executable, "-c", DYING_WORKER, str(home), token, task.workflow_id, task.run_id]
    assert subprocess.run(command, check=False).returncode == -9


def registers(home: Path) -> list[Path]:
    return list((home / "workers").iterdir())


async def test_a_dead_workers_execution_is_completed_as_yielded_once(
    server: "DevelopmentServer", own_home: Path
) -> None:
    client = await connect(server.address)
    async with executing(client, own_home.parent.name) as (handle, task):
        die_during(own_home, task)
        # Two at once, as a supervisor and its workers do.
        counts = await asyncio.gather(recover(client, own_home), recover(client, own_home))
        assert sorted(counts) == [0, 1]
        assert (await handle.result()).yielded
        assert registers(own_home) == []


async def test_an_execution_that_has_ended_meanwhile_is_not_reassigned(
    server: "DevelopmentServer", own_home: Path
) -> None:
    client = await connect(server.address)
    async with executing(client, own_home.parent.name) as (handle, task):
        await client.get_async_activity_handle(task_token=task.token).complete(ExecuteOutput())
        assert not (await handle.result()).yielded
        die_during(own_home, task)
        assert await recover(client, own_home) == 0
        assert registers(own_home) == []


async def test_while_the_server_is_away_the_register_is_kept(
    server: "DevelopmentServer", own_home: Path
) -> None:
    client = await connect(server.address)
    async with executing(client, own_home.parent.name) as (handle, task):
        die_during(own_home, task)
        nowhere = await connect(f"127.0.0.1:{free_port()}", lazy=True)
        assert await recover(nowhere, own_home) == 0
        assert len(registers(own_home)) == 1
        assert await recover(client, own_home) == 1
        assert (await handle.result()).yielded
