"""Workers of two versions: which of them gets the goals."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    DescribeWorkerDeploymentResponse,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.agents.plugins.registry import AgentRegistry
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.development_server import run_development_server
from perdure.temporal.worker.run_worker import run_worker
from perdure.temporal.worker.versioning import (
    VersionIncomplete,
    current_build,
    worker_version,
)
from tests.support.plugins import registry_of
from tests.support.until import until_async


def _registry(build: str) -> AgentRegistry:
    async def teller(run: Run, goal: Goal) -> Result:
        await run.step(f"built by {build}", len, build)
        await run.wait_for("go")
        return Result(summary=build)

    spec = AgentSpec(name="teller", description="Tells its version.", agent=teller)
    return registry_of(spec)


@pytest.mark.asyncio
async def test_goals_go_to_the_current_version_and_move_to_the_next(
    server_binary: Path, own_home: Path
) -> None:
    settings = Settings(home=own_home)
    async with (
        # A server of its own: a whole namespace has one current version.
        run_development_server(server_binary, port=0, ui_port=0) as server,
        open_stores(settings) as stores,
        AsyncExitStack() as workers,
    ):
        client = await connect(server.address)
        service = GoalService(client, stores, _registry("one"))

        async def work(build: str, **more: bool) -> None:
            versioned = settings.model_copy(update={"build_id": build, **more})
            registry = _registry(build)
            await workers.enter_async_context(run_worker(client, stores, registry, versioned))

        async def start() -> str:
            return await service.start(Goal(goal_id="v", description="x", agent_type="teller"))

        async def until_waiting(workflow_id: str) -> None:
            async for event in stores.events.follow(workflow_id):
                if event.type == "run.waiting":
                    return

        async def summary_of(workflow_id: str) -> str:
            async for _ in stores.events.follow(workflow_id):
                pass
            record = await stores.goals.get(workflow_id)
            assert record.result is not None
            return record.result.summary

        async with asyncio.timeout(60):
            await work("one")
            assert await current_build(client) == "one"
            first = await start()
            await until_waiting(first)

            # A second version gets nothing until it is made current …
            await work("two")
            assert await current_build(client) == "one"
            second = await start()
            await service.decisions.signal(second, "go", None)
            assert await summary_of(second) == "one"

            # … and then the goals that have started too.
            await work("three", make_current=True)
            assert await current_build(client) == "three"
            await service.decisions.signal(first, "go", None)
            assert await summary_of(first) == "three"


async def _deployment(client: Client, name: str) -> DescribeWorkerDeploymentResponse:
    return await client.workflow_service.describe_worker_deployment(
        DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=name)
    )


@pytest.mark.asyncio
async def test_a_worker_of_a_worker_controller_has_the_version_that_it_was_given(
    server_binary: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_DEPLOYMENT_NAME", "agents/perdure-workers")
    monkeypatch.setenv("TEMPORAL_WORKER_BUILD_ID", "0.1.0-5f2a")
    # What a rollout without a controller is told by does not count.
    settings = Settings(home=own_home, build_id="mine", make_current=True)
    registry = _registry("0.1.0-5f2a")
    async with (
        run_development_server(server_binary, port=0, ui_port=0) as server,
        open_stores(settings) as stores,
    ):
        client = await connect(server.address)
        service = GoalService(client, stores, registry)
        async with asyncio.timeout(60), run_worker(client, stores, registry, settings):

            async def is_registered() -> bool:
                try:
                    found = await _deployment(client, "agents/perdure-workers")
                except RPCError:
                    return False
                versions = found.worker_deployment_info.version_summaries
                return [each.deployment_version.build_id for each in versions] == ["0.1.0-5f2a"]

            await until_async(is_registered)
            # The controller makes a version current, and the worker does not.
            found = await _deployment(client, "agents/perdure-workers")
            routing = found.worker_deployment_info.routing_config
            assert routing.current_deployment_version.build_id == ""
            assert await current_build(client) is None

            await client.workflow_service.set_worker_deployment_current_version(
                SetWorkerDeploymentCurrentVersionRequest(
                    namespace=client.namespace,
                    deployment_name="agents/perdure-workers",
                    build_id="0.1.0-5f2a",
                )
            )
            workflow_id = await service.start(
                Goal(goal_id="v", description="x", agent_type="teller")
            )
            await service.decisions.signal(workflow_id, "go", None)
            async for _ in stores.events.follow(workflow_id):
                pass
            record = await stores.goals.get(workflow_id)
            assert record.result is not None
            assert record.result.summary == "0.1.0-5f2a"

            (process,) = await stores.workers.list()
            assert process.build_id == "0.1.0-5f2a"


def test_half_a_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_DEPLOYMENT_NAME", "agents/perdure-workers")
    with pytest.raises(VersionIncomplete, match="TEMPORAL_WORKER_BUILD_ID is not"):
        worker_version(Settings(build_id="mine"))
