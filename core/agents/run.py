"""A run as its agent sees it: journaled steps, progress, artifacts."""

import asyncio
import inspect
import mimetypes
import random
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar, overload

from holdfast.agents.encoding import decode, digest_of, encode, returned_type
from holdfast.agents.errors import PermanentError, StepFailed, failed_steps, failure_from, no_exit
from holdfast.agents.journal import Answer, ArtifactWriter, Journal, Listener, StepKey
from holdfast.agents.memory import MemoryArtifacts, MemoryJournal, MemoryListener
from holdfast.agents.threads import in_thread
from holdfast.models import Artifact, Goal, Progress

T = TypeVar("T")

STEP_NAME_CHARACTERS: Final = 200
ARTIFACT_NAME_CHARACTERS: Final = 500


class Run:
    """One execution of a goal, handed to the agent.

    Every step awaited through it is journaled: after a crash, a retry or a deploy the agent runs
    again from its first line, and each finished step answers from the journal at once.

    Attributes:
        goal: What is asked.
        artifacts: The files made so far, by name.
        current_step: The name of the step that began last.
    """

    def __init__(
        self,
        goal: Goal,
        journal: Journal | None = None,
        artifacts: ArtifactWriter | None = None,
        listener: Listener | None = None,
    ) -> None:
        """Bind a goal to its surroundings; those not given are kept in memory."""
        self.goal = goal
        self.artifacts: dict[str, Artifact] = {}
        self.current_step: str | None = None
        self._journal: Journal = journal or MemoryJournal()
        self._writer: ArtifactWriter = artifacts or MemoryArtifacts()
        self._listener: Listener = listener or MemoryListener()
        self._answers: Mapping[StepKey, Answer] | None = None
        self._loading = asyncio.Lock()
        self._occurrences: Counter[tuple[str, str]] = Counter()
        self._told = 0
        self._receiver: Callable[[Progress], Awaitable[None]] = self.report

    @overload
    async def step(
        self,
        name: str,
        function: Callable[..., Awaitable[T]],
        /,
        *args: object,
        version: int = 1,
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
        **kwargs: object,
    ) -> T: ...

    async def step(
        self,
        name: str,
        function: Callable[..., object],
        /,
        *args: object,
        version: int = 1,
        **kwargs: object,
    ) -> object:
        """Run a function once and journal what it returns; later passes get that value.

        A step is known by its name, its input and how often both came before in this pass, so keep
        them the same from pass to pass: no clock and no random number in them, but those of
        :meth:`now`, :meth:`random` and :meth:`uuid`, which are journaled.

        Args:
            name: What the step does, in one or a few words.
            function: Async, or plain: a plain one runs in a thread.
            *args: Its arguments: plain data or Pydantic models.
            version: Raise it when the function's meaning changed, so that goals under way do not
                take the old answer for the new.
            **kwargs: Further arguments.

        Returns:
            The value as the journal holds it: read back from JSON as the type that the function
            says it returns, on the first pass too.

        Raises:
            StepFailed: The function raised; on every later pass too, if the agent went on.
            PermanentError: An argument or the value has no JSON form, or the name is longer than
                200 characters.
        """
        if not 0 < len(name) <= STEP_NAME_CHARACTERS:
            raise PermanentError(
                f"step name {name[:40]!r}… has {len(name)} characters: give it a few words, at most"
                f" {STEP_NAME_CHARACTERS} characters, and pass what differs as an argument"
            )
        digest = digest_of([args, kwargs, version], what=f"the input of step {name!r}")
        key = StepKey(name, digest, self._occurrences[name, digest])
        self._occurrences[name, digest] += 1
        returned = returned_type(function)
        known = (await self._load()).get(key)
        if known is not None:
            return _hand_out(key, known, returned, None)
        self.current_step = name
        answer, cause = await _perform(key, function, args, kwargs)
        await self._journal.record(key, answer)
        return _hand_out(key, answer, returned, cause)

    async def progress(
        self, percentage: float, message: str = "", *, step: str | None = None
    ) -> None:
        """Tell how far the run has come.

        Args:
            percentage: 0 to 100.
            message: What is being done, in a few words.
            step: The step under way; the one that began last when not given.
        """
        await self._receiver(Progress(percentage=percentage, message=message, step=step))

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
        guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
        body = bytes(content, "utf-8") if isinstance(content, str) else content
        artifact = await self._writer.write(str(path), body, media_type or guessed)
        self.artifacts[artifact.name] = artifact
        await self._tell(artifact)
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
        if progress.step is None and self.current_step is not None:
            progress = progress.model_copy(update={"step": self.current_step})
        await self._tell(progress)

    def divert_progress(self, receiver: Callable[[Progress], Awaitable[None]]) -> None:
        """Send what :meth:`progress` is given to ``receiver``, which sees that it is reported."""
        self._receiver = receiver

    async def withdraw_failures(self, error: BaseException) -> None:
        """Forget the failed steps behind the error that ended the agent, so that they run again."""
        for failed in failed_steps(error):
            await self._journal.withdraw(failed.key)

    async def _tell(self, told: Progress | Artifact) -> None:
        self._told += 1
        await self._listener.tell(told, self._told)

    async def _load(self) -> Mapping[StepKey, Answer]:
        async with self._loading:
            if self._answers is None:
                self._answers = await self._journal.load()
        return self._answers


async def _perform(
    key: StepKey,
    function: Callable[..., object],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
) -> tuple[Answer, Exception | None]:
    started = time.monotonic()
    try:
        if inspect.iscoroutinefunction(inspect.unwrap(function)):
            with no_exit():
                value: object = await function(*args, **kwargs)  # type: ignore[misc]
        else:
            value = await in_thread(function, args, kwargs)
            if inspect.isawaitable(value):  # a partial or a callable object around a coroutine
                value = await value
        text = encode(value, what=f"the value of step {key.name!r}")
    except Exception as error:  # noqa: BLE001 -- whatever a step raises is its answer
        return Answer("", failure_from(error), _seconds_since(started)), error
    return Answer(text, None, _seconds_since(started)), None


def _hand_out(key: StepKey, answer: Answer, returned: object, cause: Exception | None) -> object:
    if answer.failure is not None:
        raise StepFailed(key, answer.failure) from cause
    return decode(answer.value, returned)


def _seconds_since(started: float) -> float:
    return round(time.monotonic() - started, 6)


def _now() -> datetime:
    return datetime.now(UTC)


def _uuid() -> uuid.UUID:
    return uuid.uuid4()
