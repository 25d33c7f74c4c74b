"""Goals and the records of their runs."""

import json
import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, JsonValue, StringConstraints, field_validator

from perdure.models.base import LastingModel, Model
from perdure.models.events import Progress
from perdure.models.failures import Failure
from perdure.models.results import Artifact, Result
from perdure.models.scores import Score
from perdure.models.tenants import DEFAULT_TENANT, TenantName
from perdure.models.texts import find_surrogates, refuse_surrogates

MAX_DESCRIPTION_CHARACTERS = 32_768
MAX_PARAMETERS_BYTES = 262_144

AGENT_NAME_PATTERN = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"

MAX_AGENT_NAME_CHARACTERS = 64

AgentName = Annotated[
    str, StringConstraints(pattern=AGENT_NAME_PATTERN, max_length=MAX_AGENT_NAME_CHARACTERS)
]
GoalId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]

PoolName = Annotated[
    str, StringConstraints(pattern=AGENT_NAME_PATTERN, max_length=MAX_AGENT_NAME_CHARACTERS)
]
# The workers that belong to no other pool.
DEFAULT_POOL = "default"

# As Temporal's: 1 comes first.
DEFAULT_PRIORITY = 3
Priority = Annotated[int, Field(ge=1, le=5)]

Parameters = dict[str, JsonValue]


class Budget(LastingModel):
    """A hard ceiling on what a goal may use, over all its attempts and the goals it delegates.

    What is not set is not limited.

    Attributes:
        tokens: Tokens of paid models, sent and received together.
        cost: US dollars.
        steps: Executed steps; those that the journal answers do not count.
        seconds: Execution time; waiting does not count.
    """

    tokens: Annotated[int, Field(gt=0)] | None = None
    cost: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    steps: Annotated[int, Field(gt=0)] | None = None
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class GoalContent(LastingModel):
    """What is asked, as callers say it: the body of ``POST /api/execute-goal``.

    Attributes:
        goal_id: The caller's own name for the goal; two runs may share it.
        description: What the agent is to achieve, in words.
        agent_type: The name of an installed agent.
        parameters: The agent's own settings, checked against its parameters model.
        budget: What it may use at most.
        pool: The pool of workers that is to run it; where the installation or the agent says, when
            not given.
        priority: Before which others it goes while it waits for a worker: 1 first, 5 last.
    """

    goal_id: GoalId
    description: Annotated[
        str,
        StringConstraints(max_length=MAX_DESCRIPTION_CHARACTERS),
        # Before, since pydantic's own sentence speaks of raw data that cannot be parsed.
        BeforeValidator(refuse_surrogates),
    ]
    agent_type: AgentName
    parameters: Parameters = Field(default_factory=dict)
    budget: Budget | None = None
    # Left out of the JSON where it is not given: older workers do not know it.
    pool: Annotated[
        PoolName | None, Field(exclude_if=lambda pool: pool in {None, DEFAULT_POOL})
    ] = None
    # Likewise.
    priority: Annotated[
        Priority, Field(exclude_if=lambda priority: priority == DEFAULT_PRIORITY)
    ] = DEFAULT_PRIORITY

    @field_validator("description")
    @classmethod
    def _is_not_blank(cls, description: str) -> str:
        if not re.search(r"\S", description):
            raise ValueError("say in words what the agent is to achieve")
        return description

    @field_validator("parameters")
    @classmethod
    def _are_small_and_text(cls, parameters: Parameters) -> Parameters:
        if place := find_surrogates(parameters, "parameters"):
            raise ValueError(
                f"{place} holds half a surrogate pair, which is no character: leave it out, or give"
                " a file whose name is no UTF-8 another"
            )
        if len(json.dumps(parameters)) > MAX_PARAMETERS_BYTES:
            raise ValueError(
                f"parameters are larger than {MAX_PARAMETERS_BYTES // 1024} KiB: put the data into"
                " a file and pass its path"
            )
        return parameters


class Goal(GoalContent):
    """A goal: the input of ``AgentGoalWorkflow``.

    Attributes:
        tenant: Whose it is. The service sets it that starts the goal, and no caller does. The
            default tenant's goals leave it out of their JSON, as those on record do.
        trace: Where it stands in its trace, likewise set by the service, and left out where it
            stands in none: see :class:`.GoalTrace`.
        schedule: The name of the schedule that has started it, likewise.
        scheduled_at: For which time that has, likewise.
        following: What is started when it has completed, of a goal that a schedule has started.
    """

    tenant: Annotated[TenantName, Field(exclude_if=lambda tenant: tenant == DEFAULT_TENANT)] = (
        DEFAULT_TENANT
    )
    trace: Annotated[str, Field(exclude_if=lambda trace: not trace)] = ""
    schedule: Annotated[str, Field(exclude_if=lambda schedule: not schedule)] = ""
    scheduled_at: Annotated[datetime | None, Field(exclude_if=lambda time: time is None)] = None
    following: Annotated[
        "Following | None", Field(exclude_if=lambda following: following is None)
    ] = None

    def alone(self) -> "Goal":
        """Return it without what follows it, which concerns no agent."""
        if self.following is None:
            return self
        return self.model_copy(update={"following": None})


