"""Many goals at once: which are meant, pages of them, how many, what came of each."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Annotated, Final, Self, TypedDict

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from perdure.models import GoalRecord, GoalStatus
from perdure.models.base import RequestModel
from perdure.schemas.times import WrittenOut

MAX_RUNS: Final = 500


def _in_utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


Time = Annotated[datetime, WrittenOut, AfterValidator(_in_utc)]


class GoalFilter(TypedDict, total=False):
    """Criteria that runs must meet, all of them; one that is ``None`` or left out takes any.

    Attributes:
        status: Their status, or several of which they have one.
        agent_type: Their agent.
        since: They started at this time or later.
        until: They started before this time.
        ended_since: They ended at this time or later.
        delegated: Whether another run delegated them.
        parent: The run that delegated them.
        started_by: Who handed them in, or the run at the top of those that delegated them: the
            name of the key or of the person, or the system's user "on the command line", as it is
            in the audit table.
        schedule: The name of the schedule that has started them.
        search: Words of their description, error or result's summary, and beginnings of their ids:
            all of them, in any order, each word from its beginning; capitals and accents do not
            matter.
    """

    status: GoalStatus | Collection[GoalStatus] | None
    agent_type: str | None
    since: datetime | None
    until: datetime | None
    ended_since: datetime | None
    delegated: bool | None
    parent: str | None
    started_by: str | None
    schedule: str | None
    search: str | None


class GoalCriteria(RequestModel):
    """What runs must meet, all of it; what is left out takes any."""

    status: list[GoalStatus] = Field(
        [], max_length=20, fail_fast=True, description="One of these; several may be."
    )
    agent_type: str | None = Field(None, description="Their agent.")
    since: Time | None = Field(None, description="They started then or later (ISO 8601, UTC).")
    until: Time | None = Field(None, description="They started before.")
    ended_since: Time | None = Field(None, description="They ended then or later.")
    delegated: bool | None = Field(None, description="Whether another run delegated them.")
    parent: str | None = Field(None, description="The run that delegated them.")
    started_by: str | None = Field(
        None,
        description="Who handed them in, as the audit table has it: the name of the key or of the"
        " person, or the system's user `on the command line`.",
    )
    schedule: str | None = Field(
        None, description="The name of the schedule that has started them."
    )
    search: str | None = Field(
        None,
        max_length=1_000,
        description="Words of their description, error or result's summary, and beginnings of their"
        " ids: all of them, in any order, each word from its beginning. Capitals and accents do not"
        " matter.",
    )

    @property
    def criteria(self) -> GoalFilter:
        """The filter that it stands for."""
        return GoalFilter(
            status=self.status or None,
            agent_type=self.agent_type,
            since=self.since,
            until=self.until,
            ended_since=self.ended_since,
            delegated=self.delegated,
            parent=self.parent,
            started_by=self.started_by,
            schedule=self.schedule,
            search=(self.search or "").strip() or None,
        )


class GoalQuery(GoalCriteria):
    """Which runs are counted; parameters that are not known are ignored."""

    model_config = ConfigDict(extra="ignore")


class GoalPageQuery(GoalQuery):
    """Which runs are listed, and which page of them."""

    limit: int = Field(50, ge=1, le=500)
    before: str | None = Field(
        None, description="`before` of the previous page, or a time (ISO 8601)."
    )


class GoalPage(BaseModel):
    """One page of runs, newest first.

    Of a description, and of each parameter, that has more than 1,000 characters the beginning is
    there; `GET /api/goals/{workflow_id}` has all of it.

    Attributes:
        goals: The runs, without results and artifacts.
        before: Hand it in as ``before`` to get the next page; ``None`` when this is the last.
    """

    goals: list[GoalRecord]
    before: str | None


class GoalCounts(BaseModel):
    """How many runs have each status.

    Attributes:
        counts: The number by status: every status is there.
        total: Of all.
    """

    counts: dict[GoalStatus, int]
    total: int


class FoundGoal(BaseModel):
    """The run that a name stands for."""

    workflow_id: str


class ManyGoalsRequest(RequestModel):
    """Which runs are meant: those that are named, or those that a filter fits.

    Attributes:
        workflow_ids: The runs.
        filter: Criteria, at least one: of the runs that meet them the newest are taken.
        limit: How many of these at most.
    """

    workflow_ids: (
        Annotated[list[str], Field(min_length=1, max_length=MAX_RUNS, fail_fast=True)] | None
    ) = None
    filter: GoalCriteria | None = None
    limit: int = Field(MAX_RUNS, ge=1, le=MAX_RUNS)

    @model_validator(mode="after")
    def _names_some(self) -> Self:
        if (self.workflow_ids is None) == (self.filter is None):
            raise ValueError("give workflow_ids, or a filter, and not both")
        if self.filter is not None and all(
            criterion is None for criterion in self.filter.criteria.values()
        ):
            raise ValueError("give the filter at least one criterion, such as a status")
        return self

    @property
    def runs(self) -> list[str] | GoalFilter:
        """The workflow ids, or the filter."""
        if self.workflow_ids is not None:
            return self.workflow_ids
        assert self.filter is not None
        return self.filter.criteria


class GoalOutcome(BaseModel):
    """What came of one run.

    Attributes:
        workflow_id: The run.
        status: ``cancelling`` or ``started``, or the final status that it had before; ``None`` when
            nothing was done.
        problem: Why nothing was done, in a sentence.
        type: The type of that problem, as other responses have it.
    """

    workflow_id: str
    status: str | None = None
    problem: str | None = None
    type: str | None = None


class ManyGoalsResponse(BaseModel):
    """What came of each run.

    Attributes:
        goals: The runs.
        more: Whether the filter fits more runs than were taken: send the request again.
    """

    goals: list[GoalOutcome]
    more: bool
