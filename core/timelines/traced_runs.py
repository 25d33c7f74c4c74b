"""A run with the timelines of all that it delegated, as a tree."""

from collections.abc import Iterator
from datetime import datetime

from perdure.models import GoalStatus, Model
from perdure.schemas.timelines import PricedUsage, Timeline


class TracedRun(Model):
    """A run, what it did when, and the runs that it delegated.

    Attributes:
        workflow_id: The run.
        goal_id: Its goal.
        agent_type: Its agent.
        description: What was asked, or the beginning of it.
        status: How it stands.
        started_at: When it began, in UTC.
        ended_at: When it ended; ``None`` while it has not.
        trace_id: The trace that its spans are in, where they are sent somewhere.
        error: Why it failed.
        usage: What it used of models, without its delegates.
        timeline: What it did when; ``None`` of a delegate beyond those that are read.
        delegates: The runs that it delegated.
    """

    workflow_id: str
    goal_id: str
    agent_type: str
    description: str
    status: GoalStatus
    started_at: datetime
    ended_at: datetime | None
    trace_id: str | None = None
    error: str | None = None
    usage: PricedUsage = PricedUsage()
    timeline: Timeline | None = None
    delegates: "tuple[TracedRun, ...]" = ()

    @property
    def total(self) -> PricedUsage:
        """What it and its delegates used."""
        return sum((run.total for run in self.delegates), self.usage)

    def timelines(self) -> Iterator[Timeline]:
        """Yield its timeline and those of its delegates, where they were read."""
        if self.timeline is not None:
            yield self.timeline
        for run in self.delegates:
            yield from run.timelines()
