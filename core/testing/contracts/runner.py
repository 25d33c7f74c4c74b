"""Runs an agent for the contract: as often as its checks need, with its models served."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TypeVar

from perdure.agents.execution import clean_up, execute_agent, partial_result
from perdure.agents.factory import AnyAgent
from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.plugins.registry import installed_agents
from perdure.agents.steps.memory import MemoryJournal
from perdure.agents.steps.run_closed import Cancelled, Interrupted, RunClosed, Suspended
from perdure.models import Progress, Result
from perdure.testing.contracts.errors import BrokenContract
from perdure.testing.in_memory.event_loop import run_in_own_loop
from perdure.testing.in_memory.execution import (
    NO_FAULTS,
    AgentCase,
    ExecutionRecord,
    Faults,
    InMemoryExecution,
)
from perdure.testing.in_memory.recorders import BudgetIgnored, Killed
from perdure.testing.model_endpoint.script import ChatRequest, Reply, Script, in_turn
from perdure.testing.model_endpoint.server import ModelServer

T = TypeVar("T")


class AgentRunner:
    """Executes one agent in an event loop of its own, as often as a check asks for.

    Attributes:
        case: The agent and its goal.
        server: The models it asks; ``None`` when there is no script.
    """

    def __init__(self, case: AgentCase, server: ModelServer | None = None) -> None:
        self.case = case
        self.server = server
        self._killed_agents: list[AnyAgent] = []

    async def execute(
        self, journal: MemoryJournal | None = None, faults: Faults = NO_FAULTS
    ) -> ExecutionRecord:
        """Execute the agent over a journal, clean-up included where a real one is followed by it.

        Raises:
            BrokenContract: It did not end in time.
        """
        try:
            async with asyncio.timeout(self.case.seconds):
                return await self._execute(journal or MemoryJournal(), faults)
        except TimeoutError:
            raise BrokenContract(
                f"agent {self.case.spec.name!r} did not end within {self.case.seconds:g} s: let it"
                " end, give the contract a smaller goal, or set seconds"
            ) from None

    @property
    def model_requests(self) -> int:
        """How many requests the agent's models have had so far."""
        return 0 if self.server is None else len(self.server.requests)

    def prepare(
        self, journal: MemoryJournal | None = None, faults: Faults = NO_FAULTS
    ) -> InMemoryExecution:
        """Create the agent and its run for one execution, which is not begun."""
        has_model = self.server is not None
        return InMemoryExecution(self.case, faults, journal or MemoryJournal(), has_model=has_model)

    async def close(self) -> None:
        """Let the agents of killed executions release what they hold: this process lives on."""
        for agent in self._killed_agents:
            with suppress(Exception):
                await clean_up(agent)

    async def _execute(self, journal: MemoryJournal, faults: Faults) -> ExecutionRecord:
        execution = self.prepare(journal, faults)
        record = ExecutionRecord("completed", execution.journal, execution.steps)
        task = asyncio.create_task(execute_agent(execution.agent, execution.run))
        try:
            if faults.cancel_in_step is not None:
                record.seconds_to_stop = await execution.cancel(task, faults.cancel_in_step)
            record.result = await task
        except (Killed, BudgetIgnored, Suspended, Interrupted) as closed:
            self._killed_agents.append(execution.agent)
            record.status = "suspended" if isinstance(closed, Suspended) else "killed"
            record.error = closed
        except (Cancelled, Exception) as error:  # noqa: BLE001 -- the checks look at it later
            record.status = "cancelled" if isinstance(error, Cancelled) else "failed"
            record.error = error
        finally:
            if not task.done():
                task.cancel()
        if record.status in {"failed", "cancelled"}:
            record.result = await _partial_result(execution)
        if record.status not in {"killed", "suspended"}:
            await _clean_up(execution)
        record.cleanup_calls = execution.cleanup_calls
        emitted = execution.emitter.emitted
        record.progress = tuple(item for item in emitted if isinstance(item, Progress))
        record.files = execution.artifacts.files
        record.unanswered = tuple(execution.waits.unanswered)
        record.tokens_used = execution.ledger.spending.spent.tokens_used
        return record


async def _partial_result(execution: InMemoryExecution) -> Result:
    try:
        await execution.agent.get_results()
    except (Exception, RunClosed) as error:
        raise BrokenContract(
            f"get_results raised {type(error).__name__} ({error}) after the agent was stopped:"
            " return what there is by then, an empty Result when there is nothing, and ask nothing"
            " of the run there"
        ) from error
    return await partial_result(execution.agent, execution.run)


async def _clean_up(execution: InMemoryExecution) -> None:
    try:
        await clean_up(execution.agent)
    except Exception as error:
        raise BrokenContract(
            f"cleanup raised {type(error).__name__} ({error}) after the agent had ended: release"
            " only what is there, and ask nothing of the run"
        ) from error


def run_case(case: AgentCase, check: Callable[[AgentRunner], Coroutine[Any, Any, T]]) -> T:
    """Run a check of an agent in an event loop of its own, with the agent's models served.

    Args:
        case: The agent and its goal.
        check: Executes the agent, and looks at what it did.
    """
    with ExitStack() as stack:
        server = None
        if case.model_script is not None:
            server = stack.enter_context(ModelServer(same_reply_per_prompt(case.model_script)))
            stack.enter_context(_environment(server.environment))
        runner = AgentRunner(case, server)

        async def main() -> T:
            try:
                return await check(runner)
            finally:
                await runner.close()

        return run_in_own_loop(main())


def find_specification(agent: AgentSpec | str) -> AgentSpec:
    """Return an agent's specification, looked up when it is a name.

    Raises:
        BrokenContract: No installed agent has that name.
    """
    if isinstance(agent, AgentSpec):
        return agent
    registry = installed_agents()
    if agent not in registry.agents:
        reasons = [f"; {one.distribution}: {one.reason}" for one in registry.plugins if one.reason]
        raise BrokenContract(
            f"no agent {agent!r} is installed{''.join(reasons)}: run pip install -e . in its"
            " folder, and name it as its specification does"
        )
    return registry.agents[agent].spec


def same_reply_per_prompt(script: Script) -> Callable[[ChatRequest], Reply]:
    """Reply in turn, but to the same prompt always the same: a step may be done again."""
    if callable(script):
        return script
    next_reply = in_turn(script)
    replies: dict[str, Reply] = {}

    def reply(request: ChatRequest) -> Reply:
        if request.prompt not in replies:
            replies[request.prompt] = next_reply(request)
        return replies[request.prompt]

    return reply


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
