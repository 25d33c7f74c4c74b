"""An installation of a test's own: stores in a fresh folder, a worker, agents made on the spot.

The fixture ``install`` of ``tests/conftest.py`` makes one.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import JsonValue
from temporalio.api.workflowservice.v1 import ResetStickyTaskQueueRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from perdure.activities.prepare import Prepare
from perdure.activities.store import Store
from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.messages import TASK_QUEUE, ExecuteOutput, GoalOutput
from perdure.models import Budget, Event, GoalRecord, GoalStatus, Parameters, Vote
from perdure.policy.watching import watch_policy
from perdure.schemas.approvals import ApprovalRecord
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.worker.worker import build_worker
from perdure.workflows.agent_goal import AgentGoalWorkflow
from tests.support.plugins import registry_of
from tests.support.replay import REPLAYED
from tests.support.until import LIMIT_SECONDS, until_async

T = TypeVar("T")


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

    def workflow_worker(self) -> Worker:
        """Return a worker for workflows alone, whose agents run in other processes."""
        return Worker(
            self.client,
            task_queue=TASK_QUEUE,
            workflows=[AgentGoalWorkflow],
            activities=[
                Prepare(self.stores, self.service.registry).prepare_agent_context,
                Store(self.stores).store_agent_results,
            ],
            # Within workflow tasks alone; what agents do is for the other processes.
            no_remote_activities=True,
            workflow_runner=UnsandboxedWorkflowRunner(),
        )

    @property
    def address(self) -> str:
        """Where the Temporal server listens."""
        return self.client.service_client.config.target_host

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
        output = await asyncio.wait_for(self.handle(workflow_id).result(), LIMIT_SECONDS)
        return output, await self.stores.goals.get(workflow_id)

    async def events(self, workflow_id: str) -> list[str]:
        return [event.type async for event in self.stores.events.follow(workflow_id)]

    async def stored_events(self, workflow_id: str) -> list[Event]:
        """Return the events so far, having seen that their numbers have no gap."""
        events = await self.stores.events.after(workflow_id, 0, limit=100_000)
        assert [event.number for event in events] == list(range(1, len(events) + 1))
        return events

    async def until_status(self, workflow_id: str, status: GoalStatus) -> None:
        async def has_status() -> bool:
            return (await self.stores.goals.get(workflow_id)).status is status

        await until_async(has_status, f"status {status.value}")

    async def until_idle(self, workflow_id: str) -> None:
        """Wait until a run's workflow waits for something other than a worker."""
        handle = self.handle(workflow_id)

        async def is_idle() -> bool:
            described = (await handle.describe()).raw_description
            # What is pending when a worker stops is given up after ten seconds only.
            return not described.pending_activities and not described.HasField(
                "pending_workflow_task"
            )

        await until_async(is_idle, "the end of all tasks")

    async def until_event(self, workflow_id: str, type_: str, times: int = 1) -> None:
        async def is_stored() -> bool:
            events = await self.stores.events.after(workflow_id, 0, limit=100_000)
            return sum(event.type == type_ for event in events) >= times

        await until_async(is_stored, f"{type_} x {times}")

    async def until_history_has(self, workflow_id: str, attributes: str, times: int = 1) -> None:
        handle = self.handle(workflow_id)

        async def has_events() -> bool:
            events = (await handle.fetch_history()).events
            return sum(event.HasField(attributes) for event in events) >= times  # type: ignore[arg-type]

        await until_async(has_events, f"{attributes} x {times}")

    async def question(self, workflow_id: str, question: str) -> ApprovalRecord:
        """Return a question of a run once it is asked."""

        async def asked() -> ApprovalRecord | None:
            for approval in await self.stores.approvals.list(workflow_id=workflow_id, limit=1_000):
                if approval.question == question:
                    return approval
            return None

        found = await until_async(asked, f"question {question!r}")
        assert found is not None
        return found

    async def answer(
        self, workflow_id: str, question: str, approved: bool = True, by: str = "ann"
    ) -> None:
        """Answer a question of a run once it is asked."""
        approval = await self.question(workflow_id, question)
        vote = Vote(by=by, approved=approved, at=datetime.now(UTC))
        await self.service.decisions.vote(approval.approval_id, vote)

    async def signal(self, workflow_id: str, name: str, data: JsonValue = None) -> int:
        return await self.service.decisions.signal(workflow_id, name, data)

    async def complete_as_yielded(self, task_token: bytes) -> None:
        """Complete an execution whose worker is gone, as its supervisor does."""
        handle = self.client.get_async_activity_handle(task_token=task_token)
        await handle.complete(ExecuteOutput(yielded=True))

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
            workflows=REPLAYED,
            data_converter=self.client.data_converter,
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


def spec_elsewhere(name: str) -> AgentSpec:
    """Return an agent that runs in other processes, and never in this one."""

    async def agent(run: Run, goal: Goal) -> Result:
        raise AssertionError("it runs in another process")

    return AgentSpec(name=name, description="", agent=agent)


Install = Callable[..., Awaitable[Installation]]


@asynccontextmanager
async def installations(home: Path, server_address: str) -> AsyncIterator[Install]:
    """Give a function that sets up stores and a worker for some agents."""
    async with AsyncExitStack() as stack:

        async def install(
            *specs: AgentSpec,
            work: bool = True,
            database_url: str = "",
            address: str = "",
            **chosen: Any,
        ) -> Installation:
            chosen |= {"database_url": database_url} if database_url else {}
            settings = Settings(home=home, **chosen)
            stores = await stack.enter_async_context(open_stores(settings))
            client = await connect(address or server_address)
            policy = watch_policy(settings.policy)
            service = GoalService(client, stores, registry_of(*specs), policy=policy)
            installation = Installation(client, stores, service, settings)
            stack.push_async_callback(installation.end_all)
            if work:
                await stack.enter_async_context(installation.worker())
            return installation

        yield install
