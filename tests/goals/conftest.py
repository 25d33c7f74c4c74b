"""An installation of one's own: stores in a fresh folder, a worker, agents made on the spot."""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, Worker

from holdfast.agents import AgentSpec, Observer
from holdfast.agents.loading import Loaded
from holdfast.agents.registry import AgentRegistry, Plugin
from holdfast.models import Goal, GoalOutput, GoalRecord, Parameters
from holdfast.settings import Settings
from holdfast.stores import Stores, open_stores
from holdfast.stores.following import follow_events
from holdfast.temporal.connection import connect
from holdfast.temporal.development_server import DevelopmentServer
from holdfast.temporal.goals import GoalService
from holdfast.temporal.worker import build_worker
from holdfast.workflows.agent_goal import AgentGoalWorkflow


def registry_of(*specs: AgentSpec, observers: tuple[Observer, ...] = ()) -> AgentRegistry:
    """Return a registry as if one plugin had brought these agents."""
    names = tuple(spec.name for spec in specs)
    plugin = Plugin("holdfast-test", "1.0", "holdfast_test", "loaded", agents=names)
    return AgentRegistry.of({plugin: Loaded((), specs, observers)}, [])


def without_traces(document: object) -> object:
    """Leave out what tells of the machine a history was recorded on, which no replay reads."""
    if isinstance(document, dict):
        return {
            key: without_traces(value)
            for key, value in document.items()
            if key not in {"identity", "stackTrace"}
        }
    if isinstance(document, list):
        return [without_traces(item) for item in document]
    # A sticky queue is named after process and host.
    return "sticky" if isinstance(document, str) and "@" in document else document


@dataclass
class Installation:
    """Stores, a client, and the means to hand in goals."""

    client: Client
    stores: Stores
    service: GoalService
    settings: Settings

    def worker(self) -> Worker:
        return build_worker(self.client, self.stores, self.service.registry, self.settings)

    async def start(
        self, agent: str, parameters: Parameters | None = None, goal_id: str = "test"
    ) -> str:
        goal = Goal(
            goal_id=goal_id, description="try", agent_type=agent, parameters=parameters or {}
        )
        return await self.service.start(goal)

    def handle(self, workflow_id: str) -> WorkflowHandle[AgentGoalWorkflow, GoalOutput]:
        return self.client.get_workflow_handle_for(AgentGoalWorkflow.run, workflow_id)

    async def finish(self, workflow_id: str) -> tuple[GoalOutput, GoalRecord]:
        output = await self.handle(workflow_id).result()
        return output, await self.stores.goals.get(workflow_id)

    async def events(self, workflow_id: str) -> list[str]:
        return [event.type async for event in follow_events(self.stores, workflow_id)]

    async def replay(self, workflow_id: str, kind: str) -> list[str]:
        """Replay a run's history with no agent in sight; return its event types.

        With RECORD_HISTORIES=tests/histories/VERSION it is kept there too, as that version's
        history of this kind: see tests/histories.
        """
        history = await self.handle(workflow_id).fetch_history()
        if folder := os.environ.get("RECORD_HISTORIES"):
            document = json.loads(history.to_json())
            text = json.dumps(without_traces(document), indent=1)
            (Path(folder) / f"{kind}.json").write_text(text + "\n")
        replayer = Replayer(workflows=[AgentGoalWorkflow], data_converter=pydantic_data_converter)
        await replayer.replay_workflow(history)
        return [event.WhichOneof("attributes") or "" for event in history.events]


Install = Callable[..., Awaitable[Installation]]


@pytest_asyncio.fixture(loop_scope="session")
async def install(server: DevelopmentServer, own_home: Path) -> AsyncIterator[Install]:
    """Return a function that sets up stores and a worker for some agents."""
    async with AsyncExitStack() as stack:

        async def set_up(
            *specs: AgentSpec, work: bool = True, database_url: str = ""
        ) -> Installation:
            settings = Settings(home=own_home, database_url=database_url)
            stores = await stack.enter_async_context(open_stores(settings))
            client = await connect(server.address)
            service = GoalService(client, stores, registry_of(*specs))
            installation = Installation(client, stores, service, settings)
            if work:
                await stack.enter_async_context(installation.worker())
            return installation

        yield set_up
