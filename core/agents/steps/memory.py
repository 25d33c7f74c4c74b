"""A run's surroundings in memory: for trying an agent out and for its tests, without a server."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from perdure.agents.steps.journal import (
    ApprovalRequest,
    DelegateRequest,
    SignalRequest,
    SleepRequest,
    StepKey,
    StepOutcome,
    WaitRequest,
    stream_of,
)
from perdure.messages import Wait, WaitKind
from perdure.models import Artifact, Decision, EventType, Progress, Result, Spending, Usage, Vote


class MemoryJournal:
    """A journal that lasts as long as the object: hand it to two runs to see a retry.

    Attributes:
        steps: Every finished step.
        begun: The steps marked ``once`` that have begun.
    """

    def __init__(self) -> None:
        self.steps: dict[StepKey, StepOutcome] = {}
        self.begun: set[StepKey] = set()

    async def load(self) -> Mapping[StepKey, StepOutcome]:
        """Return the finished steps."""
        return dict(self.steps)

    async def value(self, key: StepKey) -> str:
        """Return a finished step's value."""
        return self.steps[key].value or ""

    async def begin(self, key: StepKey, *, once: bool) -> bool:
        """Remember that a ``once`` step begins."""
        unknown = key in self.begun
        if once:
            self.begun.add(key)
        return unknown

    async def check(self) -> None:
        """Do nothing: nobody else holds a run in memory."""

    async def record(self, key: StepKey, answer: StepOutcome) -> None:
        """Keep a finished step."""
        self.steps.setdefault(key, answer)

    async def withdraw(self, key: StepKey) -> None:
        """Forget a failed step."""
        if key in self.steps and self.steps[key].failure is not None:
            del self.steps[key]
            self.begun.discard(key)


class MemoryWaits:
    """Waits that are answered by what the test says beforehand.

    Attributes:
        decisions: What people answer, by question; a question that is not here stays open.
        results: What delegates deliver, by agent type.
        signals: The data of signals, in the order they come, by name.
        open_waits: What is waited for.
    """

    def __init__(
        self,
        decisions: Mapping[str, bool] | None = None,
        results: Mapping[str, Result] | None = None,
        signals: Mapping[str, list[JsonValue]] | None = None,
    ) -> None:
        self.decisions = dict(decisions or {})
        self.results = dict(results or {})
        self.signals = {name: list(data) for name, data in (signals or {}).items()}
        self.open_waits: dict[StepKey, Wait] = {}

    async def open(self, key: StepKey, wanted: WaitRequest) -> StepOutcome | Wait:
        """Answer what the test has an answer for."""
        text = self._answer(wanted)
        if text is not None:
            self.open_waits.pop(key, None)
            return StepOutcome(text)
        kind = {
            ApprovalRequest: WaitKind.APPROVAL,
            DelegateRequest: WaitKind.DELEGATE,
            SleepRequest: WaitKind.SLEEP,
            SignalRequest: WaitKind.SIGNAL,
        }[type(wanted)]
        return self.open_waits.setdefault(key, Wait(id=stream_of(key), kind=kind))

    def _answer(self, wanted: WaitRequest) -> str | None:
        match wanted:
            case ApprovalRequest(question=question) if question in self.decisions:
                now, approved = datetime.now(UTC), self.decisions[question]
                vote = Vote(by="test", approved=approved, at=now)
                return Decision(approved=approved, votes=(vote,), decided_at=now).model_dump_json()
            case DelegateRequest(agent_type=agent_type) if agent_type in self.results:
                return self.results[agent_type].model_dump_json()
            case SignalRequest(signal=signal, number=number):
                sent = self.signals.get(signal, [])
                return json.dumps(sent[number - 1]) if number <= len(sent) else None
            case SleepRequest():
                return "null"
        return None


class MemoryLedger:
    """A ledger that lasts as long as the object.

    Attributes:
        spending: What was spent so far.
    """

    def __init__(self) -> None:
        self.spending = Spending()

    async def reserve(self, key: StepKey, model: str, expected: Usage) -> int:  # noqa: ARG002
        """Count a request."""
        update = {"requests": self.spending.requests + 1}
        self.spending = self.spending.model_copy(update=update)
        return self.spending.requests

    async def settle(self, entry: int, usage: Usage, *, kept: bool) -> None:  # noqa: ARG002
        """Add what it used."""
        update = {"spent": self.spending.spent + usage}
        if not kept:
            update["thrown_away"] = self.spending.thrown_away + usage
        self.spending = self.spending.model_copy(update=update)

    async def save(self, usage: Usage) -> None:
        """Add what was saved."""
        saved = self.spending.saved + usage
        self.spending = self.spending.model_copy(update={"saved": saved})

    async def left(self) -> int | None:
        """Return ``None``: there is no budget."""
        return None

    async def left_cost(self) -> float | None:
        """Return ``None``: there is no budget."""
        return None


class MemoryArtifacts:
    """Artifacts kept in memory.

    Attributes:
        files: Content by name.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def write(self, name: str, content: bytes | Path, media_type: str) -> Artifact:
        """Keep a file; a path is read at once."""
        body = await asyncio.to_thread(content.read_bytes) if isinstance(content, Path) else content
        self.files[name] = body
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        return Artifact(name=name, media_type=media_type, digest=digest, size=len(body))


class MemoryEmitter:
    """Remembers what it was told.

    Attributes:
        told: Progress and artifacts, in order.
        texts: The texts that came in pieces, by stream.
        noted: Everything else, in order.
    """

    def __init__(self) -> None:
        self.told: list[Progress | Artifact] = []
        self.texts: dict[str, str] = {}
        self.noted: list[tuple[EventType, Mapping[str, JsonValue]]] = []

    async def tell(self, told: Progress | Artifact) -> None:
        """Remember it."""
        self.told.append(told)

    async def text(self, stream: str, delta: str) -> None:
        """Append it."""
        self.texts[stream] = self.texts.get(stream, "") + delta

    async def note(self, type_: EventType, data: Mapping[str, JsonValue]) -> None:
        """Remember it, and forget a text that is withdrawn."""
        self.noted.append((type_, data))
        if type_ == "text.withdrawn":
            self.texts.pop(str(data["stream"]), None)
