"""What an agent has in hand: its journaled steps, waits, models, progress and artifacts."""

import json
import mimetypes
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, overload

from pydantic import JsonValue

from perdure.agents.model_calls.budget import BudgetGuard
from perdure.agents.model_calls.model_factory import durable_model, import_model
from perdure.agents.runs.artifact_names import artifact_path
from perdure.agents.runs.step_runner import StepRunner
from perdure.agents.runs.text_streams import TextStreams
from perdure.agents.steps.encoding import encode
from perdure.agents.steps.errors import PermanentError, StepFailed, failed_steps
from perdure.agents.steps.journal import (
    ApprovalRequest,
    ArtifactWriter,
    DelegateRequest,
    EventEmitter,
    Journal,
    Ledger,
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
    MemoryWaits,
)
from perdure.agents.steps.steps import Steps
from perdure.models import Artifact, Decision, Goal, Parameters, Progress, Result, Usage

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from perdure.agents.model_calls.durable_model import DurableModel, ResponseCache

T = TypeVar("T")


class Run:
    """One execution of a goal, handed to the agent.

    Every step awaited through it is journaled: after a crash, a retry, a wait or a deploy the agent
    runs again from its first line, and each finished step answers from the journal at once.

    Attributes:
        goal: What is asked.
        workflow_id: The workflow's id; ``local`` when there is no server.
        artifacts: The files made so far, by name.
        steps: The steps of this execution; agents use the methods below.
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
        """
        self.goal = goal
        self.workflow_id = workflow_id
        self.artifacts: dict[str, Artifact] = {}
        self.steps = steps or Steps(journal or MemoryJournal(), waits or MemoryWaits())
        self._artifact_writer: ArtifactWriter = artifacts or MemoryArtifacts()
        self._emitter: EventEmitter = emitter or MemoryEmitter()
        self._budget = BudgetGuard(ledger or MemoryLedger())
        self._texts = TextStreams(self.steps, self._emitter)
        self._runner = StepRunner(
            workflow_id, self.steps, self._budget.ledger, self._texts, self._emitter
        )
        self._model = model
        self._responses = responses
        self._signals: Counter[str] = Counter()
        self._progress_receiver: Callable[[Progress], Awaitable[None]] = self.report

    @property
    def model(self) -> "DurableModel":
        """The model that ``PERDURE_MODEL`` names, for pydantic-ai: each request is a step.

        Raises:
            PermanentError: None is named, or it cannot be used.
        """
        return self.durable(self._model)

    async def import_model(self) -> None:
        """Import what :attr:`model` needs, in a thread; called before the agent starts."""
        await import_model(self._model)

    def durable(self, model: "Model | str") -> "DurableModel":
        """Return a pydantic-ai model whose requests are journaled, and counted by the ledger.

        Args:
            model: A model, or the name of one such as ``openai:gpt-4o-mini``.

        Raises:
            PermanentError: It cannot be used.
        """
        return durable_model(model, self.steps, self._budget, self._emitter, cache=self._responses)

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
            The value as it is in the journal: read back from JSON as the type that the function is
            annotated to return, in the first execution too.

        Raises:
            StepFailed: The function raised; in every later execution too, if the agent went on.
            OutcomeUnknown: A ``once`` step was started before, and its effect is not known.
            PermanentError: An argument or the value has no JSON form, or the name is longer than
                200 characters.
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
        key = self.steps.key("approve", [question, data, expires, of, needed])
        request = ApprovalRequest(question, _plain(data), expires, tuple(of), needed)
        return Decision.model_validate_json(await self._wait(key, request))

    async def delegate(
        self, agent_type: str, description: str, parameters: Parameters | None = None
    ) -> Result:
        """Hand another agent a goal of its own, and wait for its result.

        Several at once run in parallel: ``asyncio.gather(run.delegate(…), run.delegate(…))``. The
        goals share this one's budget, and end when it ends.

        Args:
            agent_type: The name of an installed agent.
            description: The goal.
            parameters: The agent's parameters.

        Raises:
            StepFailed: The goal failed or was cancelled.
            PermanentError: Goals are delegated more than five deep.
        """
        parameters = parameters or {}
        key = self.steps.key("delegate", [agent_type, description, parameters])
        request = DelegateRequest(agent_type, description, dict(parameters))
        return Result.model_validate_json(await self._wait(key, request))

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
            percentage: 0 to 100.
            message: What is being done, in a few words.
            step: The current step; the one that started last when not given.
        """
        self.steps.raise_if_closed()
        await self._progress_receiver(Progress(percentage=percentage, message=message, step=step))

    async def text(self, delta: str, *, stream: str = "text") -> None:
        """Emit the next piece of a text, so that readers see it as it comes.

        The text of a step that is retried is withdrawn, and emitted from its beginning.

        Args:
            delta: The piece.
            stream: Which text, when there are several.
        """
        self.steps.raise_if_closed()
        await self._texts.emit(stream, delta)

    async def artifact(
        self, name: str, content: bytes | str | Path, *, media_type: str | None = None
    ) -> Artifact:
        """Store a file that belongs to the result.

        Args:
            name: Its relative path in the result, such as ``charts/sales.svg``; the
                same name again replaces the file.
            content: Its bytes, its text (kept as UTF-8), or the path of a file to copy.
            media_type: Its type; guessed from the name when not given.

        Raises:
            PermanentError: The name is absolute, leads out of its folder, or is longer than 500
                characters.
        """
        self.steps.raise_if_closed()
        path = artifact_path(name)
        guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
        body = bytes(content, "utf-8") if isinstance(content, str) else content
        with self.steps.in_flight():
            artifact = await self._artifact_writer.write(str(path), body, media_type or guessed)
            self.artifacts[artifact.name] = artifact
            await self._emitter.emit(artifact)
        return artifact

    async def now(self) -> datetime:
        """Return the time in UTC; the same in every execution."""
        return await self.step("now", _now)

    async def random(self) -> float:
        """Return a random number from 0 up to, not including, 1; the same in every execution."""
        return await self.step("random", random.random)

    async def uuid(self) -> uuid.UUID:
        """Return a random UUID; the same in every execution."""
        return await self.step("uuid", _uuid)

    async def report(self, progress: Progress) -> None:
        """Emit progress, with the current step; called for what ``execute_streaming`` yields."""
        self.steps.raise_if_closed()
        if progress.step is None and self.steps.latest is not None:
            progress = progress.model_copy(update={"step": self.steps.latest})
        with self.steps.in_flight():
            await self._emitter.emit(progress)

    def divert_progress(self, receiver: Callable[[Progress], Awaitable[None]]) -> None:
        """Hand what :meth:`progress` is given to ``receiver``, which has it reported."""
        self._progress_receiver = receiver

    async def withdraw_failures(self, error: BaseException) -> None:
        """Delete the failed steps behind the error that ended the agent, so that they run again."""
        for failed in failed_steps(error):
            await self.steps.withdraw(failed.key)

    async def _wait(self, key: StepKey, request: WaitRequest) -> str:
        outcome = await self.steps.wait(key, request)
        if outcome.failure is not None:
            raise StepFailed(key, outcome.failure)
        return outcome.value or "null"


def _plain(data: object) -> JsonValue:
    value: JsonValue = json.loads(encode(data, what="what an approval shows"))
    return value


def _now() -> datetime:
    return datetime.now(UTC)


def _uuid() -> uuid.UUID:
    return uuid.uuid4()
