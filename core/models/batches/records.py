"""Batches: many goals of one agent, fed a few at a time, and what became of each."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, JsonValue, StringConstraints

from perdure.models.base import LastingModel, Model
from perdure.models.failures import Failure
from perdure.models.goals import DEFAULT_PRIORITY, AgentName, Budget, Parameters, PoolName, Priority
from perdure.models.tenants import DEFAULT_TENANT

MAX_PARALLEL: Final = 1_000
MAX_KEY_CHARACTERS: Final = 4_096

BatchName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)
]
ItemKey = Annotated[str, StringConstraints(min_length=1, max_length=MAX_KEY_CHARACTERS)]


class BatchStatus(StrEnum):
    """The status of a batch.

    ``stopped``: too many of its items failed, or its budget is used up; it can be resumed.
    ``cancelling``: it starts nothing more, and waits for the end of the items that it cancelled.
    """

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more happens unless items are added or retried."""
        return self in {BatchStatus.COMPLETED, BatchStatus.CANCELLED}


class ItemStatus(StrEnum):
    """The status of an item.

    ``invalid``: it came in a form that no goal can be made of, and is never started.
    """

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INVALID = "invalid"


class BatchSettings(LastingModel):
    """What all items of a batch share.

    Attributes:
        agent_type: The agent that does each item.
        description: What it is to achieve, for items that do not say it themselves.
        parameters: Its parameters, for items that do not say others.
        budget: What each item may use at most.
        pool: The pool of workers that runs the items.
        priority: Before which other goals the items go: 1 first, 5 last.
        max_parallel: How many items run at once, at most.
        per_second: How many items are started a second, at most.
        ordered: Whether an item starts only when the one before it has ended.
        stop_after_failures: After so many failed items none is started any more.
        budget_cost: US dollars that all items together may use.
    """

    agent_type: AgentName
    description: str = ""
    parameters: Parameters = Field(default_factory=dict)
    budget: Budget | None = None
    pool: PoolName | None = None
    priority: Priority = DEFAULT_PRIORITY
    max_parallel: Annotated[int, Field(ge=1, le=MAX_PARALLEL)] = 10
    per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    ordered: bool = False
    stop_after_failures: Annotated[int, Field(ge=1)] | None = None
    budget_cost: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    @property
    def at_once(self) -> int:
        """How many items run at once, at most: one, where they go in order."""
        return 1 if self.ordered else self.max_parallel


class ItemContent(Model):
    """What one item asks for.

    Attributes:
        description: What the agent is to achieve; the batch's where it is empty.
        parameters: Its parameters; they come over the batch's.
        files: SHA-256 digests of files that it names, by their paths: one that has another content
            when the item is to start is not what was handed in.
    """

    description: str = ""
    parameters: Parameters = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)


class NewItem(Model):
    """One item as it was handed in.

    Attributes:
        key: What tells it from the others: handed in twice, it is done and paid once.
        content: What it asks for.
        problem: Why no goal can be made of it; it is on record as invalid.
    """

    key: ItemKey
    content: ItemContent = ItemContent()
    problem: str = ""


class AddedItems(Model):
    """What became of items that were handed in.

    Attributes:
        added: How many are new, the invalid ones among them.
        invalid: How many no goal can be made of.
        duplicates: How many the batch had already.
        conflicts: Keys, the first twenty, that the batch has with another content; it stays.
        conflicting: How many such keys there were.
    """

    added: int = 0
    invalid: int = 0
    duplicates: int = 0
    conflicts: tuple[str, ...] = ()
    conflicting: int = 0

    def __add__(self, other: "AddedItems") -> "AddedItems":
        return AddedItems(
            added=self.added + other.added,
            invalid=self.invalid + other.invalid,
            duplicates=self.duplicates + other.duplicates,
            conflicts=(self.conflicts + other.conflicts)[:20],
            conflicting=self.conflicting + other.conflicting,
        )


class ItemCounts(Model):
    """How many items of a batch have each status."""

    waiting: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    invalid: int = 0

    @property
    def total(self) -> int:
        """How many there are."""
        return self.ended + self.waiting + self.running

    @property
    def ended(self) -> int:
        """How many have ended, or will never start."""
        return self.completed + self.failed + self.cancelled + self.invalid


class BatchRecord(Model):
    """A batch as the stores know it, and as the API and the command line show it.

    Attributes:
        batch_id: Its id.
        name: The caller's own name for it, which no other batch of the tenant has.
        tenant: Whose it is.
        settings: What all items share.
        status: Its status.
        reason: Why it was stopped.
        counts: How many items have each status.
        cost: US dollars that items which have ended have used.
        created_at: When it was handed in.
        started_at: When it began to run, or was last resumed.
        ended_at: When its last item ended.
        per_second: Items that end a second, since then; ``None`` before the first.
        seconds_left: How long it will go on at that rate.
    """

    batch_id: str
    name: str
    tenant: str = DEFAULT_TENANT
    settings: BatchSettings
    status: BatchStatus
    reason: str = ""
    counts: ItemCounts = ItemCounts()
    cost: float = 0.0
    created_at: datetime
    started_at: datetime
    ended_at: datetime | None = None
    per_second: float | None = None
    seconds_left: float | None = None


class ItemRecord(Model):
    """An item of a batch.

    Attributes:
        key: Its key.
        number: Its place in the batch, from 1.
        status: Its status; ``waiting`` in a batch that was cancelled means never started.
        description: What it asks for; empty where the batch says it.
        parameters: Its own parameters.
        workflow_id: The run that does it.
        attempts: How many times it was started or retried.
        error: Why it failed, or cannot be started.
        cost: US dollars that it has used.
        started_at: When it was started last.
        ended_at: When it ended.
        summary: The summary of its result.
        result: The structured result, where it was asked for.
    """

    key: str
    number: int
    status: ItemStatus
    description: str = ""
    parameters: Parameters = Field(default_factory=dict)
    workflow_id: str | None = None
    attempts: int = 0
    error: Failure | None = None
    cost: float = 0.0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    summary: str = ""
    result: dict[str, JsonValue] | None = None
