"""What is asked of schedules."""

from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from perdure.models.base import RequestModel
from perdure.models.schedules.content import ScheduleContent
from perdure.schemas.goals import GoalRequest
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
