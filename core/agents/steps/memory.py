"""A run's journal, waits, ledger, artifacts and events in memory: for tests without a server."""

import asyncio
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from perdure.agents.steps.errors import PermanentError
from perdure.agents.steps.journal import (
    ApprovalRequest,
    DelegateRequest,
    NotebookEntry,
    SignalRequest,
    SleepRequest,
    StepOutcome,
    WaitRequest,
)
from perdure.agents.steps.keys import StepKey, stream_of
from perdure.messages import Wait, WaitKind
from perdure.models import (
    Artifact,
    Decision,
    EventType,
    Progress,
    Result,
    ScoreContent,
    Spending,
    Usage,
    Vote,
)
from perdure.models.scores import MAX_SCORES


class MemoryJournal:
    """A journal in memory: hand it to two runs, one after the other, to see a retry.

    Attributes:
        steps: Every finished step.
        begun: The steps marked ``once`` that have started.
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
        """Remember that a ``once`` step has started."""
        unknown = key in self.begun
        if once:
            self.begun.add(key)
        return unknown

    async def check(self) -> None:
        """Do nothing: a run in memory has one execution only."""

    async def record(self, key: StepKey, outcome: StepOutcome) -> None:
        """Keep a finished step."""
        self.steps.setdefault(key, outcome)

    async def record_decision(self, key: StepKey, data: Mapping[str, JsonValue] | None) -> None:
        """Keep a decision of the policy; a run in memory has no event of it."""
        self.steps.setdefault(key, StepOutcome(json.dumps(data)))

    async def withdraw(self, key: StepKey) -> None:
        """Delete a failed step."""
        if key in self.steps and self.steps[key].failure is not None:
            del self.steps[key]
            self.begun.discard(key)

    async def unsettle(self, key: StepKey) -> bool:  # noqa: ARG002
        """Return ``False``: nobody settles a step of a run in memory."""
        return False


class MemoryWaits:
    """Waits whose outcomes a test gives beforehand.

    Attributes:
        decisions: What people answer, by question; a question that is not here stays open.
        results: What delegates deliver, by agent type.
        signals: The data of signals, in the order they come, by name.
        open_waits: The waits without an outcome.
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

    async def open(self, key: StepKey, request: WaitRequest) -> StepOutcome | Wait:
        """Return the outcome that the test gave, or keep the wait open."""
        text = self._answer(request)
        if text is not None:
            self.open_waits.pop(key, None)
            return StepOutcome(text)
        kind = {
            ApprovalRequest: WaitKind.APPROVAL,
            DelegateRequest: WaitKind.DELEGATE,
            SleepRequest: WaitKind.SLEEP,
            SignalRequest: WaitKind.SIGNAL,
        }[type(request)]
        return self.open_waits.setdefault(key, Wait(id=stream_of(key), kind=kind))

    def _answer(self, request: WaitRequest) -> str | None:
        match request:
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
    """A ledger in memory, without a budget.

    Attributes:
        spending: The totals so far.
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

    async def spent_cost(self) -> float:
        """Return how many dollars are spent."""
        return self.spending.spent.cost

    async def is_held_elsewhere(self) -> bool:
        """Return ``False``: there is one run."""
        return False


class MemoryArtifacts:
    """Artifacts kept in memory.

    Attributes:
        files: Content by name.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self._contents: dict[str, bytes] = {}

    def add_of_delegates(self, contents: Iterable[bytes]) -> None:
        """Keep the contents of files that delegates are said to have made."""
        self._contents.update({_digest(content): content for content in contents})

    def content(self, digest: str) -> bytes | None:
        """Return the content of that digest; ``None`` when none is kept."""
        return self._contents.get(digest)

    async def write(self, name: str, content: bytes | Path, media_type: str) -> Artifact:
        """Keep a file; a path is read at once."""
        body = await asyncio.to_thread(content.read_bytes) if isinstance(content, Path) else content
        self.files[name] = body
        digest = _digest(body)
        self._contents[digest] = body
        return Artifact(name=name, media_type=media_type, digest=digest, size=len(body))

    async def read(self, artifact: Artifact) -> bytes:
        """Return the content of a file that was kept.

        Raises:
            LookupError: There is none of that digest.
        """
        if artifact.digest not in self._contents:
            raise LookupError(f"no artifact {artifact.digest} is kept here")
        return self._contents[artifact.digest]


class MemoryScores:
    """Scores kept in memory.

    Attributes:
        scores: Each by its name and the step that it is about.
    """

    def __init__(self) -> None:
        self.scores: dict[tuple[str, str | None], ScoreContent] = {}

    async def write(self, content: ScoreContent) -> None:
        """Keep a score.

        Raises:
            PermanentError: There are as many as a goal may have.
        """
        key = content.name, content.step
        if key not in self.scores and len(self.scores) >= MAX_SCORES:
            raise PermanentError(f"the goal has {MAX_SCORES} scores, and may have no more")
        self.scores[key] = content


class MemoryNotebook:
    """A notebook kept in memory; hand it to several runs to have them share it.

    Attributes:
        entries: What stands under each key.
    """

    def __init__(self) -> None:
        self.entries: dict[str, NotebookEntry] = {}
        self._written: dict[str, NotebookEntry] = {}

    async def read(self, key: str) -> NotebookEntry:
        """Return what stands under a key."""
        return self.entries.get(key, NotebookEntry(key=key))

    async def write(
        self, key: str, value: JsonValue, version: int, token: str
    ) -> NotebookEntry | None:
        """Write a value in place of a version."""
        if token in self._written:
            return self._written[token]
        if (await self.read(key)).version != version:
            return None
        entry = NotebookEntry(key=key, value=value, version=version + 1)
        self.entries[key] = self._written[token] = entry
        return entry


class MemoryEmitter:
    """Keeps everything that a run emits.

    Attributes:
        emitted: Progress and artifacts, in order.
        texts: The texts that came in pieces, by stream.
        events: Every other event, in order.
    """

    def __init__(self) -> None:
        self.emitted: list[Progress | Artifact] = []
        self.texts: dict[str, str] = {}
        self.events: list[tuple[EventType, Mapping[str, JsonValue]]] = []

    async def emit(self, item: Progress | Artifact) -> None:
        """Keep progress or an artifact."""
        self.emitted.append(item)

    async def emit_text(self, stream: str, delta: str) -> None:
        """Append a piece to its text."""
        self.texts[stream] = self.texts.get(stream, "") + delta

    async def emit_event(self, type_: EventType, data: Mapping[str, JsonValue]) -> None:
        """Keep an event, and forget a text that it withdraws."""
        self.events.append((type_, data))
        if type_ == "text.withdrawn":
            self.texts.pop(str(data["stream"]), None)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
