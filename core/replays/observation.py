"""What an agent asks for in a replay: steps, waits, files and progress, with none of them done."""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from perdure.agents.steps.errors import PermanentError
from perdure.agents.steps.journal import (
    ApprovalRequest,
    DelegateRequest,
    SignalRequest,
    SleepRequest,
    StepOutcome,
    WaitRequest,
)
from perdure.agents.steps.keys import StepKey, stream_of
from perdure.agents.steps.run_closed import Interrupted
from perdure.agents.steps.steps import Steps
from perdure.messages import Wait, WaitKind
from perdure.models import Artifact, EventType, Progress, ScoreContent
from perdure.redaction import without_secrets
from perdure.schemas.replays.recording import Recording

_INPUT_CHARACTERS: Final = 300
_HASHED_BYTES: Final = 1 << 20


class Contents(Protocol):
    """Reads what the stores keep by digest."""

    async def read(self, digest: str) -> bytes:
        """Return a content.

        Raises:
            LookupError: It is not there.
        """


@dataclass(frozen=True, slots=True)
class Asked:
    """A step or a wait that the agent has asked for.

    Attributes:
        key: Which one.
        answered: Whether the record had its outcome.
        would: What the code would do, where it had none.
    """

    key: StepKey
    answered: bool
    would: str = ""


@dataclass(slots=True)
class Observation:
    """What an agent has asked for.

    Attributes:
        asked: Steps and waits in order, each once.
        inputs: Their inputs as text.
        progress: The progress that it has reported.
        written: The files that it has stored.
    """

    asked: dict[StepKey, Asked] = field(default_factory=dict)
    inputs: dict[StepKey, str] = field(default_factory=dict)
    progress: list[Progress] = field(default_factory=list)
    written: list[Artifact] = field(default_factory=list)

    def note(self, key: StepKey, *, answered: bool, would: str = "") -> None:
        """Note that a step or a wait was asked for."""
        self.asked.setdefault(key, Asked(key, answered, would))


class ReplayedSteps(Steps):
    """The steps of a replay: answered from the record, and otherwise never started."""

    def __init__(
        self, observation: Observation, journal: "RecordedJournal", waits: "UnansweredWaits"
    ) -> None:
        super().__init__(journal, waits)
        self._observation = observation
        self._recorded = journal
        # So no step is started: one without an outcome stops the replay, once no other goes on.
        self.drain()

    def key(self, name: str, inputs: object, *, version: int = 1) -> StepKey:
        """Return a step's key, and note its input."""
        key = super().key(name, inputs, version=version)
        self._observation.inputs[key] = _shown(inputs)
        return key

    async def recorded_outcome(self, key: StepKey) -> StepOutcome | None:
        """Return a step's outcome on record, and note that it was asked for."""
        outcome = await super().recorded_outcome(key) or self._recorded.denial(key)
        if outcome is not None:
            self._observation.note(key, answered=True)
        return outcome

    @asynccontextmanager
    async def executing(self, key: StepKey, *, once: bool = False) -> AsyncIterator[bool]:
        """Note that a step would be executed, and never get to it."""
        self._observation.note(key, answered=False, would="would be executed")
        async with super().executing(key, once=once) as is_unknown:
            yield is_unknown

    async def record(self, key: StepKey, outcome: StepOutcome) -> None:
        """Note an outcome that was made without executing a step, as adapters keep state."""
        self._observation.note(key, answered=False, would="would be recorded")
        await super().record(key, outcome)


class RecordedJournal:
    """The journal of a recording, which nothing is written to."""

    def __init__(self, recording: Recording, contents: Contents) -> None:
        finished = [step for step in recording.steps if step.state == "finished"]
        keys = [StepKey(step.name, step.digest, step.occurrence) for step in finished]
        self._steps = dict(zip(keys, finished, strict=True))
        self._contents = contents
        self._denied, self._denial = recording.denied, recording.error

    def denial(self, key: StepKey) -> StepOutcome | None:
        """Return what a step got that the policy denied; it is withdrawn when the run fails."""
        if self._denial is None or not self._denied or key.name != self._denied:
            return None
        return StepOutcome("", self._denial)

    async def load(self) -> Mapping[StepKey, StepOutcome]:
        """Return the finished steps, without values that lie among the contents."""
        return {
            key: StepOutcome(step.value, step.failure, 0.0, step.usage)
            for key, step in self._steps.items()
        }

    async def value(self, key: StepKey) -> str:
        """Return a value that lies among the contents.

        Raises:
            PermanentError: It is not there.
        """
        try:
            return (await self._contents.read(self._steps[key].content or "")).decode()
        except LookupError as error:
            raise PermanentError(f"the value of step {key.name!r} is not there: {error}") from error

    async def begin(self, key: StepKey, *, once: bool) -> bool:
        """Refuse to start a step.

        Raises:
            Interrupted: Always.
        """
        raise Interrupted(f"a replay starts no step, and not {key.name!r} ({once=})")

    async def check(self) -> None:
        """Do nothing: a replay claims no run."""

    async def record(self, key: StepKey, outcome: StepOutcome) -> None:
        """Do nothing."""

    async def record_decision(self, key: StepKey, data: Mapping[str, JsonValue] | None) -> None:
        """Do nothing: no policy judges a replay."""

    async def withdraw(self, key: StepKey) -> None:
        """Do nothing."""

    async def unsettle(self, key: StepKey) -> bool:  # noqa: ARG002
        """Return ``False``: what people said stays."""
        return False


