"""What the workflow and its activities hand each other, and the names they know each other by.

Like the models, these import nothing else of Perdure, so that workflow code may use them.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from perdure.models import Failure, Goal, GoalStatus, Model, ResultReference

WORKFLOW_TYPE = "AgentGoalWorkflow"
TASK_QUEUE = "ai-agent-queue"
PREPARE_ACTIVITY = "prepare_agent_context"
EXECUTE_ACTIVITY = "execute_agent_task"
STORE_ACTIVITY = "store_agent_results"
CLEAN_UP_ACTIVITY = "clean_up_agent"
STORES_AWAY = "StoreUnavailable"

WAKE_SIGNAL = "wake"
PAUSE_SIGNAL = "pause"
RESUME_SIGNAL = "resume"


class Message(Model):
    """The base of these: what a newer worker adds, an older one leaves out."""

    model_config = ConfigDict(extra="ignore")


class Prepared(Message):
    """What ``prepare_agent_context`` returns.

    Attributes:
        agent_version: Distribution and version of the plugin that brings the agent; empty where it
            was not installed.
        stores_id: Which stores hold the run: a worker with others must not touch it.
    """

    agent_version: str
    stores_id: str | None = None


class WaitKind(StrEnum):
    """What a run waits for."""

    APPROVAL = "approval"
    DELEGATE = "delegate"
    SIGNAL = "signal"
    SLEEP = "sleep"


class Wait(Message):
    """One thing that a run waits for, without a worker.

    Attributes:
        id: The name under which ``wake`` tells that it is over.
        kind: What it is.
        until: When it is over in any case, in UTC.
        goal: The goal to start as a child, for a delegate.
        workflow_id: The child's workflow id.
    """

    id: str
    kind: WaitKind
    until: datetime | None = None
    goal: Goal | None = None
    workflow_id: str | None = None


class ExecuteInput(Message):
    """What ``execute_agent_task`` is given.

    Attributes:
        goal: The goal.
        attempt: Which attempt this is, from 1; only failures begin a new one.
        sequence: How many times the workflow has executed, this time included: later is larger.
        continued_from: The Temporal run that this one continues as new.
        last: Whether another failure of the agent ends the goal.
        stores_id: Which stores hold the run.
        after: What the execution before it came to: a failure, a wait, or a yield.
    """

    goal: Goal
    attempt: Annotated[int, Field(ge=1)] = 1
    sequence: Annotated[int, Field(ge=0)] = 0
    continued_from: str | None = None
    last: bool = False
    stores_id: str | None = None
    after: Literal["failure", "wait", "yield"] | None = None


class Executed(Message):
    """What ``execute_agent_task`` returns.

    Attributes:
        yielded: The agent did not finish: its worker is stopping or was lost, or its time is nearly
            up, and the run goes on from the journal.
        lost: It yielded because its worker process died; said by whoever saw that.
        waits: What the run waits for, when it is suspended.
        advanced: Whether this pass took an answer that the run had waited for.
        cancelled: The agent was stopped because somebody asked for it.
        cleaned: Its clean-up is done.
    """

    yielded: bool = False
    lost: bool = False
    waits: tuple[Wait, ...] = ()
    advanced: bool = True
    cancelled: bool = False
    cleaned: bool = False


class Carried(Message):
    """What a run takes along when its workflow continues as new, or starts as a child.

    Attributes:
        started_at: When the run began.
        continued_from: The Temporal run that went before.
        attempt: The attempt under way.
        after: What the last execution came to.
        sequence: Executions so far.
        endured: Failures so far by cause.
        idle: Suspensions in a row that only waited for something else than before.
        waited_for: What the last suspension waited for.
        woken: Waits that are over but were not taken yet.
        paused: Whether the run is paused.
        prepared: Whether it was prepared.
        stores_id: Which stores hold the run.
    """

    started_at: datetime | None = None
    continued_from: str | None = None
    attempt: int = 1
    after: Literal["failure", "wait", "yield"] | None = None
    sequence: int = 0
    endured: dict[str, int] = Field(default_factory=dict)
    idle: int = 0
    waited_for: tuple[str, ...] = ()
    woken: tuple[str, ...] = ()
    paused: bool = False
    prepared: bool = False
    stores_id: str | None = None


class StoreInput(Message):
    """What ``store_agent_results`` is given: how the run ended."""

    goal: Goal
    status: GoalStatus
    error: Failure | None = None
    execution_time: float


class GoalOutput(Message):
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
