"""One execution of an agent in memory, with the faults that a test plans for it."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import JsonValue

from perdure.agents.factory import create_agent
from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.runs.run import Run
from perdure.agents.steps.journal import WaitRequest
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.memory import MemoryArtifacts, MemoryEmitter, MemoryJournal, MemoryWaits
from perdure.models import Goal, Progress, Result
from perdure.testing.in_memory.delegates import in_memory_delegates
from perdure.testing.in_memory.recorders import (
    BudgetedLedger,
    KillMoment,
    RecordingJournal,
    RecordingSteps,
    RecordingWaits,
)
from perdure.testing.model_endpoint.script import Script

EXECUTION_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class AgentCase:
    """An agent, a goal for it, and what answers it on the way.

    Attributes:
        spec: The agent.
        description: What it is to achieve.
        parameters: The goal's parameters.
        decisions: What people answer, by question.
        results: What the agents deliver that it delegates to, by agent type.
        signals: What comes with the signals it waits for, in order, by name.
        model_script: What the models say that it asks; the same prompt gets the same reply.
        seconds: How long one execution may take.
    """

    spec: AgentSpec
    description: str
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    decisions: Mapping[str, bool] = field(default_factory=dict)
    results: Mapping[str, Result] = field(default_factory=dict)
    signals: Mapping[str, Sequence[JsonValue]] = field(default_factory=dict)
    model_script: Script | None = None
    seconds: float = EXECUTION_SECONDS


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong in an execution, and what its budget allows.

    Attributes:
        kills_at: Whether the process is killed at this moment of a step.
        cancel_in_step: The number, from 1, of the step of this execution in which it is cancelled;
            0 as soon as it has begun.
        parks: Whether a wait that is new ends the execution; the next one finds its answer.
        max_steps: How many steps the budget allows this execution.
        max_tokens: How many tokens the budget allows.
    """

    kills_at: Callable[[StepKey, KillMoment], bool] | None = None
    cancel_in_step: int | None = None
    parks: bool = False
    max_steps: int | None = None
    max_tokens: int | None = None


NO_FAULTS: Final = Faults()


@dataclass(slots=True)
class ExecutionRecord:
    """What one execution did, and how it ended.

    Attributes:
        status: ``completed``, ``failed``, ``cancelled``, ``killed`` or ``suspended``.
        journal: The steps that it found and did.
        steps: The steps that it asked for, and their inputs.
        result: The result, in part when the agent failed or was cancelled.
        error: What it raised.
        progress: The progress that it reported.
        files: Its artifacts by name.
        tokens_used: Tokens of paid models.
        unanswered: What it waited for, and nobody answered.
        cleanup_calls: How often its clean-up was called.
        seconds_to_stop: From the cancellation until the agent had stopped.
        repeat: A second execution of the same kind, once somebody needed one.
    """

    status: Literal["completed", "failed", "cancelled", "killed", "suspended"]
    journal: RecordingJournal
    steps: RecordingSteps
    result: Result | None = None
    error: BaseException | None = None
    progress: tuple[Progress, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    tokens_used: int = 0
    unanswered: tuple[WaitRequest, ...] = ()
    cleanup_calls: int = 0
    seconds_to_stop: float = 0.0
    repeat: "ExecutionRecord | None" = None

    def final_result(self) -> Result:
        """Return the result of an execution that has one."""
        assert self.result is not None, "an execution that is looked at has ended"
        return self.result

    def result_data(self) -> dict[str, JsonValue]:
        """Return the result as plain data."""
        return self.final_result().model_dump(mode="json")


class InMemoryExecution:
    """An agent and its run in memory, made anew for one execution.

    Attributes:
        agent: The agent.
        run: Its run.
        journal: The run's journal.
        steps: The run's steps.
        waits: The run's waits.
        ledger: The run's ledger.
        artifacts: The run's artifacts.
        emitter: The run's progress and events.
        cleanup_calls: How often the agent's clean-up was called.
    """

    def __init__(
        self, case: AgentCase, faults: Faults, journal: MemoryJournal, *, has_model: bool
    ) -> None:
        """Create the agent and its run.

        Args:
            case: The agent and its goal.
            faults: What goes wrong.
            journal: The finished steps of earlier executions.
            has_model: Whether a model endpoint is served.

        Raises:
            ParametersRefused: The parameters do not fit the agent.
        """
        self.journal = RecordingJournal(journal, faults.kills_at, faults.max_steps)
        self.artifacts, self.emitter = MemoryArtifacts(), MemoryEmitter()
        self.ledger = BudgetedLedger(faults.max_tokens)
        signals = {name: list(data) for name, data in case.signals.items()}
        answers = MemoryWaits(case.decisions, case.results, signals)
        self.waits = RecordingWaits(journal, answers, parks=faults.parks)
        goal = Goal(
            goal_id="contract",
            description=case.description,
            agent_type=case.spec.name,
            parameters=dict(case.parameters),
        )
        model = "openai-chat:scripted" if has_model else ""
        self.steps = RecordingSteps(self.journal, self.waits)
        self.run = Run(
            goal,
            self.journal,
            self.artifacts,
            self.emitter,
            waits=self.waits,
            steps=self.steps,
            ledger=self.ledger,
            model=model,
            agents=in_memory_delegates((), case.results),
        )
        self.agent = create_agent(case.spec, case.parameters, self.run)
        self.cleanup_calls = 0
        self._count_cleanup_calls()

    def _count_cleanup_calls(self) -> None:
        cleanup = self.agent.cleanup

        async def counted() -> None:
            self.cleanup_calls += 1
            await cleanup()

        self.agent.cleanup = counted  # type: ignore[method-assign]

    async def cancel(self, task: "asyncio.Task[Result]", step: int) -> float:
        """Cancel the task that executes the agent, and wait until it has stopped.

        Args:
            task: The task.
            step: The number of the step in which it is cancelled; 0 at once.

        Returns:
            The seconds that it took to stop.
        """
        since = time.monotonic()

        def cancel() -> None:
            nonlocal since
            since = time.monotonic()
            task.cancel()

        if step == 0:
            await asyncio.sleep(0)  # an execution that has not begun cannot be stopped
            cancel()
        else:
            # Delivered when the step's body has come to its first wait.
            self.journal.on_begin = lambda number: cancel() if number == step else None
        await asyncio.wait({task})
        return time.monotonic() - since
