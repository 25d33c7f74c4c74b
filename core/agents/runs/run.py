"""What an agent has in hand: its journaled steps, waits, models, progress and artifacts."""

import json
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar, cast, overload

from pydantic import JsonValue, ValidationError

from perdure.agents.cache.run_cache import RunCache, temporary_cache
from perdure.agents.commands.execution import CommandExecutions
from perdure.agents.events.step_events import StepEvents
from perdure.agents.model_calls.budget import BudgetGuard
from perdure.agents.policy.gate import PolicyGate
from perdure.agents.runs.artifact_names import ArtifactNames
from perdure.agents.runs.model_answers import ModelAnswers
from perdure.agents.runs.run_artifacts import RunArtifacts
from perdure.agents.runs.run_commands import RunCommands
from perdure.agents.runs.run_delegates import DelegateAgents, RunDelegates
from perdure.agents.runs.run_models import RunModels
from perdure.agents.runs.run_notebook import Notebook
from perdure.agents.runs.run_scores import RunScores
from perdure.agents.runs.step_runner import StepRunner
from perdure.agents.runs.text_streams import TextStreams
from perdure.agents.steps.encoding import to_json
from perdure.agents.steps.errors import PermanentError, StepFailed, failed_steps
from perdure.agents.steps.journal import (
    ApprovalRequest,
    ArtifactWriter,
    EventEmitter,
    Journal,
    Ledger,
    NotebookPages,
    ScoreWriter,
    SignalRequest,
    SleepRequest,
    WaitRequest,
    Waits,
)
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.memory import (
    MemoryArtifacts,
    MemoryEmitter,
    MemoryJournal,
    MemoryLedger,
    MemoryNotebook,
    MemoryScores,
    MemoryWaits,
)
from perdure.agents.steps.steps import Steps
from perdure.models import Artifact, Decision, Goal, Progress, Usage
from perdure.models.texts import escape_surrogates

if TYPE_CHECKING:
    from perdure.agents.model_calls.circuit_breaker import CircuitBreakers
    from perdure.agents.model_calls.durable_model import ResponseCache
    from perdure.policy.policy import PolicyInForce

T = TypeVar("T")


