"""Putting an agent on trial: passes over one journal, killed, cancelled or held short at will."""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

from pydantic import JsonValue

from perdure.agents.execution import carry_out, clean_up, partial_result
from perdure.agents.factory import AnyAgent, create_agent
from perdure.agents.hookspecs.spec import AgentSpec
from perdure.agents.plugins.registry import installed_agents
from perdure.agents.runs.run import Run
from perdure.agents.steps.journal import StepKey, WaitRequest
from perdure.agents.steps.memory import MemoryArtifacts, MemoryEmitter, MemoryJournal, MemoryWaits
from perdure.agents.steps.run_closed import Cancelled, Interrupted, RunClosed, Suspended
from perdure.models import Goal, Progress, Result
from perdure.testing.contracts.broken import BrokenContract
from perdure.testing.contracts.watching import (
    Insisted,
    Killed,
    Moment,
    WatchedJournal,
    WatchedLedger,
    WatchedSteps,
    WatchedWaits,
)
from perdure.testing.model_endpoint.script import Asked, Reply, Script, in_turn
from perdure.testing.model_endpoint.server import ModelServer

T = TypeVar("T")

SECONDS: Final = 60.0
_ENDING_SECONDS: Final = 1.0
# What an agent that never lets go is left behind in.
_ABANDONED: Final[list[asyncio.AbstractEventLoop]] = []


@dataclass(frozen=True, slots=True)
class Case:
    """What an agent is tried with.

    Attributes:
        spec: The agent.
        description: What it is to achieve.
        parameters: The goal's parameters.
        decisions: What people answer, by question.
        results: What the agents deliver that it delegates to, by agent type.
        signals: What comes with the signals it waits for, in order, by name.
        model_script: What the models say that it asks; the same prompt gets the same reply.
        seconds: How long one pass may take.
    """

    spec: AgentSpec
    description: str
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    decisions: Mapping[str, bool] = field(default_factory=dict)
    results: Mapping[str, Result] = field(default_factory=dict)
    signals: Mapping[str, Sequence[JsonValue]] = field(default_factory=dict)
    model_script: Script | None = None
    seconds: float = SECONDS


@dataclass(frozen=True, slots=True)
class Plan:
    """What befalls a pass.

    Attributes:
        killed_at: Whether the process dies at this moment of a step.
        cancelled_in: The number, from 1, of the step of this pass in which it is cancelled; 0 as
            soon as it has begun.
        parks: Whether a wait that is new ends the pass; the next one finds its answer.
        steps: How many steps the budget allows this pass.
        tokens: How many tokens the budget allows.
    """

    killed_at: Callable[[StepKey, Moment], bool] | None = None
    cancelled_in: int | None = None
    parks: bool = False
    steps: int | None = None
    tokens: int | None = None


