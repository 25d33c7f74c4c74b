"""The words Holdfast speaks: what is handed in, what is told on the way, what comes out.

Every value that crosses a boundary (Temporal, HTTP, the stores, a plugin) is one of these models.
They import nothing else of Holdfast, so that workflow code may use them.
"""

import json
import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, field_validator

WORKFLOW_TYPE = "AgentGoalWorkflow"
TASK_QUEUE = "ai-agent-queue"
PREPARE_ACTIVITY = "prepare_agent_context"
EXECUTE_ACTIVITY = "execute_agent_task"
STORE_ACTIVITY = "store_agent_results"
STORES_AWAY = "StoreUnavailable"

MAX_DESCRIPTION_CHARACTERS = 32_768
MAX_PARAMETERS_BYTES = 262_144

AGENT_NAME_PATTERN = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"

AgentName = Annotated[str, StringConstraints(pattern=AGENT_NAME_PATTERN, max_length=64)]
GoalId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]

Parameters = dict[str, JsonValue]


class Model(BaseModel):
    """The base of every model here: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Goal(Model):
    """What is asked: the input of ``AgentGoalWorkflow`` and the body of ``POST /api/execute-goal``.

    Attributes:
        goal_id: The caller's own name for the goal; two runs may share it.
        description: What the agent is to achieve, in words.
        agent_type: The name of an installed agent.
        parameters: The agent's own settings, checked against its parameters model.
    """

    goal_id: GoalId
    description: Annotated[str, StringConstraints(max_length=MAX_DESCRIPTION_CHARACTERS)]
    agent_type: AgentName
    parameters: Parameters = Field(default_factory=dict)

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


class Failure(Model):
    """Why something did not work.

    Attributes:
        type: The error's class name.
        message: One sentence: what happened, to which thing, what to do next.
        permanent: Whether trying again cannot help.
    """

    type: str
    message: str
    permanent: bool = False


class GoalStatus(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self in {GoalStatus.COMPLETED, GoalStatus.FAILED, GoalStatus.CANCELLED}


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
            ``holdfast-research 0.1.0``.
    """

    workflow_id: str
    goal_id: str
    description: str
    agent_type: str
    parameters: Parameters = Field(default_factory=dict)
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
    "run.completed",
    "run.failed",
    "run.cancelled",
    "progress",
    "step.completed",
    "step.failed",
    "artifact",
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
    """One line of ``holdfast doctor``.

    Attributes:
        part: What was looked for.
        found: Whether it is there and works.
        version: Its version, where it has one.
        where: A path or an address.
        advice: What to do when it is not there.
        required: Whether Holdfast, or the agent that asks, cannot work without it.
    """

    part: str
    found: bool
    version: str = ""
    where: str = ""
    advice: str = ""
    required: bool = True


class Prepared(Model):
    """What ``prepare_agent_context`` returns.

    Attributes:
        agent_version: Distribution and version of the plugin that will run the goal.
    """

    agent_version: str


class ExecuteInput(Model):
    """What ``execute_agent_task`` is given: the goal, and which attempt this is, from 1."""

    goal: Goal
    attempt: Annotated[int, Field(ge=1)] = 1


class Executed(Model):
    """What ``execute_agent_task`` returns.

    Attributes:
        yielded: The agent did not finish: its worker is stopping, and another one is to go on from
            the journal.
    """

    yielded: bool = False


class ResultReference(Model):
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


class StoreInput(Model):
    """What ``store_agent_results`` is given: how the run ended."""

    goal: Goal
    status: GoalStatus
    error: Failure | None = None
    execution_time: float


class GoalOutput(Model):
    """The output of ``AgentGoalWorkflow``.

    Attributes:
        success: Whether the agent delivered.
        result: Where its result lies; ``GET /api/goals/{workflow_id}`` hands out the whole.
        execution_time: Seconds.
        error: Why it failed.
    """

    success: bool
    result: ResultReference | None
    execution_time: float
    error: Failure | None = None
