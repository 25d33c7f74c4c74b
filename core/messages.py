"""The inputs and outputs of the workflow and its activities, and the names of both.

Like the models, these import nothing else of Perdure, so that workflow code may use them.
"""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AliasChoices, ConfigDict, Field

from perdure.models import DEFAULT_POOL, Failure, Goal, GoalStatus, Model, ResultReference
from perdure.models.schedules.content import ScheduleContent

WORKFLOW_TYPE = "AgentGoalWorkflow"
TASK_QUEUE = "ai-agent-queue"  # of the default pool; see task_queue()
PREPARE_ACTIVITY = "prepare_agent_context"
EXECUTE_ACTIVITY = "execute_agent_task"
STORE_ACTIVITY = "store_agent_results"
CLEAN_UP_ACTIVITY = "clean_up_agent"
SCHEDULED_WORKFLOW_TYPE = "ScheduledGoalWorkflow"
PREPARE_SCHEDULED_ACTIVITY = "prepare_scheduled_goal"
STORES_AWAY = "StoreUnavailable"

BATCH_WORKFLOW_TYPE = "BatchWorkflow"
# Of its own, which workers of every pool poll: what feeds a batch takes no slot of a goal, and a
# worker that is too old to know batches gets none.
BATCH_QUEUE = "perdure-batches"
FEED_ACTIVITY = "feed_batch"

WAKE_SIGNAL = "wake"
PAUSE_SIGNAL = "pause"
RESUME_SIGNAL = "resume"

# The stores have something new for a batch: it was started, resumed, given items.
NEWS_SIGNAL = "news"

# The id of the wait for a slot, where only so many goals may run at once; a run has one at most.
SLOT_WAIT = "slot"


def task_queue(pool: str | None) -> str:
    """Return the task queue of a pool of workers: ``ai-agent-queue-gpu`` for ``gpu``."""
    return TASK_QUEUE if pool in {None, DEFAULT_POOL} else f"{TASK_QUEUE}-{pool}"


class Message(Model):
    """The base of these: an older worker ignores the fields that a newer one adds."""

    model_config = ConfigDict(extra="ignore")


class PrepareOutput(Message):
    """The output of ``prepare_agent_context``.

    Attributes:
        agent_version: Distribution and version of the plugin that registers the agent; empty where
            it was not installed.
        stores_id: Which stores hold the run: a worker with others must not execute it.
        waits: What it waits for before its first execution, if anything.
    """

    agent_version: str
    stores_id: str | None = None
    waits: tuple["Wait", ...] = ()


class WaitKind(StrEnum):
    """The kinds of what a run waits for."""

    APPROVAL = "approval"
    DELEGATE = "delegate"
    SIGNAL = "signal"
    SLEEP = "sleep"


