"""An installation for tests: a real Temporal server, stores, and a worker in this process."""

import asyncio
import gc
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from pydantic import JsonValue

from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.plugins.registry import AgentRegistry, InstalledAgent, installed_agents
from perdure.models import Artifact, Budget, Event, Goal, GoalRecord, Result, Vote, beginning
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.temporal.client.agent_pools import AgentPools
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.development_server import run_development_server
from perdure.temporal.worker.run_worker import run_worker

T = TypeVar("T")

MODEL: Final = "openai-chat:scripted"
GOAL_SECONDS: Final = 120.0
_START_SECONDS: Final = 600.0  # where the server has to be built first
_STOP_SECONDS: Final = 30.0


class GoalFailed(AssertionError):
    """A goal did not complete.

    Attributes:
        record: The run as the stores know it.
    """

    def __init__(self, record: GoalRecord) -> None:
        reason = record.error.message if record.error else "nobody said why"
        super().__init__(f"goal for {record.agent_type!r} ended {record.status.value}: {reason}")
        self.record = record


@dataclass(frozen=True, slots=True)
class _RunningParts:
    stores: Stores
    service: GoalService
    agents: dict[str, InstalledAgent]


class Installation:
    """Runs goals as a real installation does, in a thread of its own.

    It serves tests that are async and tests that are not, whatever runs the async ones.

    Attributes:
        home: Its folder, as ``PERDURE_HOME`` names one.
    """

    def __init__(self, home: Path, report: Callable[[str], None] = print) -> None:
        """Choose its folder.

        Args:
            home: Where its state goes.
            report: Called with messages about what takes long, such as the building of the server.
        """
        self.home = home
        self._report = report
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name="perdure installation")
        self._ready: Future[_RunningParts] = Future()
        self._stopping = asyncio.Event()

    async def finish(
        self,
        agent: str | AgentSpec,
        description: str,
        parameters: Mapping[str, JsonValue] | None = None,
        *,
        budget: Budget | None = None,
        decisions: Mapping[str, bool] | None = None,
    ) -> Result:
        """Hand in a goal, wait until it ends, and return its result.

        Args:
            agent: An installed agent's name, or a specification, which is added to the agents here.
            description: What to achieve.
            parameters: The goal's parameters.
            budget: What it may use.
            decisions: What people answer, by question.

        Raises:
            GoalFailed: It did not complete.
            TimeoutError: It did not end within two minutes.
            ParametersRefused: The parameters do not fit the agent.
        """
        goal = self._goal(agent, description, parameters, budget)
        return await asyncio.wrap_future(self._submit(self._finish(agent, goal, decisions or {})))

    def run(
        self,
        agent: str | AgentSpec,
        description: str,
        parameters: Mapping[str, JsonValue] | None = None,
        *,
        budget: Budget | None = None,
        decisions: Mapping[str, bool] | None = None,
    ) -> Result:
        """Do what :meth:`finish` does, for a test that is not async."""
        goal = self._goal(agent, description, parameters, budget)
        return self._submit(self._finish(agent, goal, decisions or {})).result()

    def read(self, artifact: Artifact) -> bytes:
        """Return the content of a result's file."""

        async def read() -> bytes:
            return await self._parts.stores.contents.read(artifact.digest)

        return self._submit(read()).result()

    def start(self) -> Self:
        """Start the server and the worker; returns when goals can be handed in.

        Raises:
            ServerUnavailable: No server could be had.
        """
        self._thread.start()
        self._ready.result(_START_SECONDS)
        return self

    def stop(self) -> None:
        """Stop everything; a second call does nothing."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(_STOP_SECONDS)

    @property
    def _parts(self) -> _RunningParts:
        return self._ready.result()

    def _goal(
        self,
        agent: str | AgentSpec,
        description: str,
        parameters: Mapping[str, JsonValue] | None,
        budget: Budget | None,
    ) -> Goal:
        return Goal(
            goal_id=f"test-{uuid.uuid4().hex[:8]}",
            description=description,
            agent_type=agent if isinstance(agent, str) else agent.name,
            parameters=dict(parameters or {}),
            budget=budget,
        )

    def _submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _finish(
        self, agent: str | AgentSpec, goal: Goal, decisions: Mapping[str, bool]
    ) -> Result:
        parts = self._parts
        if isinstance(agent, AgentSpec):
            parts.agents[agent.name] = InstalledAgent(agent, "perdure-test", "0")
        workflow_id = await parts.service.start(goal)
        async with asyncio.timeout(GOAL_SECONDS):
            async for event in parts.stores.events.follow(workflow_id):
                await self._vote(event, decisions)
        record = await parts.stores.goals.get(workflow_id)
        if not record.success or record.result is None:
            raise GoalFailed(record)
        return record.result

    async def _vote(self, event: Event, decisions: Mapping[str, bool]) -> None:
        answers = {beginning(question): approved for question, approved in decisions.items()}
        question = str(event.data.get("question"))
        if event.type != "approval.requested" or question not in answers:
            return
        vote = Vote(by="test", approved=answers[question], at=datetime.now(UTC))
        await self._parts.service.decisions.vote(str(event.data["approval_id"]), vote)

    def _run_loop(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # noqa: BLE001 -- raised to whoever waits for the start
            if not self._ready.done():
                self._ready.set_exception(error)
        finally:
            self._loop.close()
            # A Temporal client that dies during interpreter shutdown can abort the process.
            gc.collect()

    async def _serve(self) -> None:
        async with self._open() as parts:
            self._ready.set_result(parts)
            await self._stopping.wait()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[_RunningParts]:
        # Whatever the environment says, a test touches neither a real database nor a real model.
        settings = Settings(
            home=self.home, database_url="", redis_url="", model=MODEL, drain_seconds=1.0
        )
        registry = _extensible_registry()
        async with AsyncExitStack() as stack:
            stores = await stack.enter_async_context(open_stores(settings))
            binary = await ensure_server_binary(settings, self._report)
            server = await stack.enter_async_context(
                run_development_server(binary.path, settings.home, port=0, ui_port=0)
            )
            client = await connect(server.address)
            pools = AgentPools(of_plugins=False)
            await stack.enter_async_context(run_worker(client, stores, registry, settings, pools))
            service = GoalService(client, stores, registry, pools=pools)
            agents = registry.agents
            assert isinstance(agents, dict)
            yield _RunningParts(stores, service, agents)


def _extensible_registry() -> AgentRegistry:
    """Return what is installed, in a registry that more can be added to."""
    registry = installed_agents()
    return replace(registry, agents=dict(registry.agents))
