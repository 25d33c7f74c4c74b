"""What is asked of schedules."""

from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, model_validator

from perdure.models import Parameters
from perdure.models.base import RequestModel
from perdure.models.schedules.content import OverlapPolicy, ScheduleContent
from perdure.schemas.goals import BudgetRequest, GoalRequest
from perdure.schemas.times import WrittenOut

# So many starts may be made up for at once.
MAX_BACKFILLED: Final = 500

WrittenTime = Annotated[AwareDatetime, WrittenOut]


class ScheduleRequest(ScheduleContent, RequestModel):
    """A schedule that is to be created."""

    # Its fields mean what they mean there.
    model_config = ConfigDict(json_schema_extra={"description": ScheduleContent.__doc__ or ""})

    goal: GoalRequest
    start_at: WrittenTime | None = None
    end_at: WrittenTime | None = None
    on_success: Annotated[tuple[GoalRequest, ...], Field(max_length=10)] = ()


class GoalChanges(RequestModel):
    """What is to be different in a schedule's goal; what is not given stays.

    Attributes:
        goal_id: Its name.
        description: What the agent is to achieve.
        agent_type: The agent.
        parameters: All of the agent's settings.
        budget: What it may use at most; ``null`` for no limit.
        pool: The pool of workers that is to run it; ``null`` for where the installation says.
        priority: Before which others it goes: 1 first, 5 last.
    """

    goal_id: str | None = None
    description: str | None = None
    agent_type: str | None = None
    parameters: Parameters | None = None
    budget: BudgetRequest | None = None
    pool: str | None = None
    priority: int | None = None


class ScheduleChanges(RequestModel):
    """What is to be different in a schedule; what is not given stays.

    Its fields mean what they mean where one is created. ``cron`` given without ``every_seconds``
    takes its place, and the other way round.
    """

    goal: GoalChanges | None = None
    cron: tuple[str, ...] | None = None
    every_seconds: int | None = None
    offset_seconds: int | None = None
    time_zone: str | None = None
    jitter_seconds: int | None = None
    start_at: WrittenTime | None = None
    end_at: WrittenTime | None = None
    overlap: OverlapPolicy | None = None
    catch_up_seconds: int | None = None
    pause_on_failure: bool | None = None
    only_if_changed: bool | None = None
    on_success: Annotated[tuple[GoalRequest, ...], Field(max_length=10)] | None = None

    def changed(self) -> list[JsonValue]:
        """Return the names of what is different, sorted, as the audit table has them."""
        return [*sorted(self.model_fields_set)]

    def applied_to(self, content: ScheduleContent) -> ScheduleContent:
        """Return a schedule with these changes.

        Raises:
            ValidationError: It is none any more.
        """
        given = self.model_dump(exclude_unset=True)
        goal = given.pop("goal", None) or {}
        if given.get("cron") and "every_seconds" not in given:
            given |= {"every_seconds": None, "offset_seconds": 0}
        elif given.get("every_seconds") and "cron" not in given:
            given["cron"] = ()
        whole = content.model_dump()
        return ScheduleContent.model_validate(whole | given | {"goal": whole["goal"] | goal})


class BackfillRequest(RequestModel):
    """A schedule is to start what it would have started in a time that is over.

    Attributes:
        start_at: The beginning of that time, with its time zone; a start at it counts.
        end_at: Its end; a start at it counts.
    """

    start_at: WrittenTime
    end_at: WrittenTime

    @model_validator(mode="after")
    def _is_a_time(self) -> Self:
        if self.end_at < self.start_at:
            raise ValueError("the time ends before it begins: give the earlier one first")
        return self


class BackfillResponse(BaseModel):
    """What is started, one after the other unless the schedule allows all at once.

    Attributes:
        name: The schedule.
        times: For which times.
    """

    name: str
    times: list[datetime]
