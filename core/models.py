"""The words Perdure speaks: what is handed in, what is told on the way, what comes out.

Every value that crosses a boundary (Temporal, HTTP, the stores, a plugin) is one of these models.
They import nothing else of Perdure, so that workflow code may use them.
"""

import json
import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, field_validator

MAX_DESCRIPTION_CHARACTERS = 32_768
MAX_PARAMETERS_BYTES = 262_144

AGENT_NAME_PATTERN = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"

AgentName = Annotated[str, StringConstraints(pattern=AGENT_NAME_PATTERN, max_length=64)]
GoalId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]

Parameters = dict[str, JsonValue]


class Model(BaseModel):
    """The base of every model here: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LastingModel(Model):
    """The base of what Temporal keeps with a run: what a later version adds is no error."""

    model_config = ConfigDict(extra="ignore")


class Budget(LastingModel):
    """A hard ceiling on what a goal may use, over all its attempts and the goals it delegates.

    What is not set is not limited.

    Attributes:
        tokens: Tokens of paid models, sent and received together.
        cost: US dollars.
        steps: Steps done; those that the journal answers do not count.
        seconds: Time at work; waiting does not count.
    """

    tokens: Annotated[int, Field(gt=0)] | None = None
    cost: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    steps: Annotated[int, Field(gt=0)] | None = None
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class Goal(LastingModel):
    """What is asked: the input of ``AgentGoalWorkflow`` and the body of ``POST /api/execute-goal``.

    Attributes:
        goal_id: The caller's own name for the goal; two runs may share it.
        description: What the agent is to achieve, in words.
        agent_type: The name of an installed agent.
        parameters: The agent's own settings, checked against its parameters model.
        budget: What it may use at most.
    """

    goal_id: GoalId
    description: Annotated[str, StringConstraints(max_length=MAX_DESCRIPTION_CHARACTERS)]
    agent_type: AgentName
    parameters: Parameters = Field(default_factory=dict)
    budget: Budget | None = None

    @field_validator("description")
    @classmethod
    def _says_something(cls, description: str) -> str:
        if not re.search(r"\S", description):
            raise ValueError("say in words what the agent is to achieve")
        return description

    @field_validator("parameters")
    @classmethod
    def _are_small(cls, parameters: Parameters) -> Parameters:
        if len(json.dumps(parameters)) > MAX_PARAMETERS_BYTES:
            raise ValueError(
                f"parameters are larger than {MAX_PARAMETERS_BYTES // 1024} KiB: put the data into"
                " a file and pass its path"
            )
        return parameters


class Progress(Model):
    """How far an agent has come.

    Attributes:
        percentage: 0 to 100.
        message: What is being done, in a few words.
        step: The name of the step under way, where there is one.
    """

    percentage: Annotated[float, Field(ge=0, le=100)]
    message: str = ""
    step: str | None = None


class Artifact(Model):
    """A file that a run made, held in the artifact store under its digest.

    Attributes:
        name: Relative path under which the file is handed out, such as ``charts/sales.svg``.
        media_type: Its type, such as ``text/markdown``.
        digest: ``sha256:`` and 64 hexadecimal digits.
        size: Bytes.
    """

    name: str
    media_type: str
    digest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]


class Usage(Model):
    """What a run has used of paid models.

    Attributes:
        input_tokens: Tokens sent.
        output_tokens: Tokens received.
        cost: US dollars.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0

    @property
    def tokens_used(self) -> int:
        """Tokens sent and received, together."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost=self.cost + other.cost,
        )


class Result(Model):
    """What an agent delivers.

    Attributes:
        summary: The answer in one or a few sentences.
        data: The structured answer; keys are the agent's own.
        artifacts: Files the run made.
        usage: What the run used of paid models.
        metadata: ``agent_type`` and ``tokens_used``, which the core fills in, and the agent's own.
    """

    summary: str = ""
    data: dict[str, JsonValue] = Field(default_factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    usage: Usage = Usage()
    metadata: dict[str, JsonValue] = Field(default_factory=dict)


class FailureKind(StrEnum):
    """What kind of failure it is, which decides what is done about it.

    ``permanent``: not tried again (wrong input, refused key, refused content). ``transient``: tried
    again, three attempts in all. ``throttled``: the provider asks to wait, which uses up no
    attempt. ``budget``: the goal's ceiling is reached. ``stalled``: the agent made no progress.
    ``lost-worker`` and ``stores-away``: the installation's fault, borne much longer.
    """

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    THROTTLED = "throttled"
    BUDGET = "budget"
    STALLED = "stalled"
    LOST_WORKER = "lost-worker"
    STORES_AWAY = "stores-away"


class Failure(LastingModel):
    """Why something did not work.

    Attributes:
        type: The error's class name.
        message: One sentence: what happened, to which thing, what to do next.
        permanent: Whether trying again cannot help.
        kind: What kind of failure it is.
        retry_after: Seconds that a provider asks to wait.
        status: The HTTP status that a provider answered, where it was one.
    """

    type: str
    message: str
    permanent: bool = False
    kind: FailureKind = FailureKind.TRANSIENT
    retry_after: float | None = None
    status: int | None = None


class GoalStatus(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self in {
            GoalStatus.COMPLETED,
            GoalStatus.FAILED,
            GoalStatus.CANCELLED,
            GoalStatus.TERMINATED,
        }


class GoalRecord(Model):
    """One run of a goal as the stores know it, and as the API and the command line show it.

    Attributes:
        workflow_id: ``goal-{goal_id}-{uuid}``, the name of the run everywhere.
        success: Whether it completed; ``None`` while it has not ended.
        result: What it delivered, in part when it failed or was cancelled.
        error: Why it failed.
        execution_time: Seconds from start to end; ``None`` while it has not ended.
        progress: The last progress told.
        agent_version: Distribution and version of the plugin that ran it, such as
            ``perdure-research 0.1.0``.
        budget: What it may use at most.
        parent: The run that delegated it.
    """

    workflow_id: str
    goal_id: str
    description: str
    agent_type: str
    parameters: Parameters = Field(default_factory=dict)
    budget: Budget | None = None
    parent: str | None = None
    status: GoalStatus
    success: bool | None = None
    result: Result | None = None
    error: Failure | None = None
    execution_time: float | None = None
    progress: Progress | None = None
    artifacts: tuple[Artifact, ...] = ()
    agent_version: str | None = None
    started_at: datetime
    ended_at: datetime | None = None


EventType = Literal[
    "run.started",
    "run.retrying",
    "run.resumed",
    "run.waiting",
    "run.paused",
    "run.throttled",
    "run.yielded",
    "run.retried",
    "run.completed",
    "run.failed",
    "run.cancelled",
    "run.terminated",
    "progress",
    "step.started",
    "step.completed",
    "step.failed",
    "text.delta",
    "text.withdrawn",
    "tool.called",
    "usage",
    "artifact",
    "approval.requested",
    "approval.decided",
    "signal",
    "delegated",
]


class Event(Model):
    """One thing that happened in a run.

    Attributes:
        workflow_id: The run.
        number: 1, 2, 3 … without a gap within the run; the ``id`` of a server-sent event.
        type: What happened.
        time: When, in UTC.
        data: The details: a progress event holds the fields of :class:`Progress`, an artifact event
            those of :class:`Artifact`, a step event ``step`` and ``seconds``, a failed run those of
            :class:`Failure`.
    """

    workflow_id: str
    number: int
    type: EventType
    time: datetime
    data: dict[str, JsonValue] = Field(default_factory=dict)


class Check(Model):
    """One line of ``perdure doctor``.

    Attributes:
        part: What was looked for.
        found: Whether it is there and works.
        version: Its version, where it has one.
        where: A path or an address.
        advice: What to do when it is not there.
        required: Whether Perdure, or the agent that asks, cannot work without it.
    """

    part: str
    found: bool
    version: str = ""
    where: str = ""
    advice: str = ""
    required: bool = True


class Vote(Model):
    """What one person said to a question.

    Attributes:
        by: Who.
        approved: Yes or no.
        reason: Why, in the person's words.
        at: When, in UTC.
    """

    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    approved: bool
    reason: Annotated[str, StringConstraints(max_length=4_000)] = ""
    at: datetime


class Decision(Model):
    """What came of a question; true when it was approved.

    Attributes:
        approved: Whether enough people said yes, and nobody said no.
        votes: Who said what, when and why.
        expired: Nobody had decided in time, which counts as no.
        decided_at: When, in UTC.
    """

    approved: bool
    votes: tuple[Vote, ...] = ()
    expired: bool = False
    decided_at: datetime

    def __bool__(self) -> bool:
        return self.approved


class Approval(Model):
    """A question that a run asks people, and where it stands.

    Attributes:
        approval_id: Its name, unique everywhere.
        workflow_id: The run that asks.
        question: What is asked.
        data: What the answer depends on.
        of: Who may answer; anybody when empty.
        needed: How many have to say yes.
        asked_at: When, in UTC.
        expires_at: When it counts as refused; never when ``None``.
        votes: What was said so far.
        decision: What came of it; ``None`` while it is open.
    """

    approval_id: str
    workflow_id: str
    question: str
    data: JsonValue = None
    of: tuple[str, ...] = ()
    needed: int = 1
    asked_at: datetime
    expires_at: datetime | None = None
    votes: tuple[Vote, ...] = ()
    decision: Decision | None = None


class Spending(Model):
    """What a run has cost: the ledger's sums.

    Attributes:
        spent: All that was used, thrown-away work included.
        thrown_away: What was used on work whose outcome was lost.
        saved: What the journal, or the response cache, answered instead of a paid model.
        requests: How many requests were made of paid models.
        steps: Steps done.
        seconds: Time at work.
    """

    spent: Usage = Usage()
    thrown_away: Usage = Usage()
    saved: Usage = Usage()
    requests: int = 0
    steps: int = 0
    seconds: float = 0.0


class ResultReference(LastingModel):
    """A result that lies in the stores: what Temporal's history holds in its place.

    Attributes:
        workflow_id: The run it belongs to.
        summary: The first 200 characters of its summary.
        size: Bytes of the whole result as JSON, artifacts not counted.
        artifacts: How many files belong to it.
        metadata: ``agent_type`` and ``tokens_used``.
    """

    workflow_id: str
    summary: str = ""
    size: int = 0
    artifacts: int = 0
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
