"""A run as its agent sees it: journaled steps, waits, models, progress, artifacts."""

import hashlib
import json
import mimetypes
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, TypeVar, overload

from pydantic import JsonValue

from perdure.agents.model_calls.budget import BudgetGuard
from perdure.agents.model_calls.choice import durable_model, import_model
from perdure.agents.steps.encoding import decode, encode, returned_type
from perdure.agents.steps.errors import (
    OutcomeUnknown,
    PermanentError,
    StepFailed,
    failed_steps,
)
from perdure.agents.steps.journal import (
    ApprovalRequest,
    ArtifactWriter,
    DelegateRequest,
    EventEmitter,
    Journal,
    Ledger,
    SignalRequest,
    SleepRequest,
    StepKey,
    StepOutcome,
    WaitRequest,
    Waits,
    stream_of,
)
from perdure.agents.steps.memory import (
    MemoryArtifacts,
    MemoryEmitter,
    MemoryJournal,
    MemoryLedger,
    MemoryWaits,
)
from perdure.agents.steps.step_execution import announced, perform, spent_here
from perdure.agents.steps.steps import Steps, current_step
from perdure.models import Artifact, Decision, Goal, Parameters, Progress, Result, Usage

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from perdure.agents.model_calls.durable_model import DurableModel, ResponseCache

T = TypeVar("T")

ARTIFACT_NAME_CHARACTERS: Final = 500


