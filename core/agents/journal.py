"""What a run needs from the outside: a journal of its steps, a place for artifacts, a listener.

The core hands in its stores; without a core (an author's test) the ones in
:mod:`holdfast.agents.memory` serve.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from holdfast.models import Artifact, Failure, Progress


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
class Answer:
    """What a finished step came to: a value as JSON text, or a failure.

    Attributes:
        value: JSON text; empty when the step failed.
        failure: Set when the step failed.
        seconds: How long it took.
    """

    value: str
    failure: Failure | None = None
    seconds: float = 0.0


class Journal(Protocol):
    """The finished steps of one run."""

    async def load(self) -> Mapping[StepKey, Answer]:
        """Return every finished step; called once, before the first."""

    async def record(self, key: StepKey, answer: Answer) -> None:
        """Make a finished step durable, and tell the run's readers; returns when it is done."""

    async def withdraw(self, key: StepKey) -> None:
        """Forget a failed step: it ended the agent, and the next attempt runs it again."""


class ArtifactWriter(Protocol):
    """Where a run's files go."""

    async def write(self, name: str, content: bytes | Path, media_type: str) -> Artifact:
        """Store a file under ``name``; the same name again replaces what the run shows."""


class Listener(Protocol):
    """Who is told of a run's progress and artifacts."""

    async def tell(self, told: Progress | Artifact, ordinal: int) -> None:
        """Take what an agent tells.

        Args:
            told: How far it has come, or a file it made.
            ordinal: 1, 2, 3 … in the order this pass tells; a later pass tells the same under the
                same ordinals, and a listener ignores those it has heard.
        """
