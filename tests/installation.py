"""A pytest plugin: an installation of a test's own.

Stores in a fresh folder, a worker, agents made on the spot. ``tests/conftest.py`` registers it; it
is not imported by name because the tests are no package.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest_asyncio
from pydantic import JsonValue
from temporalio.api.workflowservice.v1 import ResetStickyTaskQueueRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from perdure.agents import AgentSpec, Observer
from perdure.agents.plugins.loading import Loaded
from perdure.agents.plugins.registry import AgentRegistry, Plugin
from perdure.messages import Executed, GoalOutput
from perdure.models import Budget, Event, Goal, GoalRecord, GoalStatus, Parameters, Vote
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.events.follow import follow_events
from perdure.stores.journal.approvals import ApprovalRecord
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.temporal.worker.worker import build_worker
from perdure.workflows.agent_goal import AgentGoalWorkflow

T = TypeVar("T")

LONGEST_WAIT = 150.0
_LOOK_AGAIN = 0.02


def registry_of(*specs: AgentSpec, observers: tuple[Observer, ...] = ()) -> AgentRegistry:
    """Return a registry as if one plugin had brought these agents."""
    names = tuple(spec.name for spec in specs)
    plugin = Plugin("perdure-test", "1.0", "perdure_test", "loaded", agents=names)
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
    """Stores, a client, and the means to hand in goals and to see what becomes of them."""

    client: Client
    stores: Stores
    service: GoalService
    settings: Settings
    started: list[str] = field(default_factory=list)

    def worker(self, *specs: AgentSpec, stores: Stores | None = None) -> Worker:
        """Return a worker; with other agents, or other stores, than the installation's."""
        registry = registry_of(*specs) if specs else self.service.registry
        return build_worker(self.client, stores or self.stores, registry, self.settings)

    async def start(
        self,
        agent: str,
        parameters: Parameters | None = None,
        goal_id: str = "test",
        budget: Budget | None = None,
    ) -> str:
        goal = Goal(
            goal_id=goal_id,
            description="try",
            agent_type=agent,
            parameters=parameters or {},
            budget=budget,
        )
        workflow_id = await self.service.start(goal)
        self.started.append(workflow_id)
        return workflow_id

    def handle(self, workflow_id: str) -> WorkflowHandle[AgentGoalWorkflow, GoalOutput]:
        return self.client.get_workflow_handle_for(AgentGoalWorkflow.run, workflow_id)

    async def finish(self, workflow_id: str) -> tuple[GoalOutput, GoalRecord]:
        output = await asyncio.wait_for(self.handle(workflow_id).result(), LONGEST_WAIT)
        return output, await self.stores.goals.get(workflow_id)

    async def events(self, workflow_id: str) -> list[str]:
        return [event.type async for event in follow_events(self.stores, workflow_id)]

    async def told(self, workflow_id: str) -> list[Event]:
        """Return the events so far, having seen that their numbers have no gap."""
        told = await self.stores.events.after(workflow_id, 0, limit=100_000)
        assert [event.number for event in told] == list(range(1, len(told) + 1))
        return told

    async def until(self, look: Callable[[], Awaitable[T]], what: str = "it") -> T:
        """Look again and again until there is something to be seen, and return that."""
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                while not (seen := await look()):  # noqa: ASYNC110 -- it lies in a database
                    await asyncio.sleep(_LOOK_AGAIN)
        except TimeoutError:
            raise AssertionError(f"{what} did not happen in {LONGEST_WAIT:g} s") from None
        return seen

    async def until_status(self, workflow_id: str, status: GoalStatus) -> None:
        async def stands() -> bool:
            return (await self.stores.goals.get(workflow_id)).status is status

        await self.until(stands, f"status {status.value}")

    async def until_told(self, workflow_id: str, type_: str, times: int = 1) -> None:
        async def is_told() -> bool:
            told = await self.stores.events.after(workflow_id, 0, limit=100_000)
            return sum(event.type == type_ for event in told) >= times

        await self.until(is_told, f"{type_} x {times}")

    async def until_history_holds(self, workflow_id: str, attributes: str, times: int = 1) -> None:
        handle = self.handle(workflow_id)

        async def holds() -> bool:
            events = (await handle.fetch_history()).events
            return sum(event.HasField(attributes) for event in events) >= times  # type: ignore[arg-type]

        await self.until(holds, f"{attributes} x {times}")

    async def question(self, workflow_id: str, question: str) -> ApprovalRecord:
        """Return a question of a run once it is asked."""

        async def asked() -> ApprovalRecord | None:
            for approval in await self.stores.approvals.list(workflow_id=workflow_id, limit=1_000):
                if approval.question == question:
                    return approval
            return None

        found = await self.until(asked, f"question {question!r}")
        assert found is not None
        return found

    async def answer(
        self, workflow_id: str, question: str, approved: bool = True, by: str = "ann"
    ) -> None:
        """Answer a question of a run once it is asked."""
        approval = await self.question(workflow_id, question)
        vote = Vote(by=by, approved=approved, at=datetime.now(UTC))
        await self.service.answering.vote(approval.approval_id, vote)

    async def signal(self, workflow_id: str, name: str, data: JsonValue = None) -> int:
        return await self.service.answering.signal(workflow_id, name, data)

    async def hand_on(self, task_token: bytes) -> None:
        """Complete an execution whose worker is gone, as its supervisor does."""
        handle = self.client.get_async_activity_handle(task_token=task_token)
        await handle.complete(Executed(yielded=True))

    async def forget_sticky_queue(self, workflow_id: str) -> None:
        """Let the next worker have the run's workflow at once, not after ten seconds."""
        request = ResetStickyTaskQueueRequest(namespace=self.client.namespace)
        request.execution.workflow_id = workflow_id
        await self.client.workflow_service.reset_sticky_task_queue(request)

    async def replay(self, workflow_id: str, kind: str, run_id: str | None = None) -> list[str]:
        """Replay a run's history with no agent in sight; return its event types.

        With RECORD_HISTORIES=tests/histories/VERSION it is kept there too, as that version's
        history of this kind: see tests/histories.
        """
        handle = self.client.get_workflow_handle(workflow_id, run_id=run_id)
        history = await handle.fetch_history()
        if folder := os.environ.get("RECORD_HISTORIES"):
            document = json.loads(history.to_json())
            text = json.dumps(without_traces(document), indent=1)
            (Path(folder) / f"{kind}.json").write_text(text + "\n")
        replayer = Replayer(
            workflows=[AgentGoalWorkflow],
            data_converter=pydantic_data_converter,
            # As workers run it; and what a test has set in the workflow's module counts here too.
            workflow_runner=UnsandboxedWorkflowRunner(),
        )
        await replayer.replay_workflow(history)
        return [event.WhichOneof("attributes") or "" for event in history.events]

    async def end_all(self) -> None:
        """End what a failed test left behind, so that no other test's worker gets it."""
        for workflow_id in self.started:
            handle = self.handle(workflow_id)
            with suppress(RPCError):
                if (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
                    await handle.terminate()


Install = Callable[..., Awaitable[Installation]]


@pytest_asyncio.fixture(loop_scope="session")
async def install(server: DevelopmentServer, own_home: Path) -> AsyncIterator[Install]:
    """Return a function that sets up stores and a worker for some agents."""
    async with AsyncExitStack() as stack:

        async def set_up(
            *specs: AgentSpec,
            work: bool = True,
            database_url: str = "",
            address: str = "",
            **chosen: Any,
        ) -> Installation:
            settings = Settings(home=own_home, database_url=database_url, **chosen)
            stores = await stack.enter_async_context(open_stores(settings))
            client = await connect(address or server.address)
            service = GoalService(client, stores, registry_of(*specs))
            installation = Installation(client, stores, service, settings)
            stack.push_async_callback(installation.end_all)
            if work:
                await stack.enter_async_context(installation.worker())
            return installation

        yield set_up