class Run:
    """One execution of a goal, handed to the agent.

    Every step awaited through it is journaled: after a crash, a retry, a wait or a deploy the agent
    runs again from its first line, and each finished step answers from the journal at once.

    Attributes:
        goal: What is asked.
        workflow_id: The run's name; ``local`` when there is no server.
        artifacts: The files made so far, by name.
        steps: The steps of this pass; agents use the methods below.
    """

    def __init__(
        self,
        goal: Goal,
        journal: Journal | None = None,
        artifacts: ArtifactWriter | None = None,
        listener: EventEmitter | None = None,
        *,
        waits: Waits | None = None,
        ledger: Ledger | None = None,
        workflow_id: str = "local",
        model: str = "",
        responses: "ResponseCache | None" = None,
    ) -> None:
        """Bind a goal to its surroundings; those not given are kept in memory.

        Args:
            goal: What is asked.
            journal: Its finished steps.
            artifacts: Where its files go.
            listener: Who is told what happens.
            waits: What it waits for.
            ledger: What it spends.
            workflow_id: The run's name.
            model: The name of the model that :attr:`model` asks.
            responses: Answers of models to other runs.
        """
        self.goal = goal
        self.workflow_id = workflow_id
        self.artifacts: dict[str, Artifact] = {}
        self.steps = Steps(journal or MemoryJournal(), waits or MemoryWaits())
        self._writer: ArtifactWriter = artifacts or MemoryArtifacts()
        self._listener: EventEmitter = listener or MemoryEmitter()
        kept: Ledger = ledger or MemoryLedger()
        self._purse = BudgetGuard(kept)
        self._model = model
        self._responses = responses
        self._signals: Counter[str] = Counter()
        self._texts: dict[StepKey, set[str]] = {}
        self._receiver: Callable[[Progress], Awaitable[None]] = self.report

    @property
    def model(self) -> "DurableModel":
        """The model that ``PERDURE_MODEL`` names, for pydantic-ai: each request is a step.

        Raises:
            PermanentError: None is named, or it cannot be used.
        """
        return self.durable(self._model)

    async def import_model(self) -> None:
        """Import what :attr:`model` needs, beside the event loop; an agent's driver does."""
        await import_model(self._model)

    def durable(self, model: "Model | str") -> "DurableModel":
        """Return a pydantic-ai model whose requests are journaled, and counted by the ledger.

        Args:
            model: A model, or the name of one such as ``openai:gpt-4o-mini``.

        Raises:
            PermanentError: It cannot be used.
        """
        return durable_model(model, self.steps, self._purse, self._listener, cache=self._responses)

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
        """Run a function once and journal what it returns; later passes get that value.

        A step is known by its name, its input and how often both came before in this pass, so keep
        them the same from pass to pass: no clock and no random number in them, but those of
        :meth:`now`, :meth:`random` and :meth:`uuid`, which are journaled.

        Between the function's effect and the journal a crash can fall: then it runs again. Hand the
        effect its ``idempotency_key``, or mark the step ``once``.

        Args:
            name: What the step does, in one or a few words.
            function: Async, or plain: a plain one runs in a thread.
            *args: Its arguments: plain data or Pydantic models.
            version: Raise it when the function's meaning changed, so that goals under way do not
                take the old answer for the new.
            once: Never begin it a second time: if its outcome is unknown, raise.
            idempotency_key: Hand the function ``idempotency_key``, a text that is the same on every
                attempt and differs from every other step's.
            **kwargs: Further arguments.

        Returns:
            The value as the journal holds it: read back from JSON as the type that the function
            says it returns, on the first pass too.

        Raises:
            StepFailed: The function raised; on every later pass too, if the agent went on.
            OutcomeUnknown: A ``once`` step was begun before, and whether it took effect is unknown.
            PermanentError: An argument or the value has no JSON form, or the name is longer than
                200 characters.
        """
        key = self.steps.key(name, [args, kwargs], version=version)
        returned = returned_type(function)
        known = await self.steps.answered(key)
        if known is not None:
            if known.usage.tokens_used:
                await self._purse.ledger.save(known.usage)
            return _hand_out(key, known, returned, None)
        if idempotency_key:
            kwargs["idempotency_key"] = self._idempotency_key(key)
        async with self.steps.doing(key, once=once) as unknown:
            if unknown:
                raise OutcomeUnknown(
                    f"step {name!r} was begun, and whether it took effect is not known: find out,"
                    " then hand the goal in again"
                )
            answer, cause = await self._perform(key, function, args, kwargs, once=once)
        return _hand_out(key, answer, returned, cause)

    async def _perform(
        self,
        key: StepKey,
        function: Callable[..., object],
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        *,
        once: bool,
    ) -> tuple[StepOutcome, Exception | None]:
        spent: dict[int, Usage] = {}
        token = spent_here.set(spent)
        try:
            again = partial(self._try_again, key)
            async with announced(key.name, self._listener):
                answer, cause = await perform(key, function, args, kwargs, once=once, again=again)
        finally:
            spent_here.reset(token)
        if answer.failure is not None:
            await self._withdraw_texts(key)
        if spent:
            answer = replace(answer, usage=sum(spent.values(), Usage()))
        await self.steps.record(key, answer)
        for entry, usage in spent.items():
            await self._purse.ledger.settle(entry, usage, kept=answer.failure is None)
        return answer, cause

    async def _try_again(self, key: StepKey) -> None:
        await self.steps.check_again()
        await self._withdraw_texts(key)

    async def _withdraw_texts(self, key: StepKey) -> None:
        with self.steps.busy():
            for stream in sorted(self._texts.pop(key, ())):
                await self._listener.note("text.withdrawn", {"stream": stream})

    async def spend(self, usage: Usage, *, model: str = "") -> None:
        """Say what the step under way has used of a paid model that is not asked through the run.

        Raises:
            PermanentError: No step is under way.
            BudgetExceeded: The goal's budget does not allow it.
        """
        key, spent = current_step.get(), spent_here.get()
        if key is None or spent is None:
            raise PermanentError(
                "run.spend belongs inside a step: call it where the model is asked"
            )
        spent[await self._purse.ledger.reserve(key, model, usage)] = usage

    async def approve(
        self,
        question: str,
        data: object = None,
        *,
        expires: timedelta | None = None,
        of: Sequence[str] = (),
        needed: int = 1,
    ) -> Decision:
        """Ask people, and wait for what they say; no worker is held meanwhile.

        Args:
            question: What is asked; the same on every pass.
            data: What the answer depends on; plain data or Pydantic models.
            expires: After this time without a decision the answer is no.
            of: Who may answer; anybody when empty.
            needed: How many have to say yes; one no is enough for no.

        Returns:
            The decision, which is true when it was approved.

        Raises:
            PermanentError: More people are needed than may answer, or ``data`` has no JSON form.
        """
        if needed < 1 or (of and needed > len(set(of))):
            raise PermanentError(
                f"{question!r} needs {needed} people and names {len(set(of))}: name enough"
            )
        key = self.steps.key("approve", [question, data, expires, of, needed])
        asked = ApprovalRequest(question, _plain(data), expires, tuple(of), needed)
        return Decision.model_validate_json(await self._wait(key, asked))

    async def delegate(
        self, agent_type: str, description: str, parameters: Parameters | None = None
    ) -> Result:
        """Have another agent reach a goal of its own, and wait for its result.

        Several at once run in parallel: ``asyncio.gather(run.delegate(…), run.delegate(…))``. The
        goals share this one's budget, and end when it ends.

        Args:
            agent_type: The name of an installed agent.
            description: What it is to achieve.
            parameters: Its settings.

        Raises:
            StepFailed: The goal failed or was cancelled.
            PermanentError: Goals are delegated more than five deep.
        """
        given = parameters or {}
        key = self.steps.key("delegate", [agent_type, description, given])
        wanted = DelegateRequest(agent_type, description, dict(given))
        return Result.model_validate_json(await self._wait(key, wanted))

    async def sleep(self, duration: timedelta | float) -> None:
        """Wait for a time; no worker is held meanwhile.

        Args:
            duration: How long, as a time or in seconds.
        """
        seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
        await self._wait(self.steps.key("sleep", seconds), SleepRequest(seconds))

    async def wait_for(self, signal: str, *, expires: timedelta | None = None) -> JsonValue:
        """Wait for a signal that somebody sends the run; no worker is held meanwhile.

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
        """Tell how far the run has come.

        Args:
            percentage: 0 to 100.
            message: What is being done, in a few words.
            step: The step under way; the one that began last when not given.
        """
        self.steps.check()
        await self._receiver(Progress(percentage=percentage, message=message, step=step))

    async def text(self, delta: str, *, stream: str = "text") -> None:
        """Tell the next piece of a text, so that readers see it as it comes.

        A text that is cut off, because its step is done again, is withdrawn and told anew.

        Args:
            delta: The piece.
            stream: Which text, when there are several.
        """
        self.steps.check()
        key = current_step.get()
        if key is not None:
            stream = f"{stream_of(key)}.{stream}"
            self._texts.setdefault(key, set()).add(stream)
        with self.steps.busy():
            await self._listener.text(stream, delta)

    async def artifact(
        self, name: str, content: bytes | str | Path, *, media_type: str | None = None
    ) -> Artifact:
        """Store a file that belongs to the result.

        Args:
            name: The relative path under which it is handed out, such as ``charts/sales.svg``; the
                same name again replaces the file.
            content: Its bytes, its text (kept as UTF-8), or the path of a file to copy.
            media_type: Its type; guessed from the name when not given.

        Raises:
            PermanentError: The name is absolute, leads out of its folder, or is longer than 500
                characters.
        """
        self.steps.check()
        path = _artifact_path(name)
        guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
        body = bytes(content, "utf-8") if isinstance(content, str) else content
        with self.steps.busy():
            artifact = await self._writer.write(str(path), body, media_type or guessed)
            self.artifacts[artifact.name] = artifact
            await self._listener.tell(artifact)
        return artifact

    async def now(self) -> datetime:
        """Return the time in UTC; the same on every pass."""
        return await self.step("now", _now)

    async def random(self) -> float:
        """Return a random number from 0 up to, not including, 1; the same on every pass."""
        return await self.step("random", random.random)

    async def uuid(self) -> uuid.UUID:
        """Return a random UUID; the same on every pass."""
        return await self.step("uuid", _uuid)

    async def report(self, progress: Progress) -> None:
        """Tell the run's listener of progress, with the step under way; an agent's driver does."""
        self.steps.check()
        if progress.step is None and self.steps.latest is not None:
            progress = progress.model_copy(update={"step": self.steps.latest})
        with self.steps.busy():
            await self._listener.tell(progress)

    def divert_progress(self, receiver: Callable[[Progress], Awaitable[None]]) -> None:
        """Send what :meth:`progress` is given to ``receiver``, which sees that it is reported."""
        self._receiver = receiver

    async def withdraw_failures(self, error: BaseException) -> None:
        """Forget the failed steps behind the error that ended the agent, so that they run again."""
        for failed in failed_steps(error):
            await self.steps.withdraw(failed.key)

    async def _wait(self, key: StepKey, wanted: WaitRequest) -> str:
        answer = await self.steps.wait(key, wanted)
        if answer.failure is not None:
            raise StepFailed(key, answer.failure)
        return answer.value or "null"

    def _idempotency_key(self, key: StepKey) -> str:
        named = f"{self.workflow_id}:{key.name}:{key.digest}:{key.occurrence}"
        return hashlib.sha256(named.encode()).hexdigest()[:32]


def _artifact_path(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if len(name) > ARTIFACT_NAME_CHARACTERS:
        raise PermanentError(
            f"artifact name {name[:40]!r}… has {len(name)} characters: give one of at most"
            f" {ARTIFACT_NAME_CHARACTERS}"
        )
    if path.is_absolute() or not path.parts or ".." in path.parts:
        raise PermanentError(
            f"artifact name {name!r} leads out of the result's folder: give a relative path"
        )
    return path


def _hand_out(
    key: StepKey, answer: StepOutcome, returned: object, cause: Exception | None
) -> object:
    if answer.failure is not None:
        raise StepFailed(key, answer.failure) from cause
    return decode(answer.value or "null", returned)


def _plain(data: object) -> JsonValue:
    value: JsonValue = json.loads(encode(data, what="what an approval shows"))
    return value


def _now() -> datetime:
    return datetime.now(UTC)


def _uuid() -> uuid.UUID:
    return uuid.uuid4()