class UnansweredWaits:
    """Waits that are opened nowhere, and noted."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation

    async def open(self, key: StepKey, request: WaitRequest) -> Wait:
        """Note what would be asked."""
        kind, would = _wait_of(request)
        self._observation.note(key, answered=False, would=would)
        return Wait(id=stream_of(key), kind=kind)


class HashedArtifacts:
    """Files that are hashed and kept nowhere but in memory, for those who read them again."""

    def __init__(self, observation: Observation, contents: Contents) -> None:
        self._observation = observation
        self._contents = contents
        self._written: dict[str, bytes | Path] = {}

    async def write(self, name: str, content: bytes | Path, media_type: str) -> Artifact:
        """Hash a file."""
        digest, size = _digest_of(content)
        artifact = Artifact(name=name, media_type=media_type, digest=digest, size=size)
        self._written[digest] = content
        self._observation.written.append(artifact)
        return artifact

    async def read(self, artifact: Artifact) -> bytes:
        """Return the content of a file of the replay or of the record.

        Raises:
            LookupError: There is none of that digest.
        """
        content = self._written.get(artifact.digest)
        if isinstance(content, Path):
            return content.read_bytes()
        return await self._contents.read(artifact.digest) if content is None else content


class UnsentEvents:
    """Events that nobody gets; progress is noted."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation

    async def emit(self, item: Progress | Artifact) -> None:
        """Note progress; files are noted where they are stored."""
        if isinstance(item, Progress):
            self._observation.progress.append(item)

    async def emit_text(self, stream: str, delta: str) -> None:
        """Do nothing."""

    async def emit_event(self, type_: EventType, data: Mapping[str, JsonValue]) -> None:
        """Do nothing."""


class UnwrittenScores:
    """Scores that are put on nothing; each is a step, which no replay executes."""

    async def write(self, content: ScoreContent) -> None:
        """Do nothing."""


def _wait_of(request: WaitRequest) -> tuple[WaitKind, str]:
    match request:
        case ApprovalRequest():
            return WaitKind.APPROVAL, f"would ask {request.question!r}"
        case DelegateRequest():
            asked = f"would hand {request.agent_type} the goal {request.description!r}"
            return WaitKind.DELEGATE, asked
        case SleepRequest():
            return WaitKind.SLEEP, f"would sleep {request.seconds:g} s"
        case SignalRequest():
            return WaitKind.SIGNAL, f"would wait for signal {request.signal!r}"


def _digest_of(content: bytes | Path) -> tuple[str, int]:
    hashed, size = hashlib.sha256(), 0
    if isinstance(content, bytes):
        hashed.update(content)
        size = len(content)
    else:
        with content.open("rb") as file:
            while piece := file.read(_HASHED_BYTES):
                hashed.update(piece)
                size += len(piece)
    return f"sha256:{hashed.hexdigest()}", size


def _shown(inputs: object) -> str:
    """Return a step's input as text, cut where it is long, without secrets."""
    match inputs:
        case [tuple() as args, dict() as kwargs]:  # as Run.step has it
            parts = [_as_json(each) for each in args]
            parts += [f"{name}={_as_json(value)}" for name, value in kwargs.items()]
            text = ", ".join(parts)
        case _:
            text = _as_json(inputs)
    text = without_secrets(text)
    return text if len(text) <= _INPUT_CHARACTERS else f"{text[:_INPUT_CHARACTERS]}…"


def _as_json(value: object) -> str:
    try:
        return json.dumps(to_jsonable_python(value, fallback=repr), ensure_ascii=False)
    except (TypeError, ValueError):
        return repr(value)