class Run(RunModels, RunCommands, RunArtifacts, RunDelegates, RunScores):
    """One execution of a goal, handed to the agent.

    Every step awaited through it is journaled: after a crash, a retry, a wait or a deploy the agent
    runs again from its first line, and each finished step answers from the journal at once.

    Attributes:
        goal: What is asked.
        workflow_id: The workflow's id; ``local`` when there is no server.
        artifacts: The files made so far, by name.
        notebook: What it shares with the goals it delegates, and theirs.
        steps: The steps of this execution; agents use the methods below.
        events: Where its events go; likewise.
        policy: Judges what it is about to do; likewise.
    """

    def __init__(
        self,
        goal: Goal,
        journal: Journal | None = None,
        artifacts: ArtifactWriter | None = None,
        emitter: EventEmitter | None = None,
        *,
        waits: Waits | None = None,
        steps: Steps | None = None,
        ledger: Ledger | None = None,
        workflow_id: str = "local",
        model: str = "",
        responses: "ResponseCache | None" = None,
        breakers: "CircuitBreakers | None" = None,
        cache: RunCache | None = None,
        scores: ScoreWriter | None = None,
        policy: "PolicyInForce | None" = None,
        notebook: NotebookPages | None = None,
        agents: DelegateAgents | None = None,
    ) -> None:
        """Bind a goal to what stores its run; what is not given is kept in memory.

        Args:
            goal: What is asked.
            journal: Its finished steps.
            artifacts: Stores its files.
            emitter: Takes its events.
            waits: Its waits.
            steps: Its steps; made of ``journal`` and ``waits`` when not given.
            ledger: What it spends.
            workflow_id: The workflow's id.
            model: The name of the model that :attr:`model` asks.
            responses: What models have responded to other runs.
            breakers: The circuit breakers of models' providers; the process's when not given.
            cache: What other runs have made; a temporary one when not given.
            scores: Stores what the agent says of how good the run is.
            policy: The rules that are asked before anything is done; none when not given.
            notebook: The notebook of its tree.
            agents: The agents that it may delegate to.
        """
        self.goal = goal
        self.workflow_id = workflow_id
        self.artifacts: dict[str, Artifact] = {}
        self._artifact_names = ArtifactNames(self.artifacts)
        self.steps = steps or Steps(journal or MemoryJournal(), waits or MemoryWaits())
        self._artifact_writer: ArtifactWriter = artifacts or MemoryArtifacts()
        self._score_writer: ScoreWriter = scores or MemoryScores()
        self.events = StepEvents(emitter or MemoryEmitter())
        self._budget = BudgetGuard(ledger or MemoryLedger())
        self._texts = TextStreams(self.steps, self.events)
        ledger = self._budget.ledger
        self.policy = PolicyGate(policy, goal, self.steps, self.events, ledger)
        self._runner = StepRunner(
            workflow_id, self.steps, ledger, self._texts, self.events, self.policy
        )
        self._commands = CommandExecutions(self._texts.emit, self.steps.keep_active)
        self._model = model
        self._responses = responses
        self._breakers = breakers
        self._cache = cache
        self._answers = ModelAnswers(
            self.steps, self._runner, self._budget, self.durable, self._model
        )
        self.notebook = Notebook(
            self.steps, self._runner, notebook or MemoryNotebook(), workflow_id
        )
        self.delegate_agents = agents
        self._signals: Counter[str] = Counter()
        self._progress_receiver: Callable[[Progress], Awaitable[None]] = self.report

    @property
    def cache(self) -> RunCache:
        """What steps make that other goals may reuse: indexes, pages, text of scans."""
        if self._cache is None:
            self._cache = temporary_cache(self.goal.agent_type)
        return self._cache

    @overload
    async def step(
        self,
        name: str,
        function: Callable[..., Awaitable[T]],
        /,
        *args: object,
        version: int = 1,
        once: bool = False,
        idempotency_key: bool = False,
        **kwargs: object,
    ) -> T: ...

    @overload
    async def step(
        self,
        name: str,
        function: Callable[..., T],
        /,
        *args: object,
        version: int = 1,
        once: bool = False,
        idempotency_key: bool = False,
        **kwargs: object,
    ) -> T: ...

    async def step(
        self,
        name: str,
        function: Callable[..., object],
        /,
        *args: object,
        version: int = 1,
        once: bool = False,
        idempotency_key: bool = False,
        **kwargs: object,
    ) -> object:
        """Run a function once and journal what it returns; later executions get that value.

        A step is identified by its name, its input and how often both came before in this
        execution, so keep them the same in each: no clock and no random number in them, but those
        of :meth:`now`, :meth:`random` and :meth:`uuid`, which are journaled.

        After a crash between the function's effect and the journal, the function runs again. Hand
        the effect its ``idempotency_key``, or mark the step ``once``.

        Args:
            name: What the step does, in one or a few words.
            function: Async, or plain: a plain one runs in a thread.
            *args: Its arguments: plain data or Pydantic models.
            version: Raise it when the function's meaning changed, so that goals under way do not
                take the old outcome for the new.
            once: Never start it a second time: if its outcome is unknown, raise.
            idempotency_key: Hand the function ``idempotency_key``, a text that is the same on every
                attempt and differs from every other step's.
            **kwargs: Further arguments.

        Returns:
            What the function returned, read back from JSON as the type that the function is
            annotated to return, in the first execution too.

        Raises:
            StepFailed: The function raised, or what it returned would read back as something else;
                in every later execution too, if the agent went on.
            PolicyDenied: The installation's policy denies it; a :class:`StepFailed` too.
            OutcomeUnknown: A ``once`` step was started before, and its effect is not known.
            PermanentError: An argument has no JSON form, values of the function's return type
                cannot be read back from JSON, or the name is longer than 200 characters.
        """
        key = self.steps.key(name, [args, kwargs], version=version)
        return await self._runner.run(
            key, function, args, kwargs, once=once, idempotency_key=idempotency_key
        )

    async def spend(self, usage: Usage, *, model: str = "") -> None:
        """Report what the current step has used of a paid model that the run does not ask itself.

        Raises:
            PermanentError: No step is executing.
            BudgetExceeded: The goal's budget does not allow it.
        """
        await self._runner.spend(usage, model)

    async def approve(
        self,
        question: str,
        data: object = None,
        *,
        expires: timedelta | None = None,
        of: Sequence[str] = (),
        needed: int = 1,
    ) -> Decision:
        """Ask people for approval, and wait for their decision; no worker is occupied meanwhile.

        Args:
            question: What is asked; the same in every execution.
            data: What the decision depends on; plain data or Pydantic models.
            expires: After this time without a decision it is no.
            of: Who may vote; anybody when empty.
            needed: How many have to vote yes; one no is enough for no.

        Returns:
            The decision, which is true when it was approved.

        Raises:
            PermanentError: More votes are needed than people named, or ``data`` has no JSON form.
        """
        if needed < 1 or (of and needed > len(set(of))):
            raise PermanentError(
                f"{question!r} needs {needed} people and names {len(set(of))}: name enough"
            )
        question = escape_surrogates(question)
        key = self.steps.key("approve", [question, data, expires, of, needed])
        shown = to_json(data, what="what an approval shows")
        request = ApprovalRequest(question, shown, expires, tuple(of), needed)
        return Decision.model_validate_json(await self._wait(key, request))

    async def sleep(self, duration: timedelta | float) -> None:
        """Wait for a time; no worker is occupied meanwhile.

        Args:
            duration: How long, as a time or in seconds.
        """
        seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
        await self._wait(self.steps.key("sleep", seconds), SleepRequest(seconds))

    async def wait_for(self, signal: str, *, expires: timedelta | None = None) -> JsonValue:
        """Wait for a signal that somebody sends the run; no worker is occupied meanwhile.

        The first call takes the first signal of that name, the second call the second.

        Args:
            signal: Its name.
            expires: How long to wait at most.

        Returns:
            What was sent with it.

        Raises:
            StepFailed: It did not come in time.
        """
        signal = escape_surrogates(signal)
        self._signals[signal] += 1
        number = self._signals[signal]
        key = self.steps.key("wait for signal", [signal, number])
        value: JsonValue = json.loads(await self._wait(key, SignalRequest(signal, number, expires)))
        return value

    async def progress(
        self, percentage: float, message: str = "", *, step: str | None = None
    ) -> None:
        """Emit how far the run has come.

        Args:
            percentage: 0 to 100; what is beyond is taken for the nearer of them.
            message: What is being done, in a few words.
            step: The step that it is about; the one under way, if any, when not given.
        """
        self.steps.raise_if_closed()
        try:
            progress = Progress(percentage=percentage, message=message, step=step)
        except ValidationError as error:
            raise PermanentError(
                f"run.progress was given {percentage!r} and {message!r}: give it a number and a"
                " text"
            ) from error
        if not step:
            progress = self._with_step_under_way(progress)
        with self.steps.in_flight():
            await self.events.emit_start()
            await self._progress_receiver(progress)

    async def text(self, delta: str, *, stream: str = "text") -> None:
        """Emit the next piece of a text, so that readers see it as it comes.

        The text of a step that is retried is withdrawn, and emitted from its beginning.

        Args:
            delta: The piece.
            stream: Which text, when there are several.
        """
        self.steps.raise_if_closed()
        await self._texts.emit(stream, delta)

    async def now(self) -> datetime:
        """Return the time in UTC; the same in every execution."""
        return await self._own_step("now", _now)

    async def random(self) -> float:
        """Return a random number from 0 up to, not including, 1; the same in every execution."""
        return await self._own_step("random", random.random)

    async def uuid(self) -> uuid.UUID:
        """Return a random UUID; the same in every execution."""
        return await self._own_step("uuid", _uuid)

    async def _own_step(self, name: str, function: Callable[[], T]) -> T:
        """Execute a step that has no effect but its value, so that no policy has a say in it."""
        value = await self._runner.run(
            self.steps.key(name, [(), {}]),
            function,
            (),
            {},
            once=False,
            idempotency_key=False,
            is_judged=False,
        )
        return cast("T", value)

    async def report(self, progress: Progress) -> None:
        """Emit progress; called for what ``execute_streaming`` yields.

        Progress that was made without a word on its step is that of the step under way.
        """
        self.steps.raise_if_closed()
        if "step" not in progress.model_fields_set:
            progress = self._with_step_under_way(progress)
        with self.steps.in_flight():
            await self.events.emit(progress)

    def divert_progress(self, receiver: Callable[[Progress], Awaitable[None]]) -> None:
        """Hand what :meth:`progress` is given to ``receiver``, which returns once it is told."""
        self._progress_receiver = receiver

    def _with_step_under_way(self, progress: Progress) -> Progress:
        key = self.steps.under_way()
        if key is None:
            return progress.model_copy(update={"step": None})
        number = key.number if key.number > 1 else None
        return progress.model_copy(update={"step": key.name, "number": number})

    async def withdraw_failures(self, error: BaseException) -> None:
        """Delete the failed steps behind the error that ended the agent, so that they run again."""
        for failed in failed_steps(error):
            await self.steps.withdraw(failed.key)

    async def _wait(self, key: StepKey, request: WaitRequest) -> str:
        outcome = await self.steps.wait(key, request)
        if outcome.failure is not None:
            raise StepFailed(key, outcome.failure)
        return outcome.value or "null"


def _now() -> datetime:
    return datetime.now(UTC)


def _uuid() -> uuid.UUID:
    return uuid.uuid4()
