"""The protocols of what a run needs: journal, waits, ledger, artifacts, events.

The stores implement them; :mod:`perdure.agents.steps.memory` does so in memory, for an author's
tests. Each write raises :class:`~perdure.agents.steps.run_closed.Fenced` when a later execution of
the run has taken over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from perdure.agents.steps.keys import StepKey
from perdure.messages import Wait
from perdure.models import (
    NO_USAGE,
    Artifact,
    EventType,
    Failure,
    Model,
    Parameters,
    Progress,
    ScoreContent,
    Usage,
)


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What a finished step came to: a value as JSON text, or a failure.

    Attributes:
        value: JSON text; empty when the step failed; ``None`` when it is so large that the journal
            returns it by :meth:`Journal.value` only.
        failure: Set when the step failed.
        seconds: How long it took.
        usage: What it used of paid models.
        ended_at: When a wait was over, in UTC, in the execution that takes its outcome.
    """

    value: str | None
    failure: Failure | None = None
    seconds: float = 0.0
    usage: Usage = NO_USAGE
    ended_at: datetime | None = field(default=None, compare=False)


class Journal(Protocol):
    """The finished steps of one run."""

    async def load(self) -> Mapping[StepKey, StepOutcome]:
        """Return every finished step; called once, before the first."""

    async def value(self, key: StepKey) -> str:
        """Return the value of a finished step whose outcome was loaded without it."""

    async def begin(self, key: StepKey, *, once: bool) -> bool:
        """Check that this execution may start a step, before the step has any effect.

        Args:
            key: The step.
            once: Make durable, before this returns, that the step has started.

        Returns:
            Whether the step may have been executed before with an unknown outcome: it was started
            with ``once`` and never recorded.

        Raises:
            BudgetExceeded: The run has executed as many steps, or worked as long, as it may.
        """

    async def check(self) -> None:
        """Check that this execution still has the run's claim.

        Raises:
            Fenced: A later one has it, or the run has ended.
        """

    async def record(self, key: StepKey, outcome: StepOutcome) -> None:
        """Store a finished step and its event; durable when this returns."""

    async def record_decision(self, key: StepKey, data: Mapping[str, JsonValue] | None) -> None:
        """Store a decision of the policy, which is no step, once; durable when this returns.

        Args:
            key: What was decided.
            data: That of its event, ``policy.decided``; no event without.
        """

    async def withdraw(self, key: StepKey) -> None:
        """Delete a failed step that ended the agent, so that the next attempt executes it again."""

    async def unsettle(self, key: StepKey) -> bool:
        """Make the outcome of a step unknown again, if it is what a person has settled it with.

        Returns:
            Whether it was.
        """


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """The arguments of ``run.approve``."""

    question: str
    data: JsonValue
    expires: timedelta | None
    of: tuple[str, ...]
    needed: int


@dataclass(frozen=True, slots=True)
class DelegateRequest:
    """The arguments of ``run.delegate``."""

    agent_type: str
    description: str
    parameters: Parameters
    name: str = ""
    after: tuple[str, ...] = ()


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
    """The waits of one run."""

    async def open(self, key: StepKey, request: WaitRequest) -> StepOutcome | Wait:
        """Open a wait and emit its event, or return its outcome when there is one.

        Opening the same key again changes nothing. An outcome is in the journal when this returns,
        and has its value.
        """


class Ledger(Protocol):
    """The entries of what one run spends on paid models."""

    async def reserve(self, key: StepKey, model: str, expected: Usage) -> int:
        """Add an entry for a request that is about to be made; unsettled, it counts as thrown away.

        Args:
            key: The step it belongs to.
            model: The model's name.
            expected: What it may use at most, as far as is known; it counts against the budget
                until the entry is settled.

        Returns:
            The entry's number.

        Raises:
            BudgetExceeded: The run's budget does not allow it.
        """

    async def settle(self, entry: int, usage: Usage, *, kept: bool) -> None:
        """Enter what a request has used, and whether its outcome was kept."""

    async def save(self, usage: Usage) -> None:
        """Enter usage that was not paid again, as the outcome was in the journal or a cache."""

    async def left(self) -> int | None:
        """Return how many tokens the budget has left; ``None`` when it does not limit them."""

    async def left_cost(self) -> float | None:
        """Return how many dollars the budget has left; ``None`` when it does not limit them."""

    async def spent_cost(self) -> float:
        """Return how many dollars the goal has spent so far, its delegates included."""

    async def is_held_elsewhere(self) -> bool:
        """Return whether requests of the goal's other runs are in flight, and hold budget back."""


class ArtifactWriter(Protocol):
    """Stores the files of one run, and reads those of its delegates."""

    async def write(self, name: str, content: bytes | Path, media_type: str) -> Artifact:
        """Store a file under ``name``; the same name again replaces it in the run's result."""

    async def read(self, artifact: Artifact) -> bytes:
        """Return the content of a file that any run has made.

        Raises:
            LookupError: It is not stored here.
        """


def score_step(name: str) -> str:
    """Return the name of the step in which an agent puts a score on its run."""
    return f"score {name}"


class ScoreWriter(Protocol):
    """Stores what one run's agent says of how good the run is."""

    async def write(self, content: ScoreContent) -> None:
        """Store a score; the same name again, of the same step, replaces it."""


class NotebookEntry(Model):
    """What stands under a key of a run's notebook.

    Attributes:
        key: The key.
        value: What was written.
        version: 1 when it was first written, one more with each writing; 0 where there is nothing.
    """

    key: str
    value: JsonValue = None
    version: int = 0


class NotebookPages(Protocol):
    """The notebook that a run shares with all runs of its tree of delegates."""

    async def read(self, key: str) -> NotebookEntry:
        """Return what stands under a key now; an entry of version 0 when there is nothing."""

    async def write(
        self, key: str, value: JsonValue, version: int, token: str
    ) -> NotebookEntry | None:
        """Write a value in place of a version, or nothing when that is no longer the newest.

        Args:
            key: The key.
            value: The value.
            version: The version that it replaces; 0 for a key under which there is nothing.
            token: Names the writing: done again, as after a crash, it is the one that was done.

        Returns:
            What stands there now; ``None`` when another version does.

        Raises:
            PermanentError: The notebook is full.
        """


class EventEmitter(Protocol):
    """Takes the events of one run, for whoever follows it."""

    async def emit(self, item: Progress | Artifact) -> None:
        """Emit progress or an artifact, unless an earlier execution has emitted the same."""

    async def emit_text(self, stream: str, delta: str) -> None:
        """Emit the next piece of a text that comes in pieces.

        Args:
            stream: Which text; see :func:`~perdure.agents.steps.keys.stream_of`.
            delta: The piece.
        """

    async def emit_event(self, type_: EventType, data: Mapping[str, JsonValue]) -> None:
        """Emit any other event."""