class Wait(Message):
    """One thing that a parked run waits for.

    Attributes:
        id: The id that the signal ``wake`` names when it is over.
        kind: What kind it is.
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
    """The input of ``execute_agent_task``.

    Attributes:
        goal: The goal.
        attempt: Which attempt this is, from 1; only failures begin a new one.
        sequence: Which execution of the run this is: a later one has a larger number.
        continued_from: The Temporal run that this one continues as new.
        last: Whether another failure of the agent ends the goal.
        stores_id: Which stores hold the run.
        after: How the execution before it ended: with a failure, a wait, or a yield.
    """

    goal: Goal
    attempt: Annotated[int, Field(ge=1)] = 1
    sequence: Annotated[int, Field(ge=0)] = 0
    continued_from: str | None = None
    last: bool = False
    stores_id: str | None = None
    after: Literal["failure", "wait", "yield"] | None = None


class ExecuteOutput(Message):
    """The output of ``execute_agent_task``.

    Attributes:
        yielded: The agent did not finish: its worker is stopping or was lost, or its time is nearly
            up, and the run goes on from the journal.
        lost: It yielded because its worker process died; set by whoever noticed that.
        waits: What the run waits for, when it is parked.
        advanced: Whether this execution took the outcome of a wait.
        cancelled: The agent was stopped because somebody cancelled the run.
        cleaned: Whether its clean-up is done.
        gated: Nothing was executed: the run waits for a slot.
    """

    yielded: bool = False
    lost: bool = False
    waits: tuple[Wait, ...] = ()
    advanced: bool = True
    cancelled: bool = False
    cleaned: bool = False
    gated: bool = False


# A kind that workers of every version know.
WAIT_FOR_SLOT = Wait(id=SLOT_WAIT, kind=WaitKind.SIGNAL)


class WorkflowState(Message):
    """The state of a run, passed on when its workflow continues as new.

    Attributes:
        started_at: When the run started.
        continued_from: The Temporal run before this one.
        attempt: The current attempt.
        after: How the last execution ended.
        sequence: How many executions there were.
        failures: How many failures there were, by cause.
        idle: How many times in a row it was parked for something else without advancing.
        waited_for: The ids of what it waited for last.
        woken: The ids of waits that are over and not yet taken by an execution.
        paused: Whether the run is paused.
        prepared: Whether it was prepared.
        stores_id: Which stores hold the run.
    """

    started_at: datetime | None = None
    continued_from: str | None = None
    attempt: int = 1
    after: Literal["failure", "wait", "yield"] | None = None
    sequence: int = 0
    # In histories on record, and to workers of other versions, it is called `endured`.
    failures: dict[str, int] = Field(
        default_factory=dict,
        validation_alias=AliasChoices("failures", "endured"),
        serialization_alias="endured",
    )
    idle: int = 0
    waited_for: tuple[str, ...] = ()
    woken: tuple[str, ...] = ()
    paused: bool = False
    prepared: bool = False
    stores_id: str | None = None


class StoreInput(Message):
    """The input of ``store_agent_results``: how the run ended."""

    goal: Goal
    status: GoalStatus
    error: Failure | None = None
    execution_time: float


class GoalOutput(Message):
    """The output of ``AgentGoalWorkflow``.

    Attributes:
        success: Whether the agent finished.
        result: Where its result is stored; ``GET /api/goals/{workflow_id}`` returns it.
        execution_time: Seconds.
        error: Why it failed.
    """

    success: bool
    result: ResultReference | None
    execution_time: float
    error: Failure | None = None


class ResumedStart(Message):
    """The start of a schedule that goes on, since a goal of it was retried and has completed.

    Attributes:
        follows: That goal's run.
        scheduled_at: The time for which the schedule had started it.
        workflow_id: The workflow that the schedule had started.
        run_id: Its Temporal run.
        number: Which of that workflow's goals comes next.
    """

    follows: str
    scheduled_at: datetime
    workflow_id: str
    run_id: str
    number: int


class ScheduledGoals(Message):
    """The input of ``ScheduledGoalWorkflow``: what a schedule starts each time.

    Attributes:
        goals: The goal, and those that follow it when it has completed.
        time_zone: The schedule's, for ``{scheduled_time}``.
        only_if_changed: Start none when the first one's files are as they were.
        resumed: The start that this one goes on with, where it does.
        content: The schedule, as lists show it; older ones have it in their memo.
    """

    goals: Annotated[tuple[Goal, ...], Field(min_length=1)]
    time_zone: str = "UTC"
    only_if_changed: bool = False
    resumed: ResumedStart | None = None
    content: ScheduleContent | None = None


class ScheduledOutput(Message):
    """The output of ``ScheduledGoalWorkflow``; the schedule hands it to the next one.

    Attributes:
        digest: The digest of the files that the goal last completed with, of a watch.
        unchanged: Nothing was started: they were as they had been.
    """

    digest: str = ""
    unchanged: bool = False


class PrepareScheduledInput(Message):
    """The input of ``prepare_scheduled_goal``.

    Attributes:
        goal: The goal, as the schedule has it.
        scheduled_at: The time for which it is started.
        time_zone: The schedule's.
        follows: The run after which it is started.
        watched: Whether to start it only if its files have changed.
        digest: Their digest when it last completed; empty where there is none.
    """

    goal: Goal
    scheduled_at: datetime
    time_zone: str = "UTC"
    follows: str | None = None
    watched: bool = False
    digest: str = ""


class PrepareScheduledOutput(Message):
    """The output of ``prepare_scheduled_goal``.

    Attributes:
        goal: The goal to start; ``None`` where its files are as they were.
        digest: The digest of its files, of a watch.
    """

    goal: Goal | None = None
    digest: str = ""


def scheduled_goal_id(goal_id: str, workflow_id: str, run_id: str, number: int) -> str:
    """Return the workflow id of a goal that a schedule starts, which others can derive too.

    Args:
        goal_id: The goal's own name.
        workflow_id: The workflow that the schedule has started.
        run_id: Its Temporal run.
        number: Which of its goals it is, from 0.
    """
    return f"goal-{goal_id}-{scheduled_goal_uuid(workflow_id, run_id, number)}"


def scheduled_goal_uuid(workflow_id: str, run_id: str, number: int) -> str:
    """Return how the workflow id of such a goal ends, whatever its own name is."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"perdure:{workflow_id}/{run_id}/{number}"))


class BatchInput(Message):
    """The input of ``BatchWorkflow`` and of ``feed_batch``: all else is in the stores."""

    batch_id: str


class FeedOutput(Message):
    """The output of ``feed_batch``.

    Attributes:
        over: Nothing is to be done before somebody adds items, resumes or retries.
        status: The batch's status.
        ended: How many of its items ended meanwhile.
    """

    over: bool
    status: str
    ended: int = 0


class BatchOutput(Message):
    """The output of ``BatchWorkflow``: the batch's status, as the stores have it."""

    batch_id: str
    status: str