@dataclass(slots=True)
class Pass:
    """What came of one pass.

    Attributes:
        how: ``completed``, ``failed``, ``cancelled``, ``killed`` or ``suspended``.
        result: The result, in part when the agent failed or was cancelled.
        error: What it raised.
        progress: What it told.
        files: Its artifacts by name.
        journal: What it has seen and done.
        steps: What it asked for, and with what.
        spent: Tokens of paid models.
        unanswered: What it waited for in vain.
        cleanups: How often its clean-up was called.
        seconds_to_end: From the cancellation to where the agent had let go.
        another: A second pass of the same kind, once somebody needed one.
    """

    how: Literal["completed", "failed", "cancelled", "killed", "suspended"]
    journal: WatchedJournal
    steps: WatchedSteps
    result: Result | None = None
    error: BaseException | None = None
    progress: tuple[Progress, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    spent: int = 0
    unanswered: tuple[WaitRequest, ...] = ()
    cleanups: int = 0
    seconds_to_end: float = 0.0
    another: "Pass | None" = None


class Trial:
    """An agent on trial, in an event loop of its own.

    Attributes:
        case: What it is tried with.
        server: The models it asks; ``None`` when there is no script.
    """

    def __init__(self, case: Case, server: ModelServer | None = None) -> None:
        self.case = case
        self.server = server
        self._left_behind: list[AnyAgent] = []

    async def make(self, journal: MemoryJournal | None = None, plan: Plan = Plan()) -> Pass:
        """Make one pass over a journal, clean-up included where a real one is followed by it.

        Raises:
            BrokenContract: It did not end in time.
        """
        try:
            async with asyncio.timeout(self.case.seconds):
                return await self._make(journal or MemoryJournal(), plan)
        except TimeoutError:
            raise BrokenContract(
                f"agent {self.case.spec.name!r} did not end within {self.case.seconds:g} s: let it"
                " end, give the contract a smaller goal, or set seconds"
            ) from None

    @property
    def requests(self) -> int:
        """How many requests its models have had so far."""
        return 0 if self.server is None else len(self.server.requests)

    def agent(self, plan: Plan = Plan(), journal: MemoryJournal | None = None) -> "_OnTrial":
        """Make the agent for one pass."""
        return _OnTrial(self.case, plan, journal or MemoryJournal(), asks=self.server is not None)

    async def close(self) -> None:
        """Let the agents of killed passes release what they hold: this process lives on."""
        for agent in self._left_behind:
            with suppress(Exception):
                await clean_up(agent)

    async def _make(self, journal: MemoryJournal, plan: Plan) -> Pass:
        tried = self.agent(plan, journal)
        made = Pass("completed", tried.journal, tried.steps)
        working = asyncio.create_task(carry_out(tried.agent, tried.run))
        try:
            if plan.cancelled_in is not None:
                made.seconds_to_end = await _cancel(working, tried, plan.cancelled_in)
            made.result = await working
        except (Killed, Insisted, Suspended, Interrupted) as closed:
            self._left_behind.append(tried.agent)
            made.how = "suspended" if isinstance(closed, Suspended) else "killed"
            made.error = closed
        except (Cancelled, Exception) as error:  # noqa: BLE001 -- what came of it is looked at later
            made.how = "cancelled" if isinstance(error, Cancelled) else "failed"
            made.error = error
        finally:
            if not working.done():
                working.cancel()
        if made.how in {"failed", "cancelled"}:
            made.result = await _so_far(tried)
        if made.how not in {"killed", "suspended"}:
            await _cleaned(tried)
        made.cleanups = tried.cleanups
        made.progress = tuple(one for one in tried.listener.told if isinstance(one, Progress))
        made.files = tried.artifacts.files
        made.unanswered = tuple(tried.waits.unanswered)
        made.spent = tried.ledger.spending.spent.tokens_used
        return made


class _OnTrial:
    """One agent in its surroundings."""

    def __init__(self, case: Case, plan: Plan, journal: MemoryJournal, *, asks: bool) -> None:
        self.journal = WatchedJournal(journal, plan.killed_at, plan.steps)
        self.artifacts, self.listener = MemoryArtifacts(), MemoryEmitter()
        self.ledger = WatchedLedger(plan.tokens)
        signals = {name: list(data) for name, data in case.signals.items()}
        answers = MemoryWaits(case.decisions, case.results, signals)
        self.waits = WatchedWaits(journal, answers, parks=plan.parks)
        goal = Goal(
            goal_id="contract",
            description=case.description,
            agent_type=case.spec.name,
            parameters=dict(case.parameters),
        )
        model = "openai-chat:scripted" if asks else ""
        self.run = Run(
            goal,
            self.journal,
            self.artifacts,
            self.listener,
            waits=self.waits,
            ledger=self.ledger,
            model=model,
        )
        self.run.steps = self.steps = WatchedSteps(self.journal, self.waits)
        self.agent = create_agent(case.spec, case.parameters, self.run)
        self.cleanups = 0
        self._count_cleanups()

    def _count_cleanups(self) -> None:
        cleanup = self.agent.cleanup

        async def counted() -> None:
            self.cleanups += 1
            await cleanup()

        self.agent.cleanup = counted  # type: ignore[method-assign]


async def _cancel(working: "asyncio.Task[Result]", tried: _OnTrial, number: int) -> float:
    """Cancel a pass in a step, and return how long it took to let go."""
    since = time.monotonic()

    def cancel() -> None:
        nonlocal since
        since = time.monotonic()
        working.cancel()

    if number == 0:
        await asyncio.sleep(0)  # a pass that has not begun cannot be stopped
        cancel()
    else:
        # Heard when the step's body has come to its first wait.
        tried.journal.on_begin = lambda begun: cancel() if begun == number else None
    await asyncio.wait({working})
    return time.monotonic() - since


async def _so_far(tried: _OnTrial) -> Result:
    try:
        await tried.agent.get_results()
    except (Exception, RunClosed) as error:
        raise BrokenContract(
            f"get_results raised {type(error).__name__} ({error}) after the agent was stopped:"
            " return what there is by then, an empty Result when there is nothing, and ask nothing"
            " of the run there"
        ) from error
    return await partial_result(tried.agent, tried.run)


async def _cleaned(tried: _OnTrial) -> None:
    try:
        await clean_up(tried.agent)
    except Exception as error:
        raise BrokenContract(
            f"cleanup raised {type(error).__name__} ({error}) after the agent had ended: release"
            " only what is there, and ask nothing of the run"
        ) from error


def specification(agent: AgentSpec | str) -> AgentSpec:
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


def by_prompt(script: Script) -> Callable[[Asked], Reply]:
    """Answer in turn, but the same prompt always the same: a step may be done again."""
    if callable(script):
        return script
    replies = in_turn(script)
    given: dict[str, Reply] = {}

    def reply(asked: Asked) -> Reply:
        if asked.prompt not in given:
            given[asked.prompt] = replies(asked)
        return given[asked.prompt]

    return reply


def on_trial(case: Case, examine: Callable[[Trial], Coroutine[Any, Any, T]]) -> T:
    """Examine an agent in an event loop of its own, with its models served.

    Args:
        case: What it is tried with.
        examine: What is done with it.
    """
    with ExitStack() as stack:
        server = None
        if case.model_script is not None:
            server = stack.enter_context(ModelServer(by_prompt(case.model_script)))
            stack.enter_context(_environment(server.environment))
        trial = Trial(case, server)

        async def whole() -> T:
            try:
                return await examine(trial)
            finally:
                await trial.close()

        return _in_own_loop(whole())


def _in_own_loop(main: Coroutine[Any, Any, T]) -> T:
    # Not asyncio.run: an agent that swallows every cancellation would hold that up for ever.
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(main)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            ended, _ = loop.run_until_complete(asyncio.wait(left, timeout=_ENDING_SECONDS))
            for task in ended:
                if not task.cancelled():
                    task.exception()  # what it says now is no news
        if asyncio.all_tasks(loop):
            _ABANDONED.append(loop)
        else:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()


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
