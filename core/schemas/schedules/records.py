"""Schedules as they are: when they start something next, and what they have started."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel

from perdure.models import GoalStatus
from perdure.models.schedules.content import ScheduleContent


class StartStatus(StrEnum):
    """What became of one start of a schedule."""

    STARTING = "starting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNCHANGED = "unchanged"
    UNKNOWN = "unknown"


class StartedGoal(BaseModel):
    """A goal that a schedule has started.

    Attributes:
        workflow_id: Its run.
        goal_id: Its own name.
        agent_type: Its agent.
        status: Its status.
    """

    workflow_id: str
    goal_id: str
    agent_type: str
    status: GoalStatus


class ScheduleStart(BaseModel):
    """One start of a schedule.

    Attributes:
        scheduled_at: When it was to be, jitter included.
        started_at: When it was.
        status: What became of it; ``unchanged`` when a watch found nothing new, ``unknown`` when
            Temporal has forgotten it.
        goals: The goals that it has started and that are on record.
    """

    scheduled_at: datetime
    started_at: datetime
    status: StartStatus
    goals: list[StartedGoal]


class ScheduleRecord(BaseModel):
    """A schedule.

    Attributes:
        schedule: What it starts, and when; in lists, the beginnings of descriptions alone.
        paused: Whether it starts nothing by itself now.
        note: Why it is paused: by hand, or by which failure.
        next_times: When it starts something next, 10 at most (5 in lists), in its time zone. None
            when it is over.
        last_time: When it last started something.
        created_at: Since when there is one; not in lists.
        started: How many times it has started something; not in lists.
        skipped: How many times it did not since the one before still ran; not in lists.
        missed: How many times it did not since it was too late; not in lists.
        starts: The last 10 starts, newest first; not in lists.
    """

    schedule: ScheduleContent
    paused: bool = False
    note: str = ""
    next_times: list[datetime]
    last_time: datetime | None = None
    created_at: datetime | None = None
    started: int | None = None
    skipped: int | None = None
    missed: int | None = None
    starts: list[ScheduleStart] | None = None


class ScheduleList(BaseModel):
    """The schedules of a tenant, in the order of their names."""

    schedules: list[ScheduleRecord]
