"""What a run needs from the outside: a journal of its steps, a ledger, a place for artifacts.

The core hands in its stores; without a core (an author's test) the ones in
:mod:`perdure.agents.steps.memory` serve. Each write raises :class:`~perdure.agents.steps.run_closed.Fenced` when
a later execution of the run has taken over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from perdure.messages import Wait
from perdure.models import Artifact, EventType, Failure, Parameters, Progress, Usage


@dataclass(frozen=True, slots=True)
class StepKey:
    """What makes a step the same step on a later pass.

    Attributes:
        name: The name the agent gave it.
        digest: SHA-256, in hexadecimal, of its input (and version) as canonical JSON.
        occurrence: 0 for the first step of that name *and* input in this pass, 1 for the second ….
    """

    name: str
    digest: str
    occurrence: int


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What a finished step came to: a value as JSON text, or a failure.

    Attributes:
        value: JSON text; empty when the step failed; ``None`` when it is so large that the journal
            hands it out by :meth:`Journal.value` only.
        failure: Set when the step failed.
        seconds: How long it took.
        usage: What it used of paid models.
    """

    value: str | None
    failure: Failure | None = None
    seconds: float = 0.0
    usage: Usage = field(default_factory=Usage)


class Journal(Protocol):
    """The finished steps of one run."""

    async def load(self) -> Mapping[StepKey, StepOutcome]:
        """Return every finished step; called once, before the first."""

    async def value(self, key: StepKey) -> str:
        """Return the value of a finished step whose answer came without."""

    async def begin(self, key: StepKey, *, once: bool) -> bool:
        """See that this execution may do a step, before its effect.

        Args:
            key: The step.
            once: Make durable, before it returns, that the step has begun.

        Returns:
            Whether the step may have been done before without its outcome being known: it was
            begun with ``once`` and never recorded.

        Raises:
            BudgetExceeded: The run has done as many steps, or worked as long, as it may.
        """

    async def check(self) -> None:
        """See that this execution still holds the run.

        Raises:
            Fenced: Another one does, or the run has ended.
        """

    async def record(self, key: StepKey, answer: StepOutcome) -> None:
        """Make a finished step durable, and tell the run's readers; returns when it is done."""

    async def withdraw(self, key: StepKey) -> None:
        """Forget a failed step: it ended the agent, and the next attempt runs it again."""


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """What ``run.approve`` asks; see there."""

    question: str
    data: JsonValue
    expires: timedelta | None
    of: tuple[str, ...]
    needed: int


@dataclass(frozen=True, slots=True)
class DelegateRequest:
    """What ``run.delegate`` hands on; see there."""

    agent_type: str
    description: str
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class SleepRequest:
    """How long ``run.sleep`` sleeps, in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class SignalRequest:
    """Which signal ``run.wait_for`` waits for; the first of that name is number 1."""

    signal: str
    number: int
    expires: timedelta | None


WaitRequest = ApprovalRequest | DelegateRequest | SleepRequest | SignalRequest


class Waits(Protocol):
    """What one run waits for."""

    async def open(self, key: StepKey, wanted: WaitRequest) -> StepOutcome | Wait:
        """Begin to wait, tell the run's readers, or return the answer when it is there.

        The same key again opens nothing new. An answer is in the journal when this returns, and
        comes with its value.
        """


class Ledger(Protocol):
    """What one run spends on paid models."""

    async def reserve(self, key: StepKey, model: str, expected: Usage) -> int:
        """Note that a request is about to be made; it is thrown away unless it is settled.

        Args:
            key: The step it belongs to.
            model: The model's name.
            expected: What it may use at most, as far as is known; it counts against the budget
                until the request is settled.

        Returns:
            The entry's number.

        Raises:
            BudgetExceeded: The run's budget does not allow it.
        """

    async def settle(self, entry: int, usage: Usage, *, kept: bool) -> None:
        """Note what a request has used, and whether its outcome was kept."""

    async def save(self, usage: Usage) -> None:
        """Note what need not be paid, because it was answered from the journal or a cache."""

    async def left(self) -> int | None:
        """Return how many tokens the budget allows still; ``None`` when it names none."""

    async def left_cost(self) -> float | None:
        """Return how many dollars the budget allows still; ``None`` when it names none."""


class ArtifactWriter(Protocol):
    """Where a run's files go."""

    async def write(self, name: str, content: bytes | Path, media_type: str) -> Artifact:
        """Store a file under ``name``; the same name again replaces what the run shows."""


class EventEmitter(Protocol):
    """Who is told of what happens in a run."""

    async def tell(self, told: Progress | Artifact) -> None:
        """Take what an agent tells; what an earlier pass told already is not told again."""

    async def text(self, stream: str, delta: str) -> None:
        """Take the next piece of a text that comes in pieces.

        Args:
            stream: Which text: the name of the step that makes it, and more when it makes several.
            delta: The piece.
        """

    async def note(self, type_: EventType, data: Mapping[str, JsonValue]) -> None:
        """Take anything else that is worth telling."""


def stream_of(key: StepKey) -> str:
    """Return the name of the text that a step makes, for :meth:`EventEmitter.text`.

    A step that makes several, or makes one anew, appends ``.`` and what tells them apart. Once the
    step is recorded its texts stay; those of a step that was cut off are withdrawn.
    """
    return f"{key.name}#{key.digest[:12]}#{key.occurrence}"