class Following(LastingModel):
    """The goals that are started one after the other when one that a schedule started completes.

    Attributes:
        goals: The goals.
        time_zone: The schedule's, for ``{scheduled_time}``.
        scheduled_at: The time for which the first one of all was started.
        workflow_id: The workflow that the schedule had started.
        run_id: Its Temporal run.
        number: Which of that workflow's goals the first one of these is, from 0.
    """

    goals: Annotated[tuple[Goal, ...], Field(min_length=1)]
    time_zone: str = "UTC"
    scheduled_at: datetime
    workflow_id: str
    run_id: str
    number: int


Goal.model_rebuild()


class GoalStatus(StrEnum):
    """The status of a run."""

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


class Origin(Model):
    """What a run was made from: it is another run, of the same or an edited goal.

    Attributes:
        workflow_id: The run that it was made from.
        step: The step from which it goes on, such as ``read#3``: what that run had finished before
            it was taken over. ``None`` when it began at the start.
        by: Who had it run again.
    """

    workflow_id: str
    step: str | None = None
    by: str = ""


class Hold(Model):
    """What keeps a goal, whatever its age, until it is released.

    Attributes:
        by: Who put it.
        reason: Why.
        at: When.
        whole_tenant: Whether it keeps all that is the tenant's.
        workflow_id: The goal that it was put on, which keeps its delegates too; empty for a whole
            tenant.
        tenant: Whose goals it keeps.
    """

    by: str
    reason: str = ""
    at: datetime
    whole_tenant: bool = False
    workflow_id: str = ""
    tenant: str = DEFAULT_TENANT


class SlotWait(Model):
    """What a run waits for that may not run yet, since so many others do.

    Attributes:
        limit: The limit that is reached: ``tenant:acme``, ``agent:code`` or ``pool:gpu``.
        running: How many goals run that it counts.
        most: How many may.
        message: The same as a sentence.
    """

    limit: str
    running: int
    most: int
    message: str


class GoalRecord(Model):
    """One run of a goal as the stores know it, and as the API and the command line show it.

    Attributes:
        workflow_id: ``goal-{goal_id}-{uuid}``, which names the run everywhere.
        success: Whether it completed; ``None`` while it has not ended.
        result: What it delivered, in part when it failed or was cancelled.
        error: Why it failed.
        execution_time: Seconds from start to end; ``None`` while it has not ended.
        progress: The last progress reported.
        agent_version: Distribution and version of the plugin that ran it, such as
            ``perdure-research 0.1.0``.
        budget: What it may use at most.
        pool: The pool of workers that runs it.
        priority: Before which others it goes while it waits for a worker: 1 first, 5 last.
        parent: The run that delegated it.
        schedule: The name of the schedule that has started it.
        scheduled_at: For which time that has.
        tenant: Whose it is.
        origin: The run that it was made from, where it was made from one.
        trace_id: The trace that its spans are in, if it is recorded: 32 hexadecimal digits.
        scores: What was said of how good it is, in the order of their names.
        hold: What keeps it from being deleted; not in lists.
        slot: What it waits for where only so many goals may run at once; not in lists.
    """

    workflow_id: str
    goal_id: str
    description: str
    agent_type: str
    parameters: Parameters = Field(default_factory=dict)
    budget: Budget | None = None
    pool: str = DEFAULT_POOL
    priority: int = DEFAULT_PRIORITY
    parent: str | None = None
    schedule: str | None = None
    scheduled_at: datetime | None = None
    tenant: str = DEFAULT_TENANT
    origin: Origin | None = None
    trace_id: str | None = None
    status: GoalStatus
    success: bool | None = None
    result: Result | None = None
    error: Failure | None = None
    execution_time: float | None = None
    progress: Progress | None = None
    artifacts: tuple[Artifact, ...] = ()
    scores: tuple[Score, ...] = ()
    hold: Hold | None = None
    slot: SlotWait | None = None
    agent_version: str | None = None
    started_at: datetime
    ended_at: datetime | None = None

    def asked(self) -> Goal:
        """Return the goal as it was handed in, which stands in no trace."""
        return Goal(
            goal_id=self.goal_id,
            description=self.description,
            agent_type=self.agent_type,
            parameters=self.parameters,
            budget=self.budget,
            pool=self.pool,
            priority=self.priority,
            tenant=self.tenant,
        )
